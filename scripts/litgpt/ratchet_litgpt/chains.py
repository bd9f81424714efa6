"""Rows of one chat that go on from one another: which they are, and how they are computed once.

A chat of which four answers are learned is four rows, and each begins with the ones before it. Attention looks back
only, so that the last row's pass holds all that the others' would: their learned tokens are learned there as well, each
with the weight of its own row. Losses and gradients are the same sums.
"""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch

from .data import Sample

NONE = -1


class ChainFinder:
    """Finds, for each row, the longest other row that it goes on from."""

    def __init__(self, ends: Collection[int]) -> None:
        self._ends = np.array(sorted(ends), dtype=np.int32)
        self._places: list[list[bytes]] = []
        self._rows: dict[bytes, int] = {}

    def add(self, ids: torch.Tensor, learned: torch.Tensor, joins: bool = True) -> None:
        """Take the next row: token ids (T,), which of them are learned (T,), and whether it may stand with others."""
        row = len(self._places)
        if not joins:
            self._places.append([])
            return
        said = int(learned.nonzero()[-1]) + 1
        tokens = np.ascontiguousarray(ids.numpy(), dtype=np.int32)
        state, before, places = hashlib.sha256(), 0, []
        for end in (np.flatnonzero(np.isin(tokens[:said], self._ends)) + 1).tolist():
            state.update(tokens[before:end])
            before = end
            places.append(state.digest())
        self._places.append(places)
        if before == said:
            self._rows.setdefault(places[-1], row)

    def parents(self) -> torch.Tensor:
        """Return for each row the row that it goes on from, or NONE, (N,) and int64."""
        found = (
            next((self._rows[place] for place in reversed(places[:-1]) if place in self._rows), NONE)
            for places in self._places
        )
        return torch.tensor(list(found), dtype=torch.int64)


def above(row: int, parents: Sequence[int]) -> Iterator[int]:
    """Yield the rows that a row goes on from, the longest first."""
    while (row := parents[row]) != NONE:
        yield row


def roots(parents: Sequence[int]) -> list[int]:
    """Return for each row the first row of its chat."""
    return [next(iter([*above(row, parents)][::-1]), row) for row in range(len(parents))]


def merged(samples: Sequence[Sample]) -> list[Sample]:
    """Return some samples, each row once, those of one chat as one where the longer goes on from the shorter.

    Samples that learn a token of the same place stay apart, as do those that go on from none.
    """
    by_row = {sample.row: sample for sample in samples if sample.row >= 0}
    taken: set[int] = set()
    whole: list[tuple[int, Sample]] = []
    for place, sample in sorted(enumerate(samples), key=lambda entry: (-len(entry[1]), entry[0])):
        if sample.row in taken:
            continue
        one = sample
        for row in sample.above:
            if row in by_row and row not in taken and not _overlap(one, by_row[row]):
                one = _join(one, by_row[row])
                taken.add(row)
        whole.append((place, one))
    return [sample for _, sample in sorted(whole, key=lambda entry: entry[0])]


def _overlap(longer: Sample, shorter: Sample) -> bool:
    return bool((longer.learned[: len(shorter)].bool() & shorter.learned.bool()).any())


def _join(longer: Sample, shorter: Sample) -> Sample:
    """Return the longer sample with the learned tokens of the shorter, up to the last of which they are equal."""
    size = int(shorter.learned.nonzero()[-1]) + 1
    said = shorter.learned[:size].bool()
    learned = longer.learned.clone()
    learned[:size][said] = 1
    weights = torch.full((len(longer),), longer.weight) if longer.weights is None else longer.weights.clone()
    # Labels, and the weights beside them, stand a place before the token that is said.
    weights[: size - 1][said[1:]] = shorter.weight
    return replace(longer, learned=learned, weights=weights, targets=longer.targets + shorter.targets)
