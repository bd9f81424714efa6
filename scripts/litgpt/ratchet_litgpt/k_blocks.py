"""Weights rounded to 4, 5 and 6 bits in llama.cpp's K blocks, which PyPI's gguf only reads.

A block is 256 weights of a row. Q4_K and Q5_K write a group of 32 of them as `scale * q - low`, Q6_K a group of 16 as
`scale * q`; the groups' scales are whole multiples, of 6 and 8 bits, of one float16 for the block. Layouts are those of
`block_q4_K`, `block_q5_K` and `block_q6_K` in llama.cpp's ggml-common.h, and the search for the scales does what its
`quantize_row_q*_K_ref` do without an importance matrix: several grids are tried, the least squares solution of each is
taken, and the one with the smallest weighted error stays.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from gguf import GGMLQuantizationType as Kind
from torch import Tensor

BLOCK = 256
# Rows are rounded some at a time: the search takes some thirty times the memory of what it rounds. In weights.
AT_ONCE = 2**20
# Below this a group is nothing.
NOTHING = 1e-15

Bytes = npt.NDArray[np.uint8]


def round_rows(rows: Tensor, kind: Kind) -> Bytes:
    """Round a matrix.

    Args:
        rows: of shape (rows, columns), where columns are a multiple of 256.
        kind: Q4_K, Q5_K or Q6_K.

    Returns:
        Bytes of shape (rows, bytes of a row).
    """
    count, columns = rows.shape
    step = max(1, AT_ONCE // columns)
    parts = [
        _KINDS[kind](rows[at : at + step].float().reshape(-1, BLOCK)).reshape(min(step, count - at), -1)
        for at in range(0, count, step)
    ]
    return np.asarray(torch.cat(parts).numpy())


def _with_lows(blocks: Tensor, most: int, first: float, tries: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return scale and low of each block, those of its groups as whole multiples, and the weights as numbers."""
    groups = blocks.view(-1, 8, 32)
    scales, lows = _search_grid(groups, most, first, tries)
    scale, scale_steps = _multiples(scales)
    low, low_steps = _multiples(lows)
    steps = (scale.float()[:, None] * scale_steps)[..., None]
    shifted = groups + (low.float()[:, None] * low_steps)[..., None]
    numbers = torch.where(steps > 0, shifted / steps, 0.0).round_().clamp_(0, most).to(torch.uint8)
    head = torch.stack((scale, low), 1).view(torch.uint8)
    return head, scale_steps.to(torch.uint8), low_steps.to(torch.uint8), numbers


