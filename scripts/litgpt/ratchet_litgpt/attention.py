"""Attention in rows of several chats, where no chat sees another: by a mask, or on a GPU by a kernel without one."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import torch
from litgpt.lora import GPT


@cache
def _varlen() -> Callable[..., torch.Tensor] | None:
    """Return attention over sequences of any lengths, whose import takes seconds, since it imports torch's compiler."""
    try:
        from torch.nn.attention.varlen import varlen_attn  # noqa: PLC0415 - where there is no GPU it is not needed
    except ImportError:  # before torch 2.10
        return None
    found: Callable[..., torch.Tensor] = varlen_attn
    return found


def can_pack(gpt: GPT) -> bool:
    """Return whether rows may hold several chats: LitGPT's sliding windows replace a mask rather than narrow it."""
    return not any(block.attn.apply_sliding_window_attention for block in gpt.transformer.h)


def same_chat(chats: torch.Tensor) -> torch.Tensor:
    """Return what each position may look at, (B, 1, T, T): earlier positions of its own chat, and itself.

    Args:
        chats: which chat of its row each position belongs to, (B, T).
    """
    own = chats[:, None, :, None] == chats[:, None, None, :]
    return own.tril()


def has_varlen(device: torch.device, dtype: torch.dtype) -> bool:
    """Return whether torch has attention over sequences of any lengths here: on CUDA, in half precision."""
    return device.type == "cuda" and dtype in (torch.bfloat16, torch.float16) and _varlen() is not None


@dataclass(frozen=True)
class Bounds:
    """Where each chat begins in all rows laid end to end, and the end of the last, (N + 1,); and the longest length."""

    starts: torch.Tensor
    longest: int


def chat_bounds(chats: torch.Tensor) -> Bounds:
    """Return the bounds of the chats, of which the padding is one.

    Args:
        chats: which chat of its row each position belongs to, (B, T).
    """
    first = torch.ones_like(chats, dtype=torch.bool)
    first[:, 1:] = chats[:, 1:] != chats[:, :-1]
    starts = first.flatten().nonzero().flatten()
    bounds = torch.cat((starts, starts.new_tensor([chats.numel()]))).int()
    return Bounds(bounds, int(bounds.diff().max()))


def run_chat_by_chat(
    block: torch.nn.Module, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor, bounds: Bounds
) -> torch.Tensor:
    """Return what a block makes of x, (B, T, n_embd), where each chat is attended to alone, with no mask.

    The block's method is replaced in here and not around the model, so that it is also where activations are computed
    a second time.
    """
    layer = block.attn
    layer.scaled_dot_product_attention = partial(_attend, bounds, _scale(layer))
    try:
        return block(x, cos, sin)
    finally:
        del layer.scaled_dot_product_attention


def _scale(layer: torch.nn.Module) -> float:
    """Return what LitGPT multiplies scores with."""
    size = layer.config.attention_scores_scalar or layer.config.head_size
    return float(layer.mscale * layer.mscale / size**0.5)


def _attend(
    bounds: Bounds,
    scale: float,
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    _mask: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the attention of q, k, v, each (B, heads, T, size), as LitGPT's method does: (B, T, heads, size)."""
    batch, heads, length, size = q.shape
    flat = [part.transpose(1, 2).reshape(batch * length, heads, size) for part in (q, k, v)]
    attention = _varlen()
    assert attention is not None  # noqa: S101 - `has_varlen` was asked
    y = attention(*flat, bounds.starts, bounds.starts, bounds.longest, bounds.longest, scale=scale, window_size=(-1, 0))
    return y.view(batch, length, heads, size)
