"""Samples in the base's tokens, and the batches of a step."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import torch

from .model import IGNORED
from .packing import plan
from .schedule import step_place

Row = TypeVar("Row")

# What a sample is for: an answer to learn, one of the base to keep, the better and the worse of two, one that is good
# by itself, and one that is bad.
LEARN, REPLAY, CHOSEN, REJECTED, GOOD, BAD = range(6)


@dataclass(frozen=True, eq=False)
class Sample:
    """One chat: its token ids (T,), which of them are learned (T,), and what it is for.

    `row` is its place in its dataset, and `above` has the places of the rows that it goes on from, the longest first,
    see `chains.py`. A sample that stands for several rows has the weight of each token in `weights`, (T,).
    """

    ids: torch.Tensor
    learned: torch.Tensor
    weight: float
    targets: int
    name: str = ""
    role: int = LEARN
    row: int = -1
    above: tuple[int, ...] = ()
    weights: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def labels(self) -> torch.Tensor:
        """Return the token to say after each position, or IGNORED where nothing is learned, (T,)."""
        labels = torch.full((len(self.ids),), IGNORED)
        labels[:-1] = torch.where(self.learned[1:].bool(), self.ids[1:].long(), IGNORED)
        return labels


@dataclass(frozen=True)
class Counts:
    """What a dataset holds, and what it took to make: `tokens` and `targets` after the cut to length, `truncated` rows
    cut, `skipped` rows of which the cut left nothing to learn, `broken_turns` that the template rewrites later."""

    rows: int = 0
    tokens: int = 0
    targets: int = 0
    truncated: int = 0
    skipped: int = 0
    broken_turns: int = 0


@dataclass(frozen=True)
class Dataset:
    """Samples that can be learned from, and which are of one chat, by a number for each.

    `encoded` is how many texts the tokenizer was asked for just now.
    """

    samples: Sequence[Sample]
    counts: Counts
    groups: Sequence[int]
    encoded: int = 0


@dataclass(frozen=True)
class MicroBatch:
    """Rows padded to one length, all (B, T): tokens, labels, the weight of each token's chat; and where a token is
    learned, among all positions laid end to end, (N,).

    Rows of several chats have the number of the chat in its row at each position, and the place in that chat; the
    padding is a chat of its own.
    """

    tokens: torch.Tensor
    labels: torch.Tensor
    weights: torch.Tensor
    learned: torch.Tensor
    chats: torch.Tensor | None = None
    places: torch.Tensor | None = None


def step_rows(
    rows: Sequence[Row], seed: int, step: int, batch_size: int, groups: Sequence[int] | None = None
) -> list[Row]:
    """Return the rows of a step: a pure function of the seed and the step, so that a resumed run sees the same.

    Rows of one group follow each other in an epoch, so that most of them meet in one step.
    """
    epoch, first, end = step_place(len(rows), batch_size, step)
    generator = torch.Generator().manual_seed((seed * 1_000_003 + epoch) % 2**63)
    order = torch.randperm(len(rows), generator=generator).tolist()
    if groups is not None:
        order = _together(order, groups)
    return [rows[index] for index in order[first:end]]


def _together(order: Sequence[int], groups: Sequence[int]) -> list[int]:
    """Return the order in which a group stands, whole, where its first row stood."""
    members: dict[int, list[int]] = {}
    for row in order:
        members.setdefault(groups[row], []).append(row)
    return [row for group in members.values() for row in group]


def micro_batches(
    samples: Sequence[Sample], size: int, device: torch.device, packed: bool = False
) -> Iterator[MicroBatch]:
    """Yield the samples in padded batches of `size` rows, like lengths together; equal lengths stay in the order given.

    Args:
        samples: any number of them.
        size: rows of a batch.
        device: where the tensors go.
        packed: whether a row may hold several samples, as long as it is no longer than the longest of all.
    """
    for rows in plan([len(sample) for sample in samples], size, packed):
        yield collate([[samples[index] for index in row] for row in rows], device, packed)


def collate(rows: Sequence[Sequence[Sample]], device: torch.device, packed: bool = False) -> MicroBatch:
    """Return rows of samples padded on the right; causal attention never looks at the padding."""
    width = max(sum(map(len, row)) for row in rows)
    tokens = torch.zeros(len(rows), width, dtype=torch.long)
    labels = torch.full((len(rows), width), IGNORED)
    weights = torch.zeros(len(rows), width)
    chats = torch.full((len(rows), width), -1)
    places = torch.zeros(len(rows), width, dtype=torch.long)
    for number, row in enumerate(rows):
        start = 0
        for chat, sample in enumerate(row):
            end = start + len(sample)
            tokens[number, start:end] = sample.ids
            labels[number, start:end] = sample.labels
            weights[number, start:end] = sample.weight if sample.weights is None else sample.weights
            chats[number, start:end] = chat
            places[number, start:end] = torch.arange(len(sample))
            start = end
    learned = (labels != IGNORED).flatten().nonzero().flatten()
    move = partial(_move, device)
    layout = (move(chats), move(places)) if packed else (None, None)
    return MicroBatch(move(tokens), move(labels), move(weights), move(learned), *layout)


def _move(device: torch.device, tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor on the device, which is not waited for."""
    return tensor if device.type == "cpu" else tensor.pin_memory().to(device, non_blocking=True)
