"""Chats of a micro-batch go through the model side by side on a CPU: a thread for each share of them.

Most operations of a small model are too small for two cores to share: with both on each operation a step took nine
tenths of what it took with one, and with chats of its own for each two thirds. Gradients of the shares are added in
their order, so that the bits depend on nothing but the number of threads.
"""

import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, TypeVar

import torch
from litgpt.lora import GPT

from .end_to_end import Laid
from .fused import is_fused
from .prefixes import kin

T = TypeVar("T")

# With more, threads wait for each other's Python; they share each operation with the cores that are left.
MOST = 4
# A thread that comes back from an operation waits so long at most for Python, where another has it.
SWITCH_SECONDS = 2e-4
# Numbers in a hidden state of all positions together: with fewer, threads wait for Python more than they compute.
WORTH = 2**17


@dataclass(frozen=True)
class Share:
    """Chats of a micro-batch: how they are laid, if they are, which positions are asked for, rising, and the places of
    these among all that are asked for, where others have the rest."""

    laid: Laid | None
    at: torch.Tensor
    places: torch.Tensor | None = None


def lanes_of(gpt: GPT, laid: Laid) -> int:
    """Return in how many threads chats go through a model: 1 where that is no faster, or where a thread would draw
    random numbers of another, or where gradients of all weights would be held by each."""
    if len(laid.positions) * gpt.config.n_embd < WORTH or not is_fused(gpt):
        return 1
    return min(torch.get_num_threads(), MOST, len(laid.lengths))


def split(gpt: GPT, laid: Laid, at: torch.Tensor, count: int, tokens: torch.Tensor | None = None) -> list[Share]:
    """Return so many shares of chats, which take about as long as each other.

    Args:
        gpt: the model.
        laid: how all chats are laid.
        at: the positions that are asked for, rising.
        count: of the shares, no more than there are chats.
        tokens: token ids, (B, T), where chats that are alike are to stay together.
    """
    ends = torch.tensor(laid.lengths).cumsum(0)
    chat_of = torch.bucketize(torch.searchsorted(laid.positions, at), ends, right=True)
    asked = torch.bincount(chat_of, minlength=len(laid.lengths)).tolist()
    families = [[(chat, 0)] for chat in range(len(laid.lengths))] if tokens is None else kin(laid.tokens_of(tokens))
    if len(families) < count:
        families = [[one] for family in families for one in family]
    costs = [sum(_cost(gpt, laid.lengths[chat] - alike, asked[chat]) for chat, alike in one) for one in families]
    positions, places = (part.split(list(laid.lengths)) for part in (laid.positions, laid.places))
    shares = []
    for members in balanced(costs, count):
        chats = sorted(chat for member in members for chat, _ in families[member])
        own = torch.isin(chat_of, torch.tensor(chats)).nonzero().flatten()
        part = Laid(
            torch.cat([positions[chat] for chat in chats]),
            torch.cat([places[chat] for chat in chats]),
            [laid.lengths[chat] for chat in chats],
        )
        shares.append(Share(part, at[own], own))
    return shares


def balanced(costs: Sequence[float], count: int) -> list[list[int]]:
    """Return which items go together, in rising order, that their sums differ little: the dearest first, each to where
    there is least (Graham 1969)."""
    members: list[list[int]] = [[] for _ in range(count)]
    sums = [0.0] * count
    for item in sorted(range(len(costs)), key=lambda place: -costs[place]):
        least = min(range(count), key=lambda lane: (sums[lane], lane))
        members[least].append(item)
        sums[least] += costs[item]
    return [sorted(items) for items in members]


def _cost(gpt: GPT, length: int, asked: int) -> float:
    """Return about how long a chat takes, in products of its positions; attention grows with the square, and keeps a
    CPU from its best."""
    config = gpt.config
    width = config.n_embd
    each = width * (config.n_head + 2 * config.n_query_groups) * config.head_size + width * width
    blocks = config.n_layer * (each + 3 * width * config.intermediate_size + 2 * width * length)
    return float(length * blocks + 2 * asked * width * config.padded_vocab_size)


def each(works: Sequence[Callable[[], T]]) -> list[T]:
    """Return what some works return, run side by side in threads, with what is set in this one and its cores.

    Raises the first error of them, once all have ended.
    """
    if len(works) == 1:
        return [works[0]()]
    kind = "cpu"
    state = _State(
        max(1, torch.get_num_threads() // len(works)),
        torch.is_grad_enabled(),
        torch.is_autocast_enabled(kind),
        torch.get_autocast_dtype(kind),
    )
    futures = [_pool().submit(state.run, work) for work in works]
    wait(futures)
    return [future.result() for future in futures]


def joined(works: Sequence[Callable[[], torch.Tensor]], learned: Sequence[torch.nn.Parameter]) -> torch.Tensor:
    """Return what some works return, one after the other along the last dimension; its gradient towards `learned` is
    made side by side as well."""
    if len(works) == 1:
        return works[0]()
    if not torch.is_grad_enabled():
        return torch.cat(each(works), -1)
    found: torch.Tensor = _Joined.apply(works, learned, *learned)
    return found


class _Joined(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        works: Sequence[Callable[[], torch.Tensor]],
        learned: Sequence[torch.nn.Parameter],
        *_: torch.Tensor,
    ) -> torch.Tensor:
        with torch.enable_grad():
            ctx.found = each(works)
        ctx.learned = learned
        return torch.cat([one.detach() for one in ctx.found], -1)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        found, ctx.found = ctx.found, None
        slopes = grads[0].split([one.size(-1) for one in found], -1)
        parts = each([partial(_gradients, *pair, ctx.learned) for pair in zip(found, slopes, strict=True)])
        return None, None, *map(_sum, zip(*parts, strict=True))


def _gradients(
    found: torch.Tensor, slopes: torch.Tensor, learned: Sequence[torch.nn.Parameter]
) -> tuple[torch.Tensor | None, ...]:
    """Return the gradients of what was found, whose own are `slopes`.

    Where torch is given those, it imports what its compiler is made of, which takes half a second.
    """
    with torch.enable_grad():
        product = (found * slopes).sum()
    return torch.autograd.grad(product, learned, allow_unused=True)


def _sum(parts: tuple[torch.Tensor | None, ...]) -> torch.Tensor | None:
    found = [part for part in parts if part is not None]
    return sum(found[1:], found[0]) if found else None


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    """Return threads that are begun when first needed."""
    sys.setswitchinterval(SWITCH_SECONDS)
    return ThreadPoolExecutor(MOST, "lane")


@dataclass(frozen=True)
class _State:
    """What is set in a thread."""

    threads: int
    grad: bool
    autocast: bool
    dtype: torch.dtype

    def run(self, work: Callable[[], T]) -> T:
        """Run a work in another thread as if it were this one; the number of its threads is a thread's own."""
        if torch.get_num_threads() != self.threads:
            torch.set_num_threads(self.threads)
        with torch.set_grad_enabled(self.grad), torch.autocast("cpu", self.dtype, enabled=self.autocast):
            return work()
