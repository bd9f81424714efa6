"""How far a model's words have gone from its base's, over the whole vocabulary."""

from collections.abc import Callable

import torch
from torch.nn.functional import log_softmax
from torch.utils.checkpoint import checkpoint

# Positions whose logits are in memory at once: two of 150,000 words and what leads to their gradient are 1 GB.
POSITIONS = 256

Head = Callable[[torch.Tensor], torch.Tensor]


def divergences(head: Head, now: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    """Return KL(base || model) at each position, (N,), in nats, with the gradient of `now` alone.

    Args:
        head: makes logits of hidden states.
        now: the model's last hidden states, (N, n_embd).
        before: the base's, (N, n_embd).
    """
    found = [
        checkpoint(_divergences, head, *parts, use_reentrant=False)
        for parts in zip(now.split(POSITIONS), before.split(POSITIONS), strict=True)
    ]
    return torch.cat(found)


def _divergences(head: Head, now: torch.Tensor, before: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        base = log_softmax(head(before).float(), dim=-1)
    return (base.exp() * (base - log_softmax(head(now).float(), dim=-1))).sum(-1)
