"""What DPO and KTO have in common: how likely whole answers are, to the model and to the base that it began as."""

from collections.abc import Iterable, Iterator, Sequence

import torch

from ..data import MicroBatch, Sample, collate
from ..model import IGNORED
from ..packing import plan
from .objective import Pass


class Remembered:
    """What the base said of answers, from before it began to learn: needed where no frozen base is left."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, int], float] = {}

    @torch.no_grad()
    def add(self, samples: Iterable[Sample], how: Pass) -> None:
        """Measure those samples that are not known yet, by the model as it is now."""
        new = {_key(sample): sample for sample in samples if _key(sample) not in self._known}
        for batch in batches(list(new.values()), how.size):
            rows = _collated(batch, how)
            found = log_probability(rows, _said(rows, how)).tolist()
            self._known.update(zip(map(_key, batch), found, strict=True))

    def of(self, samples: Sequence[Sample]) -> list[float]:
        """Return log p0(answer) of each sample."""
        return [self._known[_key(sample)] for sample in samples]


def log_odds(
    samples: Sequence[Sample], how: Pass, remembered: Remembered | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return log p(answer) - log p0(answer) of each sample, (B,), and log p(answer), (B,), in nats.

    The sums go over an answer's learned tokens. p0 is what is remembered, or the frozen base of the same model.
    """
    batch = _collated(samples, how)
    said = log_probability(batch, _said(batch, how))
    if remembered is not None:
        return said - said.new_tensor(remembered.of(samples)), said
    return said - log_probability(batch, _said(batch, how, of_base=True)), said


def _collated(samples: Sequence[Sample], how: Pass) -> MicroBatch:
    """Return a row for each sample; where they are laid end to end, with where each ends."""
    return collate([[sample] for sample in samples], how.device, packed=how.lays)


def _said(batch: MicroBatch, how: Pass, of_base: bool = False) -> torch.Tensor:
    losses: torch.Tensor = how.model(
        batch.tokens, batch.labels, batch.chats, batch.places, batch.learned, of_base=of_base
    )
    return losses


def log_probability(batch: MicroBatch, losses: torch.Tensor) -> torch.Tensor:
    """Return the log-probability of each row's learned tokens, (B,), for the loss of each, row after row, (N,)."""
    placed = losses.new_zeros(batch.labels.shape).masked_scatter(batch.labels != IGNORED, losses)
    return -placed.sum(1)


def batches(samples: Sequence[Sample], size: int) -> Iterator[list[Sample]]:
    """Yield samples, `size` at once, like lengths together."""
    for rows in plan([len(sample) for sample in samples], size, packed=False) if samples else ():
        yield [samples[index] for row in rows for index in row]


def _key(sample: Sample) -> tuple[bytes, int]:
    return bytes(sample.ids.numpy().tobytes()), sample.targets
