"""Samples in the base's tokens, and the batches of a step."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from .model import IGNORED
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
    """Rows padded to one length: tokens and labels (B, T), weights (B,)."""

    tokens: torch.Tensor
    labels: torch.Tensor
    weights: torch.Tensor


def step_rows(dataset: Dataset, seed: int, step: int, batch_size: int) -> list[Sample]:
    """Return the samples of a step: a pure function of the seed and the step, so that a resumed run sees the same."""
    per_epoch = steps_per_epoch(len(dataset.samples), batch_size)
    epoch, place = divmod(step, per_epoch)
    generator = torch.Generator().manual_seed((seed * 1_000_003 + epoch) % 2**63)
    order = torch.randperm(len(dataset.samples), generator=generator).tolist()
    return [dataset.samples[index] for index in order[place * batch_size : (place + 1) * batch_size]]


def micro_batches(samples: Sequence[Sample], size: int, device: torch.device) -> Iterator[MicroBatch]:
    """Yield the samples in padded batches, like lengths together; equal lengths stay in the order given."""
    by_length = sorted(samples, key=len)
    for start in range(0, len(by_length), size):
        yield collate(by_length[start : start + size], device)


def collate(samples: Sequence[Sample], device: torch.device) -> MicroBatch:
    """Return samples padded on the right; causal attention never looks at the padding."""
    width = max(len(sample) for sample in samples)
    tokens = torch.zeros(len(samples), width, dtype=torch.long)
    labels = torch.full((len(samples), width), IGNORED)
    for row, sample in enumerate(samples):
        tokens[row, : len(sample)] = sample.ids
        labels[row, : len(sample)] = sample.labels
    weights = torch.tensor([sample.weight for sample in samples])
    return MicroBatch(tokens.to(device), labels.to(device), weights.to(device))
