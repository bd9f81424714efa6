"""Products in bfloat16 come in few shapes, and what fills them changes nothing."""

import pytest
import torch

from ratchet_litgpt.causal import BLOCK, GRID, MOST, causal
from ratchet_litgpt.head import token_losses
from ratchet_litgpt.shapes import EACH_DOUBLING, LEAST, filled, whole


def test_numbers_of_rows_are_few_and_hardly_more_than_is_needed() -> None:
    found = [whole(count) for count in range(1, 8193)]
    most = [max(count + LEAST, count * (1 + 1 / EACH_DOUBLING)) for count in range(1, 8193)]
    assert all(count <= rows <= bound for count, rows, bound in zip(range(1, 8193), found, most, strict=True))
    assert found == sorted(found) and [whole(rows) for rows in found] == found
    assert len(set(found[256:])) <= 5 * EACH_DOUBLING


def test_only_what_has_kernels_by_shape_is_filled() -> None:
    part = torch.ones(17, 2)
    assert filled(part, torch.float32) is part
    more = filled(part, torch.bfloat16)
    assert len(more) == whole(17) and torch.equal(more[:17], part) and not more[17:].any()
    assert len(filled(part[:0], torch.bfloat16)) == 0


@pytest.mark.parametrize("length", [1, GRID - 1, GRID, BLOCK + 1, 3 * BLOCK + GRID, MOST + 5])
def test_attention_in_bfloat16_is_that_of_the_chat_alone(length: int) -> None:
    """The chat stands between others, and something past the end."""
    generator = torch.Generator().manual_seed(length)
    lengths, past = [9, length, 70], 13
    parts = [torch.randn(sum(lengths) + past, heads, 8, generator=generator) for heads in (6, 2, 2)]
    slope = torch.randn(sum(lengths) + past, 6, 8, generator=generator)
    found = [part.bfloat16().requires_grad_() for part in parts]
    out = causal(found[0], found[1], found[2], lengths, 0.3)
    got = torch.autograd.grad(out, found, slope.bfloat16())
    own = slice(9, 9 + length)
    exact = [part.bfloat16().double()[own].requires_grad_() for part in parts]
    alone = causal(exact[0], exact[1], exact[2], [length], 0.3)
    wanted = torch.autograd.grad(alone, exact, slope.bfloat16().double()[own])
    torch.testing.assert_close(out[own].double(), alone, rtol=0.02, atol=0.02)
    for one, other in zip(got, wanted, strict=True):
        assert float((one[own].double() - other).norm()) <= 0.02 * float(other.norm()) + 1e-3
    assert not out[sum(lengths) :].any() and not any(one[sum(lengths) :].any() for one in got)


def test_a_head_in_bfloat16_gives_what_it_gives_unfilled() -> None:
    generator = torch.Generator().manual_seed(5)
    head = torch.nn.Linear(16, 300, bias=False).requires_grad_(False)
    head.weight.normal_(generator=generator)
    hidden = torch.randn(37, 16, generator=generator).bfloat16().requires_grad_()
    labels = torch.randint(300, (37,), generator=generator)
    with torch.autocast("cpu", torch.bfloat16):
        losses = token_losses(head, hidden, labels, chunk=20)
        pairs = zip(hidden.split(1), labels.split(1), strict=True)
        alone = torch.cat([token_losses(head, *pair) for pair in pairs])
    torch.testing.assert_close(losses, alone, rtol=1e-3, atol=1e-3)
    one, other = (torch.autograd.grad(found.sum(), hidden)[0] for found in (losses, alone))
    torch.testing.assert_close(one, other, rtol=0.02, atol=0.02)
