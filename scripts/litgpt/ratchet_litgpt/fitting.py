"""How much goes through the model at once: measured before the first step, and less of it when memory runs out.

Sums of a step are divided by figures of the whole step, so that the size of its micro-batches changes nothing but the
order of additions. On a CPU the bits of the adapter depend on that order: the size in force is part of a checkpoint.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from .errors import JobError, is_out_of_memory
from .events import Events
from .machine import free_memory, give_back, held_memory, peak_memory, reset_peak

T = TypeVar("T")

# More positions at once make nothing faster: a GPU is busy with some thousand, and so is each thread of a CPU. 19 M
# parameters took two threads of a Xeon 37 s with 1,100 at once, 27 s with 2,200, 24 s with 4,500, 19 s with 9,000.
MOST_POSITIONS = {"cuda": 16_384, "cpu": 4_096}
# Below this a GPU idles, and computing activations a second time costs less than smaller micro-batches do.
FEW_POSITIONS = 2_048
# What others take meanwhile, and what fragments: this share of the free memory stays so.
MARGIN = 0.2
# What surely takes no more than this share of the free memory is not tried before it is run.
SURE = 0.5


@dataclass
class Fit:
    """Sequences that go through the model at once, and whether activations are computed a second time, not kept."""

    size: int
    recompute: bool = False


def smaller(fit: Fit, longest: int) -> Fit | None:
    """Return what takes less memory, or None where nothing does: half as many sequences, then activations that are not
    kept, then half as many again.

    Args:
        fit: what took too much.
        longest: tokens of the longest sequence.
    """
    if not fit.recompute and (fit.size == 1 or fit.size * longest <= FEW_POSITIONS):
        return Fit(fit.size, True)
    return Fit(fit.size // 2, fit.recompute) if fit.size > 1 else None


def most_at_once(device: torch.device, batch: int, longest: int, threads: int = 1) -> int:
    """Return how many sequences are tried at once where the job does not say: no more make it faster.

    Args:
        device: that they go through.
        batch: rows of a step.
        longest: tokens of the longest sequence.
        threads: that a CPU's positions are shared by.
    """
    return min(batch, max(1, MOST_POSITIONS[device.type] * threads // longest))


class Fitting:
    """Runs work with the micro-batches in force, and again with smaller ones when memory runs out."""

    def __init__(self, fit: Fit, longest: int, device: torch.device, events: Events) -> None:
        self.fit = fit
        self.longest = longest
        self._device = device
        self._events = events

    def run(self, work: Callable[[], T], again: Callable[[], None] = lambda: None) -> T:
        """Return what `work` returns; `again` puts back what a try that ran out of memory has changed."""
        while True:
            try:
                return work()
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
            # Out here nothing refers to the failed try any more, so that its memory can be given back.
            give_back(self._device)
            again()
            self._shrink()

    def _shrink(self) -> None:
        before, found = self.fit, smaller(self.fit, self.longest)
        if found is None:
            raise JobError(
                "OutOfMemory",
                f"Memory ran out with one sequence of {self.longest} tokens at once: lower max_seq_length, or choose a "
                "smaller base.",
            )
        self.fit = found
        self.tell(f"Memory ran out with {before.size} sequences at once.")

    def tell(self, why: str | None = None) -> None:
        """Say what is in force, and why it changed."""
        self._events.emit(
            "micro_batch", size=self.fit.size, recompute=self.fit.recompute, longest=self.longest, why=why
        )

    def choose(
        self,
        wish: int | str,
        batch: int,
        trial: Callable[[], None],
        again: Callable[[], None],
        most: int | None = None,
    ) -> None:
        """Find micro-batches that fit, by trials of the largest that there can be, unless they are sure to.

        Args:
            wish: how many sequences at once, or "auto" for as many as fit and make it faster.
            batch: rows of a step.
            trial: a forward and a backward pass of `fit.size` of the longest sequences.
            again: see `run`.
            most: bytes that one of them takes at its most; None where that is not known.
        """
        sizes = self._sizes(wish, batch)
        self.fit = Fit(1)
        free = free_memory(self._device)
        if most is not None and free is not None and most * max(1, *sizes) <= free * SURE:
            self.fit = Fit(max(1, *sizes))
            self.tell()
            return
        taken = self._measure(trial, again)
        for size in (one for one in sizes if one > 1):
            # What a trial takes grows with the sequences. One that would take all there is may not fail but be killed.
            room = size if free is None else int(free * (1 - MARGIN) * self.fit.size / taken)
            if room <= self.fit.size:
                break
            self.fit = Fit(min(size, room), self.fit.recompute)
            taken = self._measure(trial, again)
            if self.fit.size < size:
                break
        self.tell(None if self.fit.size == max(1, *sizes) else "No more fits the free memory.")

    def _sizes(self, wish: int | str, batch: int) -> list[int]:
        """Return the sizes to try after a single sequence, rising."""
        if wish != "auto":
            return [min(int(wish), batch)]
        threads = torch.get_num_threads() if self._device.type == "cpu" else 1
        most = most_at_once(self._device, batch, self.longest, threads)
        return [*(2**power for power in range(1, 11) if 2**power < most), most]

    def _measure(self, trial: Callable[[], None], again: Callable[[], None]) -> int:
        """Return the bytes that a trial takes, at its most."""
        give_back(self._device)
        held = held_memory(self._device)
        reset_peak(self._device)
        self.run(trial, again)
        again()
        return max(1, peak_memory(self._device) - held)


def heaviest(rows: Sequence[Any], lengths: Callable[[Any], list[int]]) -> tuple[Any, int]:
    """Return the row whose sequences are the longest together, the first of equals, and its longest sequence's tokens;
    and see every row for that."""
    row = max(rows, key=lambda one: sum(lengths(one)))
    return row, max(max(lengths(one)) for one in rows)
