"""The model on a CPU: chats laid end to end, each attended to alone, and nothing computed that no loss asks for.

LitGPT's modules and numbers, in another order: no padding, no mask, queries and keys turned in one go, keys and values
not copied for each head, and past the last layer's attention only the positions whose next token is learned.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from litgpt.lora import GPT
from torch.utils.checkpoint import checkpoint

from .autocast import computed_in
from .causal import BLOCK, GRID, MOST, causal
from .family import embed, positions_of
from .head import CHUNK_BYTES
from .packing import WORTH
from .prefixes import pieces_of
from .shapes import filled, has_kernels_by_shape


def runs_end_to_end(gpt: GPT) -> bool:
    """Return whether a model can run so: on a CPU, and as most families are built."""
    config = gpt.config
    unlike = (
        config.parallel_residual,
        config.latent_attention,
        config.rope_interleave,
        config.attention_logit_softcapping,
        config.norm_qk and config.norm_qk_type != "default",
        any(block.attn.apply_sliding_window_attention for block in gpt.transformer.h),
    )
    return gpt.cos.device.type == "cpu" and not any(unlike)


def packing_pays(gpt: GPT, saved: float) -> bool:
    """Return whether rows should hold several chats where that saves a share of the positions: it costs nothing where
    chats are laid end to end anyway."""
    return saved > 0 if runs_end_to_end(gpt) else saved >= WORTH


def most_bytes(gpt: GPT, length: int, dtype: torch.dtype) -> int:
    """Return more than what a forward and a backward pass of a chat takes, in bytes, where the base is frozen.

    Twice all that is kept of each position for the backward pass: hidden states, what LoRA layers were given, queries,
    keys and values, the shares of attention, which are half a square, and the MLP's numbers; and some chunks of logits.

    Args:
        gpt: a model that runs end to end.
        length: of the chat, in tokens.
        dtype: of what is computed.
    """
    config = gpt.config
    heads = config.n_head + 2 * config.n_query_groups
    kept = 5 * config.n_embd + 3 * heads * config.head_size + 4 * config.intermediate_size + 10 * config.lora_r
    shares = config.n_head * (min(length, MOST) + BLOCK) // 2
    return 2 * dtype.itemsize * length * config.n_layer * (kept + shares) + 4 * CHUNK_BYTES["cpu"]


@dataclass(frozen=True)
class Laid:
    """Chats laid end to end: where each position stands in its batch, its place in its chat, and the chats' lengths.

    Or pieces of chats, each after the one that it goes on from; then `rows` are those of all positions of the chats.
    """

    positions: torch.Tensor
    places: torch.Tensor
    lengths: Sequence[int]
    before: Sequence[int | None] | None = None
    of_chats: torch.Tensor | None = None
    rows: torch.Tensor | None = None

    def rows_of(self, at: torch.Tensor) -> torch.Tensor:
        """Return in which rows some positions of the batch stand, rising ones."""
        if self.rows is None or self.of_chats is None:
            return torch.searchsorted(self.positions, at)
        return self.rows[torch.searchsorted(self.of_chats, at)]

    def tokens_of(self, tokens: torch.Tensor) -> list[list[int]]:
        """Return the token ids of each chat in a batch, (B, T)."""
        return [part.tolist() for part in tokens.flatten()[self.positions].split(list(self.lengths))]


def lay(shape: torch.Size, chats: torch.Tensor | None, places: torch.Tensor | None) -> Laid:
    """Return how a batch of rows, (B, T), is laid: without padding, where the chat of each position is told."""
    rows, width = shape
    if chats is None or places is None:
        return Laid(torch.arange(rows * width), torch.arange(width).repeat(rows), [width] * rows)
    positions = (chats.flatten() >= 0).nonzero().flatten()
    own = places.flatten()[positions]
    starts = (own == 0).nonzero().flatten()
    lengths = torch.cat((starts, starts.new_tensor([len(own)]))).diff().tolist()
    return Laid(positions, own, lengths)


def shared(laid: Laid, tokens: torch.Tensor, dtype: torch.dtype) -> Laid:
    """Return chats so laid that what they begin with alike is there once.

    Args:
        laid: chats, end to end.
        tokens: token ids of the batch, (B, T).
        dtype: of what is computed.
    """
    pieces = pieces_of(laid.tokens_of(tokens), GRID if has_kernels_by_shape(dtype) else 1)
    if all(piece.before is None for piece in pieces):
        return laid
    positions, places = (part.split(list(laid.lengths)) for part in (laid.positions, laid.places))
    lengths = [piece.end - piece.start for piece in pieces]
    rows = torch.arange(sum(lengths)).split(lengths)
    whole: list[torch.Tensor] = []
    of_chat: dict[int, torch.Tensor] = {}
    for piece, own in zip(pieces, rows, strict=True):
        whole.append(own if piece.before is None else torch.cat((whole[piece.before], own)))
        if piece.end == laid.lengths[piece.chat]:
            of_chat[piece.chat] = whole[-1]
    return Laid(
        torch.cat([positions[one.chat][one.start : one.end] for one in pieces]),
        torch.cat([places[one.chat][one.start : one.end] for one in pieces]),
        lengths,
        [piece.before for piece in pieces],
        laid.positions,
        torch.cat([of_chat[chat] for chat in range(len(laid.lengths))]),
    )


def hidden_of(gpt: GPT, tokens: torch.Tensor, laid: Laid, at: torch.Tensor, recompute: bool) -> torch.Tensor:
    """Return the last hidden states at some positions, (N, n_embd).

    Args:
        gpt: the model.
        tokens: token ids, (B, T).
        laid: how they are laid.
        at: which positions are asked for, among all of the batch laid end to end, (N,).
        recompute: whether activations are computed a second time in the backward pass, and not kept.
    """
    dtype = computed_in(tokens.device, gpt.transformer.wte.weight.dtype)
    # What fills them is attended to by nothing, and not asked for.
    positions, places = filled(laid.positions, dtype), filled(laid.places, dtype)
    cos, sin = gpt.cos[places], gpt.sin[places]
    x = embed(gpt, tokens.flatten()[positions][None])
    wanted = filled(laid.rows_of(at), dtype)
    blocks = gpt.transformer.h
    run: Callable[..., torch.Tensor] = partial(checkpoint, _block, use_reentrant=False) if recompute else _block
    for layer, block in enumerate(blocks):
        turns = positions_of(gpt, layer, cos), positions_of(gpt, layer, sin)
        rows = wanted if layer == len(blocks) - 1 else None
        x = run(block, x, *turns, laid, rows)
    return gpt.transformer.ln_f(x)[0, : len(at)]


def _block(
    block: Any,
    x: torch.Tensor,
    cos: torch.Tensor,
    sin: torch.Tensor,
    laid: Laid,
    rows: torch.Tensor | None,
) -> torch.Tensor:
    """Return what a block makes of x, (1, N, n_embd), or of some of its positions."""
    y = _attend(block.attn, block.norm_1(x), cos, sin, laid)
    if rows is not None:
        x, y = x[:, rows], y[:, rows]
    x = block.post_attention_norm(block.attn.proj(y)) + x
    return block.post_mlp_norm(block.mlp(block.norm_2(x))) + x


def _attend(layer: Any, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, laid: Laid) -> torch.Tensor:
    """Return the attention of x, (1, N, n_embd), before its projection: (1, N, heads * size)."""
    config = layer.config
    heads, groups = config.n_head, config.n_query_groups
    mixed = layer.qkv(x).view(-1, heads + 2 * groups, config.head_size)
    turned, values = mixed.split((heads + groups, groups), 1)
    if layer.norm_q is not None:
        queries, keys = turned.split((heads, groups), 1)
        turned = torch.cat((layer.norm_q(queries), layer.norm_k(keys)), 1)
    queries, keys = _turn(turned, cos, sin, config.rope_n_elem).split((heads, groups), 1)
    scale = layer.mscale * layer.mscale / (config.attention_scores_scalar or config.head_size) ** 0.5
    return causal(queries, keys, values, laid.lengths, scale, laid.before).flatten(1)[None]


def _turn(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, turned: int) -> torch.Tensor:
    """Return queries or keys, (N, heads, size), turned by their places, of which the first `turned` numbers are."""
    if turned == x.size(-1):
        return _Turned.apply(x, cos, sin)
    first, rest = x.split((turned, x.size(-1) - turned), -1)
    return torch.cat((_Turned.apply(first, cos, sin), rest), -1)


class _Turned(torch.autograd.Function):
    """Rotary position embeddings (Su et al. 2021), where the first half of the numbers pairs with the second."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(cos, sin)
        out = torch.empty_like(x)
        (first, second), (a, b), (c, d), (s, t) = (part.chunk(2, -1) for part in (out, x, cos[:, None], sin[:, None]))
        torch.mul(a, c, out=first).addcmul_(b, s, value=-1)
        torch.mul(b, d, out=second).addcmul_(a, t)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        out, slope = torch.empty_like(grads[0]), grads[0]
        (first, second), (a, b), (c, d), (s, t) = (
            part.chunk(2, -1) for part in (out, slope, cos[:, None], sin[:, None])
        )
        torch.mul(a, c, out=first).addcmul_(b, t)
        torch.mul(b, d, out=second).addcmul_(a, s, value=-1)
        return out, None, None
