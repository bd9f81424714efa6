"""The model that trains: a frozen base with LoRA, its adapter on disk, and the loss over learned tokens."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from litgpt.lora import GPT, Config, LoRALinear, lora_filter, mark_only_lora_as_trainable
from litgpt.model import RMSNorm
from safetensors.torch import load_file, save
from torch.overrides import TorchFunctionMode
from torch.utils.checkpoint import checkpoint

from .architecture import State
from .attention import chat_bounds, has_varlen, run_chat_by_chat, same_chat
from .autocast import computed_in
from .base import Base
from .divergence import divergences
from .end_to_end import hidden_of, lay, runs_end_to_end, shared
from .errors import JobError
from .family import embed, positions_of
from .files import read_json, sha256_bytes, sha256_file, write_file, write_json
from .four_bits import in_four_bits
from .fused import fuse, has_dropout, lora_layers
from .head import logits_of, token_losses
from .lanes import Share, each, joined, lanes_of, split
from .meta import without_data
from .norm import fuse_norm

TARGET_FIELDS = {"q": "lora_query", "k": "lora_key", "v": "lora_value", "o": "lora_projection"}
MLP_TARGETS = {"gate": "fc_1", "up": "fc_2", "down": "proj"}
IGNORED = -100


class TokenLoss(torch.nn.Module):
    """A GPT and its loss on each learned token; only their positions pass through the head."""

    def __init__(self, gpt: GPT, recompute: bool = False, mixed: bool = False) -> None:
        """Take a model.

        Args:
            gpt: the model.
            recompute: whether activations are computed a second time in the backward pass, and not kept.
            mixed: whether matrix products are in bfloat16, what else needs it in float32, as autocast has it.
        """
        super().__init__()
        self.gpt = gpt
        self.recompute = recompute
        self.mixed = mixed
        # Whether chats that begin alike go through the model together as far as they do: on a CPU, without dropout,
        # which each of them has its own of.
        self.prefixes = not has_dropout(gpt)

    def forward(self, tokens: torch.Tensor, *rest: Any, **named: Any) -> torch.Tensor:
        """Return what `losses` does, in the precision of this module."""
        if not self.mixed:
            return self.losses(tokens, *rest, **named)
        with torch.autocast(tokens.device.type, torch.bfloat16):
            return self.losses(tokens, *rest, **named)

    def losses(
        self,
        tokens: torch.Tensor,
        labels: torch.Tensor,
        chats: torch.Tensor | None = None,
        places: torch.Tensor | None = None,
        learned: torch.Tensor | None = None,
        of_base: bool = False,
        against_base: bool = False,
    ) -> torch.Tensor:
        """Return the loss of each learned token, row after row, in nats, (N,); or that and its divergence, (2, N).

        Args:
            tokens: token ids, (B, T).
            labels: the token to say at each position, or IGNORED, (B, T).
            chats: which chat of its row each position belongs to, (B, T); None where each row is one chat.
            places: the place of each position in its chat, (B, T); None as before.
            learned: where a token is learned, among all positions laid end to end, (N,); None to look for it, which
                a GPU has to be waited for.
            of_base: whether the frozen base is asked, for figures without gradient.
            against_base: whether to return KL(base || model) at each learned position too.
        """
        at = (labels != IGNORED).flatten().nonzero().flatten() if learned is None else learned
        shares = self._shares(tokens, at, chats, places)
        gpt, bound = self.gpt, self.gpt.config.final_logit_softcapping

        def losses_of(hidden: torch.Tensor, share: Share) -> torch.Tensor:
            return token_losses(gpt.lm_head, hidden, labels.flatten()[share.at], bound=bound)

        def states(share: Share) -> torch.Tensor:
            return self.hidden_at(tokens, share, chats, places)

        def plain(share: Share) -> torch.Tensor:
            return losses_of(states(share), share)

        def with_divergence(share: Share, before: torch.Tensor) -> torch.Tensor:
            now = states(share)
            gone = divergences(partial(logits_of, gpt.lm_head, bound=bound), now, before)
            return torch.stack((losses_of(now, share), gone))

        if of_base:
            with torch.no_grad(), without_lora(gpt):
                return self._in_order([partial(plain, share) for share in shares], shares)
        if against_base:
            with torch.no_grad(), without_lora(gpt):
                before = each([partial(states, share) for share in shares])
            pairs = zip(shares, before, strict=True)
            return self._in_order([partial(with_divergence, *pair) for pair in pairs], shares)
        return self._in_order([partial(plain, share) for share in shares], shares)

    def _shares(
        self, tokens: torch.Tensor, at: torch.Tensor, chats: torch.Tensor | None, places: torch.Tensor | None
    ) -> list[Share]:
        """Return what goes through the model side by side: all of it, where it does not run end to end."""
        if not runs_end_to_end(self.gpt):
            return [Share(None, at)]
        laid = lay(tokens.shape, chats, places)
        count = lanes_of(self.gpt, laid)
        alike = tokens if self.prefixes else None
        shares = split(self.gpt, laid, at, count, alike) if count > 1 else [Share(laid, at)]
        if alike is None:
            return shares
        dtype = computed_in(tokens.device, self.gpt.transformer.wte.weight.dtype)
        return [replace(one, laid=shared(one.laid, tokens, dtype)) if one.laid else one for one in shares]

    def _in_order(self, works: Sequence[Callable[[], torch.Tensor]], shares: Sequence[Share]) -> torch.Tensor:
        """Return what is said of each position, (N,) or (2, N), in the order of all that were asked for."""
        if len(works) == 1:
            return works[0]()
        found = joined(works, trainable(self.gpt))
        place = torch.cat([share.places for share in shares if share.places is not None])
        return found.index_select(-1, place.argsort())

    def hidden_at(
        self,
        tokens: torch.Tensor,
        share: Share,
        chats: torch.Tensor | None = None,
        places: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Return the last hidden states at the positions that a share asks for, (N, n_embd)."""
        if share.laid is not None:
            return hidden_of(self.gpt, tokens, share.laid, share.at, self.recompute)
        return self.hidden(tokens, chats, places).flatten(0, 1)[share.at]

    def hidden(
        self, tokens: torch.Tensor, chats: torch.Tensor | None = None, places: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the last hidden states, (B, T, n_embd): LitGPT's forward without its head, chat by chat."""
        gpt = self.gpt
        run: Callable[..., torch.Tensor] = torch.nn.Module.__call__
        if chats is None or places is None:
            cos, sin, last = gpt.cos[None, : tokens.size(1)], gpt.sin[None, : tokens.size(1)], None
        elif has_varlen(tokens.device, computed_in(tokens.device, gpt.transformer.wte.weight.dtype)):
            cos, sin, last, run = gpt.cos[places], gpt.sin[places], chat_bounds(chats), run_chat_by_chat
        else:
            cos, sin, last = gpt.cos[places], gpt.sin[places], same_chat(chats)
        x = embed(gpt, tokens)
        for layer, block in enumerate(gpt.transformer.h):
            turns = (positions_of(gpt, layer, cos), positions_of(gpt, layer, sin))
            if self.recompute:
                x = checkpoint(run, block, x, *turns, last, use_reentrant=False)
            else:
                x = run(block, x, *turns, last)
        return gpt.transformer.ln_f(x)


class _Gpt(GPT):
    """A GPT whose cosines and sines are made once it is known where: what is on no device is computed by torch's
    compiler, whose import takes longer than torch's."""

    def rope_cache(self, device: torch.device | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Return them, or nothing while no device is named."""
        found: tuple[torch.Tensor, torch.Tensor]
        found = (torch.empty(0), torch.empty(0)) if device is None else super().rope_cache(device)
        return found


class _Unset(TorchFunctionMode):
    """Leaves new parameters as they are: all that a model is made with is set afterwards. To draw them on no device
    would import torch's compiler too."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        named = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return named["tensor"] if "tensor" in named else args[0]
        return func(*args, **named)


def build_model(
    base: Base,
    lora: Mapping[str, Any] | None,
    block_size: int,
    dtype: torch.dtype,
    device: torch.device,
    seed: int,
    tuning: str = "lora",
) -> GPT:
    """Return a GPT whose base is frozen in `dtype` and whose LoRA, if any, is new and in float32.

    Args:
        base: a prepared base.
        lora: rank, alpha, dropout and targets, or None for the base alone.
        block_size: the longest sequence to run, in tokens.
        dtype: of the frozen base.
        device: where all tensors live.
        seed: fixes the new LoRA's first values, whatever else has drawn from torch's generator.
        tuning: `lora`; or `full`, for all weights to learn, in float32; or `qlora`, for a base in four bits.
    """
    if tuning == "full":
        lora, dtype = None, torch.float32
    device, home = (torch.device("cpu") if tuning == "qlora" else device), device
    config = Config(**base.fields(block_size), **lora_fields(lora))

    def shape() -> GPT:
        with torch.device("meta"), _Unset():
            return _Gpt(config)

    gpt = without_data(shape)
    drop_targets(gpt, lora)
    state = base.load_state()
    tied = state["lm_head.weight"] is state["transformer.wte.weight"]
    moved = {name: tensor.to(device=device, dtype=dtype) for name, tensor in state.items() if name != "lm_head.weight"}
    output = moved["transformer.wte.weight"] if tied else state["lm_head.weight"].to(device=device, dtype=dtype)
    missing, unexpected = gpt.load_state_dict({**moved, "lm_head.weight": output}, strict=False, assign=True)
    missing = [name for name in missing if not lora_filter(name, None)]
    if missing or unexpected:
        name = (missing or unexpected)[0]
        raise JobError("InvalidInput", f"The base's tensor {name} does not fit its config.json: fetch the model again.")
    _new_lora(gpt, device, seed)
    gpt.cos, gpt.sin = gpt.rope_cache(device=device)
    if tuning == "full":
        return _all_learn(gpt, tied)
    mark_only_lora_as_trainable(gpt)
    return in_four_bits(gpt, home, dtype) if tuning == "qlora" else fused(gpt)


def fused(gpt: GPT) -> GPT:
    """Let what is frozen compute in fewer operations than LitGPT's, where it can."""
    for module in gpt.modules():
        if isinstance(module, LoRALinear):
            fuse(module)
        elif isinstance(module, RMSNorm):
            fuse_norm(module)
    return gpt


def _all_learn(gpt: GPT, tied: bool) -> GPT:
    """Let all weights learn; the head is the embedding's own tensor where the base has one for both."""
    for parameter in gpt.parameters():
        parameter.requires_grad_(True)
    if tied:
        gpt.lm_head.linear.weight = gpt.transformer.wte.weight
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


def learned_state(gpt: GPT) -> State:
    """Return what learns by name, on the CPU, apart from the model's own: the LoRA tensors, or all weights."""
    return {name: value.detach().cpu().clone() for name, value in _learning(gpt).items()}


def load_learned(gpt: GPT, state: Mapping[str, torch.Tensor]) -> None:
    """Set what learns, all of it."""
    own = _learning(gpt)
    if own.keys() != state.keys() or any(own[name].shape != state[name].shape for name in own):
        raise JobError("InvalidInput", "The adapter does not fit this base: use the base that it was trained on.")
    with torch.no_grad():
        for name, parameter in own.items():
            parameter.copy_(state[name])


def _learning(gpt: GPT) -> dict[str, torch.nn.Parameter]:
    """Return what learns by the names of a base's tensors; a head that is the embedding goes by the latter's."""
    found = {name: value for name, value in gpt.named_parameters(remove_duplicate=False) if value.requires_grad}
    tied = gpt.lm_head.linear.weight is gpt.transformer.wte.weight
    return {
        name.replace(".linear.", "."): value
        for name, value in found.items()
        if not (tied and name.startswith("lm_head."))
    }


def save_adapter(folder: Path, state: State, about: Mapping[str, Any], base_digest: str) -> str:
    """Write `adapter.safetensors` and `adapter.json`, and return the digest of the former.

    Args:
        folder: of the adapter.
        state: what was learned: LoRA tensors, or all weights.
        about: the settings of the LoRA, or `{"tuning": "full"}`.
        base_digest: of the base that it was learned on.
    """
    folder.mkdir(parents=True, exist_ok=True)
    data = save({name: state[name].contiguous() for name in sorted(state)}, metadata={"format": "pt"})
    write_file(folder / "adapter.safetensors", data)
    digest = sha256_bytes(data)
    write_json(folder / "adapter.json", {**about, "base_digest": base_digest, "digest": digest})
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
