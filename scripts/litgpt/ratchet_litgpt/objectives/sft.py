"""Supervised fine-tuning: the weighted negative log-likelihood of learned tokens, over the weights of the step."""

from collections.abc import Iterator, Sequence

import torch

from ..chains import merged
from ..data import REPLAY, Sample, micro_batches
from .objective import Cost, Figures, Pass


class Sft:
    """Learns to say what the rows say; an `Objective` of `Sample`.

    Rows that say what the base says cost, besides, `replay_kl` times KL(base || model) over their learned tokens.
    """

    packs = True

    def __init__(
        self,
        rows: Sequence[Sample],
        held: Sequence[Sample] = (),
        groups: Sequence[int] | None = None,
        replay_kl: float = 0.0,
    ) -> None:
        self.rows = rows
        self.held = held
        self.groups = groups
        self.replay_kl = replay_kl

    @property
    def asks_base(self) -> bool:
        return self.replay_kl > 0

    def compared(self, _rows: Sequence[Sample]) -> list[Sample]:
        return []

    def remember(self, _remembered: object) -> None:
        """Nothing is asked of the base but where its answers are replayed, which costs nothing without it."""
        self.replay_kl = 0.0

    def lengths(self, rows: Sequence[Sample]) -> list[int]:
        return [len(sample) for sample in merged(rows)]

    def divisor(self, rows: Sequence[Sample]) -> float:
        return sum(row.weight * row.targets for row in rows)

    def costs(self, rows: Sequence[Sample], how: Pass) -> Iterator[Cost]:
        """Yield costs with the sums: weighted loss, that of tokens, and the divergence of tokens that are replayed."""
        kept = [row for row in rows if row.role == REPLAY] if self.replay_kl else []
        taught = [row for row in rows if row.role != REPLAY] if kept else rows
        for batch in micro_batches(merged(taught), how.size, how.device, how.packed) if taught else ():
            losses = how.model(batch.tokens, batch.labels, batch.chats, batch.places, batch.learned)
            weighted = (losses * batch.weights.flatten()[batch.learned]).sum()
            yield Cost(weighted, torch.stack((weighted, losses.sum(), losses.new_zeros(()))).detach())
        for batch in micro_batches(kept, how.size, how.device, how.packed) if kept else ():
            losses, gone = how.model(
                batch.tokens, batch.labels, batch.chats, batch.places, batch.learned, against_base=True
            )
            weighted = ((losses + self.replay_kl * gone) * batch.weights.flatten()[batch.learned]).sum()
            yield Cost(weighted, torch.stack((weighted, losses.sum(), gone.sum())).detach())

    def figures(self, rows: Sequence[Sample], sums: torch.Tensor) -> Figures:
        targets = sum(row.targets for row in rows)
        kept = sum(row.targets for row in rows if row.role == REPLAY) if self.replay_kl else 0
        more = {"replay_divergence": float(sums[2]) / kept} if kept else {}
        return Figures(float(sums[1]), targets, sum(self.lengths(rows)), targets, more)
