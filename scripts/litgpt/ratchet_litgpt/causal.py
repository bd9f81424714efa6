"""Causal attention within chats on a CPU, block by block: twice as fast there as torch's kernel in bfloat16.

A block of queries sees the keys up to its own end, so that half of the scores are never made; the heads of a group
share one product with its keys. Scores and probabilities are rounded to the dtype of the queries, as in transformers'
eager attention, and the latter are kept for the backward pass, or made again there where a chat is long.

A chat may go on from others, whose keys and values it sees as if they were its own, see `prefixes.py`.

In bfloat16 a chat is filled with zeros to whole multiples of GRID, see `shapes.py`. What fills it comes last, so that
no query of the chat sees it, and no slope comes to it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch

from .shapes import has_kernels_by_shape

BLOCK = 128
# Of longer chats, what is kept would be much: half of their square, for each head and layer.
MOST = 1024
# A divisor of BLOCK.
GRID = 64


def causal(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    lengths: Sequence[int],
    scale: float,
    before: Sequence[int | None] | None = None,
) -> torch.Tensor:
    """Return the attention of chats that are laid end to end, as q is, and zeros past their end.

    Args:
        q: queries, (N, heads, size).
        k: keys, (N, groups, size), where `groups` divides `heads`.
        v: values, as k.
        lengths: of the chats, no more than N together.
        scale: of the scores.
        before: for each chat, which of those that are laid before it it goes on from; None where none does. Such a one
            has a multiple of GRID positions in bfloat16.
    """
    found: torch.Tensor = _Causal.apply(q, k, v, _chats(lengths, before, q.dtype), scale)
    return found


@lru_cache(maxsize=8)
def _later(dtype: torch.dtype, each: int) -> torch.Tensor:
    """Return what is added to a block of scores whose keys are its queries' own: minus infinity for later keys.

    A query has a row for each of its `each` heads.
    """
    return torch.full((BLOCK, BLOCK), float("-inf"), dtype=dtype).triu(1).repeat_interleave(each, 0)


@dataclass(frozen=True)
class _Chat:
    """A chat's place in all that is laid end to end, its length, also with what fills it, and the places and lengths of
    what it goes on from."""

    first: int
    length: int
    filled: int
    seen: tuple[tuple[int, int], ...]

    @property
    def end(self) -> int:
        """Where it ends, without what fills it."""
        return self.first + self.length

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        """The places and lengths of all that it sees."""
        return (*self.seen, (self.first, self.length))

    @property
    def before(self) -> int:
        """How many positions it goes on from."""
        return sum(length for _, length in self.seen)

    @property
    def kept(self) -> bool:
        """Whether the shares of its queries are kept for the backward pass."""
        return self.before + self.length <= MOST

    def blocks(self) -> Iterator["_Block"]:
        """Yield its blocks, the last first: that one sees all keys."""
        for start in reversed(range(0, self.filled, BLOCK)):
            yield _Block(self, start, min(self.filled, start + BLOCK))


@dataclass(frozen=True)
class _Block:
    """Queries of one chat that see the same keys, or fewer: places in it."""

    chat: _Chat
    start: int
    end: int

    @property
    def sees(self) -> int:
        """How many places its last query sees."""
        return self.chat.before + self.end

    @property
    def own(self) -> slice:
        """The places of its queries in all that is laid end to end, without what fills it."""
        return slice(self.chat.first + self.start, self.chat.first + min(self.end, self.chat.length))

    def take(self, part: torch.Tensor, groups: int, scale: float) -> torch.Tensor:
        """Return its rows of (N, heads, size), scaled and filled, as (groups, rows * heads of a group, size)."""
        rows = part[self.own].unflatten(1, (groups, -1))
        whole, (count, _, each, size) = self.end - self.start, rows.shape
        found = (part.new_empty if count == whole else part.new_zeros)(groups, whole, each, size)
        torch.mul(rows.transpose(0, 1), scale, out=found[:, :count])
        return found.flatten(1, 2)

    def put(self, found: torch.Tensor, out: torch.Tensor) -> None:
        """Put (groups, rows * heads of a group, size) into its rows of (N, heads, size)."""
        rows = out[self.own].unflatten(1, (found.size(0), -1))
        rows.copy_(found.unflatten(1, (self.end - self.start, -1))[:, : len(rows)].transpose(0, 1))

    def shares(self, queries: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
        """Return what each query takes of each place, (groups, rows, places).

        Args:
            queries: scaled, (groups, rows, size).
            keys: of the chat, (groups, places, size).
        """
        own = self.end - self.start
        each = queries.size(1) // own
        scores = torch.bmm(queries, keys[:, : self.sees].mT)
        scores[:, :, self.sees - own :].add_(_later(queries.dtype, each)[: own * each, :own])
        return torch.softmax(scores, -1)


def _chats(lengths: Sequence[int], before: Sequence[int | None] | None, dtype: torch.dtype) -> list[_Chat]:
    grid = GRID if has_kernels_by_shape(dtype) else 1
    chats: list[_Chat] = []
    for length, place in zip(lengths, before or [None] * len(lengths), strict=True):
        first = chats[-1].end if chats else 0
        seen = () if place is None else chats[place].spans
        chats.append(_Chat(first, length, -(-length // grid) * grid, seen))
    return chats


def _of_chat(part: torch.Tensor, chat: _Chat) -> torch.Tensor:
    """Return what a chat sees of keys or values, (N, groups, size), filled, as (groups, places, size)."""
    if not chat.seen and chat.filled == chat.length:
        return part[chat.first : chat.end].transpose(0, 1).contiguous()
    found = part.new_zeros(part.size(1), chat.before + chat.filled, part.size(2))
    place = 0
    for first, length in chat.spans:
        found[:, place : place + length] = part[first : first + length].transpose(0, 1)
        place += length
    return found


class _Slopes:
    """Slopes of keys or values, (N, groups, size). Those of what others go on from add up in float32 at least."""

    def __init__(self, like: torch.Tensor, groups: int, chats: Sequence[_Chat]) -> None:
        self.out = like.new_empty(like.size(0), groups, like.size(2))
        self.out[chats[-1].end :] = 0
        wide = torch.promote_types(like.dtype, torch.float32)
        shared = dict(span for chat in chats for span in chat.seen)
        self._sums = {
            first: like.new_zeros(groups, length, like.size(2), dtype=wide) for first, length in shared.items()
        }

    def add(self, found: torch.Tensor, chat: _Chat) -> None:
        """Take (groups, places, size) of all that a chat sees."""
        place = 0
        for first, length in chat.spans:
            part = found[:, place : place + length]
            place += length
            if first in self._sums:
                self._sums[first] += part
            else:
                self.out[first : first + length] = part.transpose(0, 1)

    def all(self) -> torch.Tensor:
        """Return all of them."""
        for first, found in self._sums.items():
            self.out[first : first + found.size(1)] = found.transpose(0, 1)
        return self.out


class _Causal(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, chats: Sequence[_Chat], scale: float
    ) -> torch.Tensor:
        groups, out, kept = k.size(1), torch.empty_like(q, memory_format=torch.contiguous_format), []
        out[chats[-1].end :] = 0
        for chat in chats:
            keys, values = _of_chat(k, chat), _of_chat(v, chat)
            kept += [keys, values]
            for block in chat.blocks():
                queries = block.take(q, groups, scale)
                shares = block.shares(queries, keys)
                block.put(torch.bmm(shares, values[:, : block.sees]), out)
                kept += [queries, shares] if chat.kept else [queries]
        ctx.save_for_backward(*kept)
        ctx.chats, ctx.scale = chats, scale
        return out

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, None, None]:
        kept, (slope,) = ctx.saved_tensors, grads
        remembered, groups = iter(kept), kept[0].size(0)
        of_q = slope.new_empty(slope.shape)
        of_q[ctx.chats[-1].first + ctx.chats[-1].length :] = 0
        of_k, of_v = (_Slopes(slope, groups, ctx.chats) for _ in range(2))
        for chat in ctx.chats:
            keys, values = next(remembered), next(remembered)
            of_keys = of_values = None
            for block in chat.blocks():
                queries, sees = next(remembered), block.sees
                shares = next(remembered) if chat.kept else block.shares(queries, keys)
                slopes = block.take(slope, groups, 1)
                of_shares = torch.bmm(slopes, values[:, :sees].mT)
                # The slope of a softmax: y (g - sum(g y)).
                of_scores = torch._softmax_backward_data(of_shares, shares, -1, shares.dtype)
                block.put(torch.bmm(of_scores, keys[:, :sees]).mul_(ctx.scale), of_q)
                of_keys = _added(of_keys, torch.bmm(of_scores.mT, queries), sees, chat)
                of_values = _added(of_values, torch.bmm(shares.mT, slopes), sees, chat)
            for found, out in ((of_keys, of_k), (of_values, of_v)):
                if found is not None:
                    out.add(found, chat)
        return of_q, of_k.all(), of_v.all(), None, None


def _added(sums: torch.Tensor | None, part: torch.Tensor, end: int, chat: _Chat) -> torch.Tensor:
    """Add what one block says of the first keys of a chat to what later ones said, in float32 at least."""
    if sums is None:
        return part if chat.filled <= BLOCK else part.to(torch.promote_types(part.dtype, torch.float32))
    sums[:, :end] += part
    return sums
