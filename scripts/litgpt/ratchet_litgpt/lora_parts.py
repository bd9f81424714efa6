"""An adapter's tensors as other programs know them: a pair for each of the base's own linear layers."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from litgpt.config import Config

from .architecture import State, architecture_of
from .errors import JobError
from .model import MLP_TARGETS

QKV = ("q", "k", "v")


@dataclass(frozen=True)
class LoraPart:
    """What is added to one linear layer: `scale` · B · A.

    Attributes:
        name: of the layer in the base, without `.weight`.
        a: (rank, in).
        b: (out, rank). The rank is a multiple of the adapter's where the base keeps several layers as one.
        scale: alpha divided by the adapter's rank.
    """

    name: str
    a: torch.Tensor
    b: torch.Tensor
    scale: float


def lora_parts(hf: Mapping[str, Any], config: Config, about: Mapping[str, Any], state: State) -> list[LoraPart]:
    """Return an adapter's pairs in the order of the layers, in float32, under the names that the base has in `hf`.

    Raises InvalidInput for weights that are no LoRA.
    """
    if not about.get("rank") or not state:
        raise JobError(
            "InvalidInput", "This training changed all the weights, so there is no adapter: export them merged."
        )
    fused = architecture_of(hf).fused
    scale = about["alpha"] / about["rank"]
    parts: list[LoraPart] = []
    for layer in range(config.n_layer):
        at, to = f"transformer.h.{layer}.", f"model.layers.{layer}."
        queries = _qkv(config, about, state, at)
        mlp = _mlp(config, about, state, at)
        found = [
            *_joined("self_attn.qkv_proj", "self_attn.{}_proj", queries, fused),
            *_one("self_attn.o_proj", state, f"{at}attn.proj"),
            *_joined("mlp.gate_up_proj", "mlp.{}_proj", mlp, fused),
            *_one("mlp.down_proj", state, f"{at}mlp.proj"),
        ]
        parts += [LoraPart(f"{to}{name}", a, b, scale) for name, a, b in found]
    return parts


Pair = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class _Slot:
    """A linear layer that the base may keep together with others: how many rows it has, and its pair, if it learned."""

    name: str
    rows: int
    pair: Pair | None


def _qkv(config: Config, about: Mapping[str, Any], state: State, at: str) -> list[_Slot]:
    """LitGPT keeps A of the learned ones of q, k, v below each other, and B likewise."""
    sizes = dict(zip(QKV, (config.n_head, config.n_query_groups, config.n_query_groups), strict=True))
    slots, row, rank = [], 0, about["rank"]
    taken = 0
    for name in QKV:
        rows = sizes[name] * config.head_size
        pair = None
        if name in about["targets"]:
            a = state[f"{at}attn.qkv.lora_A"][taken * rank : (taken + 1) * rank].float()
            pair = (a, state[f"{at}attn.qkv.lora_B"][row : row + rows].float())
            taken, row = taken + 1, row + rows
        slots.append(_Slot(name, rows, pair))
    return slots


def _mlp(config: Config, about: Mapping[str, Any], state: State, at: str) -> list[_Slot]:
    slots = []
    for name in ("gate", "up"):
        key = f"{at}mlp.{MLP_TARGETS[name]}"
        pair = (state[f"{key}.lora_A"].float(), state[f"{key}.lora_B"].float()) if name in about["targets"] else None
        slots.append(_Slot(name, config.intermediate_size, pair))
    return slots


def _one(name: str, state: State, key: str) -> Iterator[tuple[str, torch.Tensor, torch.Tensor]]:
    if f"{key}.lora_A" in state:
        yield name, state[f"{key}.lora_A"].float(), state[f"{key}.lora_B"].float()


def _joined(
    whole: str, single: str, slots: list[_Slot], fused: bool
) -> Iterator[tuple[str, torch.Tensor, torch.Tensor]]:
    """Yield each pair by itself, or one pair for all: the A below each other, and the B along a diagonal."""
    learned = [(slot, slot.pair) for slot in slots if slot.pair is not None]
    if not fused:
        for slot, (a, b) in learned:
            yield single.format(slot.name), a, b
    elif learned:
        rank = len(learned[0][1][0])
        b = torch.zeros(sum(slot.rows for slot in slots), rank * len(learned))
        row = column = 0
        for slot in slots:
            if slot.pair is not None:
                b[row : row + slot.rows, column : column + rank] = slot.pair[1]
                column += rank
            row += slot.rows
        yield whole, torch.cat([pair[0] for _, pair in learned]), b
