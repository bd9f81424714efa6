"""The head in chunks gives the losses and the gradients of the head at once, and its logits are never whole."""

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ratchet_litgpt.head import positions_per_chunk, token_losses

N, WIDTH, VOCABULARY = 333, 24, 500


class Largest(TorchDispatchMode):
    """Remembers the size of the largest tensor that any operation made, forward or backward."""

    def __init__(self) -> None:
        super().__init__()
        self.numel = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for part in out if isinstance(out, list | tuple) else [out]:
            if isinstance(part, torch.Tensor):
                self.numel = max(self.numel, part.numel())
        return out


def head(learns: bool) -> torch.nn.Linear:
    torch.manual_seed(1)
    return torch.nn.Linear(WIDTH, VOCABULARY, bias=False).requires_grad_(learns)


def states() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(2)
    return torch.randn(N, WIDTH), torch.randint(0, VOCABULARY, (N,)), torch.rand(N) * 3


@pytest.mark.parametrize("learns", [False, True])
@pytest.mark.parametrize("chunk", [1, 7, 64, 333, 5000, None])
def test_chunks_change_nothing(learns: bool, chunk: int | None) -> None:
    hidden, labels, factors = states()
    one, other = head(learns), head(learns)
    whole, parts = hidden.clone().requires_grad_(), hidden.clone().requires_grad_()
    expected = torch.nn.functional.cross_entropy(one(whole), labels, reduction="none")
    found = token_losses(other, parts, labels, chunk)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)
    # Not linear in the losses, as preference objectives are not.
    for losses in (expected, found):
        (torch.nn.functional.softplus(losses - 5) * factors).sum().backward()
    torch.testing.assert_close(parts.grad, whole.grad, rtol=1e-5, atol=1e-6)
    if learns:
        torch.testing.assert_close(other.weight.grad, one.weight.grad, rtol=1e-5, atol=1e-5)
    with torch.no_grad():
        assert torch.equal(token_losses(other, hidden, labels, chunk), found)


@pytest.mark.parametrize("learns", [False, True])
def test_no_more_logits_at_once_than_a_chunk(learns: bool) -> None:
    hidden, labels, _ = states()
    chunk = 40
    with Largest() as seen:
        token_losses(head(learns), hidden.requires_grad_(), labels, chunk).sum().backward()
    assert seen.numel == chunk * VOCABULARY < N * VOCABULARY / 8
    with Largest() as seen:
        head(learns)(hidden).sum().backward()
    assert seen.numel == N * VOCABULARY


def test_half_precision_gives_gradients_of_its_own_kind() -> None:
    hidden, labels, _ = states()
    half = hidden.bfloat16().requires_grad_()
    losses = token_losses(head(False).bfloat16(), half, labels, 50)
    losses.sum().backward()
    assert (losses.dtype, half.grad is not None and half.grad.dtype) == (torch.float32, torch.bfloat16)


def test_nothing_learned_costs_nothing() -> None:
    for learns in (False, True):
        assert token_losses(head(learns), torch.zeros(0, WIDTH), torch.zeros(0, dtype=torch.long)).shape == (0,)


@pytest.mark.parametrize(
    ("device", "vocabulary", "positions"),
    [
        ("cuda", 527, 2048),
        ("cuda", 32_000, 2048),
        ("cuda", 151_936, 441),
        ("cuda", 2_000_000, 64),
        ("cpu", 527, 2048),
        ("cpu", 16_384, 256),
        ("cpu", 151_936, 64),
    ],
)
def test_a_large_vocabulary_has_small_chunks(device: str, vocabulary: int, positions: int) -> None:
    assert positions_per_chunk(vocabulary, torch.device(device)) == positions
