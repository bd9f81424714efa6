"""Samples in the base's tokens, and the batches of a step."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from .model import IGNORED
from .packing import plan
from .schedule import steps_per_epoch


@dataclass(frozen=True, eq=False)
class Sample:
    """One chat: its token ids (T,), and which of them are learned (T,)."""

    ids: torch.Tensor
    learned: torch.Tensor
    weight: float
    targets: int

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
    """Samples that can be learned from; `encoded` is how many texts the tokenizer was asked for just now."""

    samples: Sequence[Sample]
    counts: Counts
    encoded: int = 0


@dataclass(frozen=True)
class MicroBatch:
    """Rows padded to one length, all (B, T): tokens, labels, the weight of each token's chat.

    Rows of several chats have the number of the chat in its row at each position, and the place in that chat; the
    padding is a chat of its own.
    """

    tokens: torch.Tensor
    labels: torch.Tensor
    weights: torch.Tensor
    chats: torch.Tensor | None = None
    places: torch.Tensor | None = None


def step_rows(dataset: Dataset, seed: int, step: int, batch_size: int) -> list[Sample]:
    """Return the samples of a step: a pure function of the seed and the step, so that a resumed run sees the same."""
    per_epoch = steps_per_epoch(len(dataset.samples), batch_size)
    epoch, place = divmod(step, per_epoch)
    generator = torch.Generator().manual_seed((seed * 1_000_003 + epoch) % 2**63)
    order = torch.randperm(len(dataset.samples), generator=generator).tolist()
    return [dataset.samples[index] for index in order[place * batch_size : (place + 1) * batch_size]]


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
            weights[number, start:end] = sample.weight
            chats[number, start:end] = chat
            places[number, start:end] = torch.arange(len(sample))
            start = end
    layout = (chats.to(device), places.to(device)) if packed else (None, None)
    return MicroBatch(tokens.to(device), labels.to(device), weights.to(device), *layout)
