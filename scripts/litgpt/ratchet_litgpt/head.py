"""The head and the loss in chunks: logits of a large vocabulary are the largest tensor of a step, and never whole here.

A token's loss depends on its own hidden state alone, so that the gradient of that state is known, up to the factor that
comes from above, as soon as its logits are: it is kept, and the logits are not. Nothing is computed twice. A head that
learns needs its logits again in the backward pass.
"""

from typing import Any

import torch
from litgpt.model import do_softcapping
from torch.utils.checkpoint import checkpoint

from .autocast import computed_in
from .shapes import filled

MOST_POSITIONS = 2048
# A CPU is slower with what its caches cannot hold.
CHUNK_BYTES = {"cuda": 256 * 2**20, "cpu": 16 * 2**20}


def positions_per_chunk(vocabulary: int, device: torch.device) -> int:
    """Return how many positions pass through the head at once: their logits in float32 are no more than CHUNK_BYTES,
    where that is 64 positions at least."""
    return max(64, min(MOST_POSITIONS, CHUNK_BYTES[device.type] // (4 * vocabulary)))


def token_losses(
    head: torch.nn.Module,
    hidden: torch.Tensor,
    labels: torch.Tensor,
    chunk: int | None = None,
    bound: float | None = None,
) -> torch.Tensor:
    """Return the loss of each token in nats, (N,), in float32.

    Args:
        head: from hidden states to logits.
        hidden: last hidden states where a token is learned, (N, n_embd).
        labels: those tokens, (N,).
        chunk: positions that pass through the head at once; None for what suits the vocabulary.
        bound: that logits are held within, where the family does.
    """
    size = chunk or positions_per_chunk(getattr(head, "linear", head).out_features, hidden.device)
    if any(parameter.requires_grad for parameter in head.parameters()):
        parts = zip(hidden.split(size), labels.split(size), strict=True)
        losses = [
            checkpoint(_losses, head, *part, bound, use_reentrant=False, preserve_rng_state=False) for part in parts
        ]
        return torch.cat(losses) if losses else hidden.new_zeros(0, dtype=torch.float32)
    return _FrozenHead.apply(hidden, labels, head, size, bound)


def logits_of(head: torch.nn.Module, hidden: torch.Tensor, bound: float | None) -> torch.Tensor:
    """Return the logits of hidden states in float32, held within `bound` where the family does."""
    logits = head(hidden).float()
    return logits if bound is None else do_softcapping(logits, bound)


def _losses(head: torch.nn.Module, hidden: torch.Tensor, labels: torch.Tensor, bound: float | None) -> torch.Tensor:
    return torch.nn.functional.cross_entropy(logits_of(head, hidden, bound), labels, reduction="none")


def _likelihoods(logits: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return losses, (N,), and probabilities, (N, vocabulary): in half the time of cross_entropy and exp on a CPU."""
    shares = logits.softmax(1)
    # The largest of them never vanishes.
    sums = logits.amax(1) - shares.amax(1).log()
    return sums - logits.gather(1, labels[:, None])[:, 0], shares


def _with_slopes(
    head: torch.nn.Module, hidden: torch.Tensor, labels: torch.Tensor, bound: float | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return losses, (N,), and their gradients towards the hidden states, (N, n_embd).

    The gradient of a logit is its probability, less one at the label; a bound of b tanh(x / b) = y has the slope
    1 - (y / b) ** 2.
    """
    logits, place = logits_of(head, hidden, bound), labels[:, None]
    losses, slopes = _likelihoods(logits, labels)
    slopes.scatter_add_(1, place, slopes.new_full(place.shape, -1))
    if bound is not None:
        slopes *= 1 - (logits / bound).square()
    weight = getattr(head, "linear", head).weight
    dtype = computed_in(hidden.device, weight.dtype)
    return losses, slopes.to(dtype) @ weight.to(dtype)


class _FrozenHead(torch.autograd.Function):
    """Losses whose gradients towards the hidden states are made beside them."""

    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, labels: torch.Tensor, head: torch.nn.Module, size: int, bound: float | None
    ) -> torch.Tensor:
        count = len(hidden)
        hidden, labels = (filled(part, computed_in(hidden.device, hidden.dtype)) for part in (hidden, labels))
        losses = hidden.new_empty(len(hidden), dtype=torch.float32)
        wanted = ctx.needs_input_grad[0]
        slopes = torch.empty_like(hidden) if wanted else None
        for start in range(0, len(hidden), size):
            part = slice(start, start + size)
            if slopes is None:
                losses[part], _ = _likelihoods(logits_of(head, hidden[part], bound), labels[part])
                continue
            losses[part], slopes[part] = _with_slopes(head, hidden[part], labels[part], bound)
        ctx.slopes = None if slopes is None else slopes[:count]
        return losses[:count]

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None, None, None, None]:
        slopes, ctx.slopes = ctx.slopes, None
        return slopes * grads[0].unsqueeze(1).to(slopes.dtype), None, None, None, None