def _multiples(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return the float16 of each block of which 63 make its largest value, and how many make each."""
    largest = values.amax(1).clamp_(min=0)
    inverse = torch.where(largest > 0, 63 / largest, 0.0)
    return (largest / 63).half(), (inverse[:, None] * values).round_().clamp_(0, 63)


def _search_grid(groups: Tensor, most: int, first: float, tries: int) -> tuple[Tensor, Tensor]:
    """Return scale and low for each group so that `scale * q - low`, q in 0…most, is near; both are not negative."""
    heavy = (groups.square().mean(-1, keepdim=True).sqrt_() + groups.abs()).contiguous()
    least, high = groups.amin(-1).clamp_(max=0), groups.amax(-1)
    flat = high == least
    sum_w, sum_x = heavy.sum(-1), (heavy * groups).sum(-1)
    weighted = heavy * groups

    def numbers_of(reach: float) -> Tensor:
        per = reach / torch.where(flat, 1.0, high - least)
        return ((groups - least[..., None]) * per[..., None]).round_().clamp_(0, most)

    def error_of(scale: Tensor, least: Tensor, numbers: Tensor) -> Tensor:
        return (torch.addcmul(least[..., None] - groups, scale[..., None], numbers).square_() * heavy).sum(-1)

    scale = (high - least) / most
    best = error_of(scale, least, numbers_of(most))
    for step in range(tries + 1):
        # From the best low so far, as llama.cpp does.
        numbers = numbers_of(first + 0.1 * step + most)
        sum_l, sum_xl = (heavy * numbers).sum(-1), (weighted * numbers).sum(-1)
        sum_l2 = (heavy * numbers * numbers).sum(-1)
        determinant = sum_w * sum_l2 - sum_l * sum_l
        solvable = determinant > 0
        divisor = torch.where(solvable, determinant, 1.0)
        new_scale = (sum_w * sum_xl - sum_x * sum_l) / divisor
        new_least = (sum_l2 * sum_x - sum_l * sum_xl) / divisor
        # A low above zero cannot be written.
        above = new_least > 0
        new_scale = torch.where(above, sum_xl / sum_l2.clamp(min=NOTHING), new_scale)
        new_least = new_least.masked_fill_(above, 0.0)
        error = error_of(new_scale, new_least, numbers)
        better = solvable & (error < best)
        best = torch.where(better, error, best)
        better &= ~flat
        scale, least = torch.where(better, new_scale, scale), torch.where(better, new_least, least)
    return scale.masked_fill(flat, 0.0), 0 - least


def _packed_steps(scales: Tensor, lows: Tensor) -> Tensor:
    """Return the 12 bytes of a block's eight scales and eight lows of 6 bits each."""
    early = scales[:, :4] | (scales[:, 4:] >> 4 << 6)
    middle = lows[:, :4] | (lows[:, 4:] >> 4 << 6)
    late = (scales[:, 4:] & 15) | ((lows[:, 4:] & 15) << 4)
    return torch.cat((early, middle, late), 1)


def _low_halves(numbers: Tensor) -> Tensor:
    """Return 128 bytes: of each 64 numbers the first 32 in the low half, the others in the high one."""
    pairs = (numbers & 15).view(-1, 4, 2, 32)
    return (pairs[:, :, 0] | (pairs[:, :, 1] << 4)).reshape(-1, 128)


def _q4_k(blocks: Tensor) -> Tensor:
    head, scales, lows, numbers = _with_lows(blocks, 15, -1.0, 20)
    return torch.cat((head, _packed_steps(scales, lows), _low_halves(numbers)), 1)


def _q5_k(blocks: Tensor) -> Tensor:
    head, scales, lows, numbers = _with_lows(blocks, 31, -0.5, 15)
    # The fifth bits of the eight groups lie in one byte.
    bits = torch.arange(8, dtype=torch.uint8)[None, :, None]
    fifth = ((numbers >> 4) << bits).sum(1, dtype=torch.uint8)
    return torch.cat((head, _packed_steps(scales, lows), fifth, _low_halves(numbers)), 1)


def _q6_k(blocks: Tensor) -> Tensor:
    groups = blocks.view(-1, 16, 16)
    scales = _search_scale(groups)
    largest = scales.gather(1, scales.abs().argmax(1, keepdim=True))
    nothing = largest.abs() < NOTHING
    inverse = -128 / torch.where(nothing, 1.0, largest)
    scale = torch.where(nothing, 0.0, 1 / inverse).half()
    multiples = torch.where(nothing, 0.0, (inverse * scales).round_().clamp_(max=127))
    steps = (scale.float() * multiples)[..., None]
    numbers = torch.where(steps != 0, groups / steps, 0.0).round_().clamp_(-32, 31)
    halves = (numbers + 32).to(torch.uint8).view(-1, 2, 4, 32)
    low = halves & 15
    lows = torch.cat((low[:, :, 0] | (low[:, :, 2] << 4), low[:, :, 1] | (low[:, :, 3] << 4)), 2)
    high = halves >> 4
    highs = high[:, :, 0] | (high[:, :, 1] << 2) | (high[:, :, 2] << 4) | (high[:, :, 3] << 6)
    tail = multiples.to(torch.int8).view(torch.uint8)
    return torch.cat((lows.reshape(-1, 128), highs.reshape(-1, 64), tail, scale.view(torch.uint8)), 1)


def _search_scale(groups: Tensor) -> Tensor:
    """Return for each group the scale with which `scale * q`, q in -32…31, is nearest, weighted by the squares."""
    peak = groups.gather(-1, groups.abs().argmax(-1, keepdim=True)).squeeze(-1)
    nothing = peak.abs() < NOTHING
    peak = torch.where(nothing, 1.0, peak)
    heavy = groups.square()
    best = scale = torch.zeros_like(peak)
    for step in (0, *range(-9, 0), *range(1, 10)):
        numbers = (groups * (-(32 + 0.1 * step) / peak)[..., None]).round_().clamp_(-32, 31)
        sum_lx = (heavy * groups * numbers).sum(-1)
        sum_l2 = (heavy * numbers * numbers).sum(-1)
        found = sum_lx / sum_l2.clamp(min=NOTHING)
        gain = found * sum_lx
        better = (sum_l2 > 0) & (gain > best)
        best, scale = torch.where(better, gain, best), torch.where(better, found, scale)
    return scale.masked_fill(nothing, 0.0)


_KINDS: dict[Kind, Callable[[Tensor], Tensor]] = {
    Kind.Q4_K: _q4_k,
    Kind.Q5_K: _q5_k,
    Kind.Q6_K: _q6_k,
}
