"""The model that trains: a frozen base with LoRA, its adapter on disk, and the loss over learned tokens."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from litgpt.lora import GPT, Config, LoRALinear, lora_filter, mark_only_lora_as_trainable
from safetensors.torch import load_file, save
from torch.utils.checkpoint import checkpoint

from .architecture import State
from .attention import chat_bounds, compute_dtype, has_varlen, run_chat_by_chat, same_chat
from .base import Base
from .errors import JobError
from .files import read_json, sha256_bytes, sha256_file, write_file, write_json

TARGET_FIELDS = {"q": "lora_query", "k": "lora_key", "v": "lora_value", "o": "lora_projection"}
MLP_TARGETS = {"gate": "fc_1", "up": "fc_2", "down": "proj"}
RECOMPUTE_ABOVE = 1_000_000_000
IGNORED = -100


class TokenLoss(torch.nn.Module):
    """A GPT and the sum of its losses over learned tokens; only their positions pass through the head."""

    def __init__(self, gpt: GPT, recompute: bool = False) -> None:
        super().__init__()
        self.gpt = gpt
        self.recompute = recompute

    def forward(
        self,
        tokens: torch.Tensor,
        labels: torch.Tensor,
        weights: torch.Tensor,
        chats: torch.Tensor | None = None,
        places: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return the weighted and the plain sum of losses, in nats, shape (2,).

        Args:
            tokens: token ids, (B, T).
            labels: the token to say at each position, or IGNORED, (B, T).
            weights: the weight of each position, (B, T).
            chats: which chat of its row each position belongs to, (B, T); None where each row is one chat.
            places: the place of each position in its chat, (B, T); None as before.
        """
        learned = labels != IGNORED
        logits = self.gpt.lm_head(self.hidden(tokens, chats, places)[learned]).float()
        losses = torch.nn.functional.cross_entropy(logits, labels[learned], reduction="none")
        return torch.stack(((losses * weights[learned]).sum(), losses.detach().sum()))

    def hidden(
        self, tokens: torch.Tensor, chats: torch.Tensor | None = None, places: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the last hidden states, (B, T, n_embd): LitGPT's forward without its head, chat by chat."""
        gpt = self.gpt
        run: Callable[..., torch.Tensor] = torch.nn.Module.__call__
        if chats is None or places is None:
            cos, sin, last = gpt.cos[None, : tokens.size(1)], gpt.sin[None, : tokens.size(1)], None
        elif has_varlen(tokens.device, compute_dtype(gpt)):
            cos, sin, last, run = gpt.cos[places], gpt.sin[places], chat_bounds(chats), run_chat_by_chat
        else:
            cos, sin, last = gpt.cos[places], gpt.sin[places], same_chat(chats)
        x = gpt.transformer.wte(tokens)
        for block in gpt.transformer.h:
            if self.recompute:
                x = checkpoint(run, block, x, cos, sin, last, use_reentrant=False)
            else:
                x = run(block, x, cos, sin, last)
        return gpt.transformer.ln_f(x)


def build_model(
    base: Base, lora: Mapping[str, Any] | None, block_size: int, dtype: torch.dtype, device: torch.device, seed: int
) -> GPT:
    """Return a GPT whose base is frozen in `dtype` and whose LoRA, if any, is new and in float32.

    Args:
        base: a prepared base.
        lora: rank, alpha, dropout and targets, or None for the base alone.
        block_size: the longest sequence to run, in tokens.
        dtype: of the frozen base.
        device: where all tensors live.
        seed: fixes the new LoRA's first values, whatever else has drawn from torch's generator.
    """
    config = Config(**base.fields(block_size), **lora_fields(lora))
    with torch.device("meta"):
        gpt = GPT(config)
        drop_targets(gpt, lora)
    state = base.load_state()
    tied = state["lm_head.weight"] is state["transformer.wte.weight"]
    moved = {name: tensor.to(device=device, dtype=dtype) for name, tensor in state.items() if name != "lm_head.weight"}
    head = moved["transformer.wte.weight"] if tied else state["lm_head.weight"].to(device=device, dtype=dtype)
    missing, unexpected = gpt.load_state_dict({**moved, "lm_head.weight": head}, strict=False, assign=True)
    missing = [name for name in missing if not lora_filter(name, None)]
    if missing or unexpected:
        name = (missing or unexpected)[0]
        raise JobError("InvalidInput", f"The base's tensor {name} does not fit its config.json: fetch the model again.")
    _new_lora(gpt, device, seed)
    gpt.cos, gpt.sin = gpt.rope_cache(device=device)
    mark_only_lora_as_trainable(gpt)
    return gpt


def lora_fields(lora: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return LitGPT's LoRA settings; it knows one switch for the whole MLP, which `drop_targets` refines."""
    if lora is None:
        return {"lora_r": 0}
    targets = set(lora["targets"])
    chosen = {field: target in targets for target, field in TARGET_FIELDS.items()}
    return {
        "lora_r": lora["rank"],
        "lora_alpha": lora["alpha"],
        "lora_dropout": lora["dropout"],
        "lora_mlp": bool(targets & MLP_TARGETS.keys()),
        **chosen,
    }


def lora_state(gpt: GPT) -> State:
    """Return the LoRA tensors by name, on the CPU, apart from the model's own."""
    return {name: value.detach().cpu().clone() for name, value in gpt.state_dict().items() if lora_filter(name, value)}


def load_lora(gpt: GPT, state: Mapping[str, torch.Tensor]) -> None:
    """Set the LoRA tensors, all of them."""
    own = {name: parameter for name, parameter in gpt.named_parameters() if lora_filter(name, parameter)}
    if own.keys() != state.keys() or any(own[name].shape != state[name].shape for name in own):
        raise JobError("InvalidInput", "The adapter does not fit this base: use the base that it was trained on.")
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(state[name])


def save_adapter(folder: Path, state: State, lora: Mapping[str, Any], base_digest: str) -> str:
    """Write `adapter.safetensors` and `adapter.json`, and return the digest of the former."""
    folder.mkdir(parents=True, exist_ok=True)
    data = save({name: state[name].contiguous() for name in sorted(state)}, metadata={"format": "pt"})
    write_file(folder / "adapter.safetensors", data)
    digest = sha256_bytes(data)
    write_json(folder / "adapter.json", {**lora, "base_digest": base_digest, "digest": digest})
    return digest


def read_adapter(folder: Path, base: Base) -> tuple[dict[str, Any], State]:
    """Return an adapter's settings and tensors after a check that they are whole and of this base."""
    try:
        about: dict[str, Any] = read_json(folder / "adapter.json")
        digest = sha256_file(folder / "adapter.safetensors")
    except (OSError, json.JSONDecodeError) as error:
        raise JobError(
            "InvalidInput", f"There is no adapter in {folder}: train one first or correct the path."
        ) from error
    if digest != about["digest"]:
        raise JobError("InvalidInput", f"The adapter in {folder} is damaged: train it again.")
    if about["base_digest"] != base.digest:
        raise JobError("InvalidInput", "The adapter was trained on another base: use the base that it was trained on.")
    return about, load_file(folder / "adapter.safetensors")


@contextmanager
def without_lora(gpt: GPT) -> Iterator[None]:
    """Let the model answer as its frozen base, at no cost of memory."""
    layers = [module for module in gpt.modules() if isinstance(module, LoRALinear)]
    for layer in layers:
        layer.merged = True
    try:
        yield
    finally:
        for layer in layers:
            layer.merged = False


def lora_layers(gpt: GPT) -> list[tuple[str, LoRALinear]]:
    """Return the layers that have LoRA tensors, by name."""
    found = ((name, module) for name, module in gpt.named_modules() if isinstance(module, LoRALinear))
    return [(name, module) for name, module in found if hasattr(module, "lora_A")]


def trainable(gpt: GPT) -> Sequence[torch.nn.Parameter]:
    """Return the parameters that learn, in a fixed order."""
    return [parameter for _, parameter in sorted(gpt.named_parameters()) if parameter.requires_grad]


def drop_targets(gpt: GPT, lora: Mapping[str, Any] | None) -> None:
    """Make plain those MLP layers that are not among the targets."""
    dropped = [layer for target, layer in MLP_TARGETS.items() if lora and target not in lora["targets"]]
    for block in gpt.transformer.h:
        for layer in (getattr(block.mlp, name) for name in dropped):
            layer.r = 0
            layer.__dict__["_parameters"].pop("lora_A", None)
            layer.__dict__["_parameters"].pop("lora_B", None)


def _new_lora(gpt: GPT, device: torch.device, seed: int) -> None:
    """Give every LoRA layer its first values: A as LitGPT draws it, from a generator of our own, and B zero."""
    generator = torch.Generator().manual_seed(seed)
    for _, layer in sorted(lora_layers(gpt)):
        a = torch.empty(layer.lora_A.shape, dtype=torch.float32)
        torch.nn.init.kaiming_uniform_(a, a=math.sqrt(5), generator=generator)
        layer.lora_A = torch.nn.Parameter(a.to(device))
        layer.lora_B = torch.nn.Parameter(torch.zeros(layer.lora_B.shape, dtype=torch.float32, device=device))
