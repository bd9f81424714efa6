"""Kahneman-Tversky optimisation: answers that are good or bad by themselves, as people value gains and losses."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch

from ..data import BAD, GOOD, Sample
from .answers import Remembered, batches, log_odds
from .objective import Cost, Figures, Pass


class Kto:
    """Learns from judged answers; an `Objective` of `Sample`.

    A good answer costs w(1 - sigmoid(β(d - z))) and a bad one w(1 - sigmoid(β(z - d))), where d = log p - log p0 over
    the answer's tokens, p of the model and p0 of its base, and a step the mean over its rows. z is how far the model
    has gone from the base: the mean d of prompts with the answers of their neighbours in the step, no less than 0,
    without gradient (Ethayarajh et al. 2024; TRL's `kto`). Besides, a step costs `sft_weight` times the mean loss over
    all tokens of its good answers, as DPO's share of plain learning: pushed away from bad answers alone, a model
    forgets how to speak.
    """

    packs = False
    groups: Sequence[int] | None = None

    def __init__(
        self,
        rows: Sequence[Sample],
        held: Sequence[Sample],
        beta: float,
        weights: dict[int, float],
        length: int,
        sft_weight: float = 0.0,
    ) -> None:
        self.rows = rows
        self.held = held
        self.beta = beta
        self.weights = weights
        self.length = length
        self.sft_weight = sft_weight
        self._remembered: Remembered | None = None

    @property
    def asks_base(self) -> bool:
        return True

    def compared(self, rows: Sequence[Sample]) -> list[Sample]:
        return [*rows, *self._crossed(rows)]

    def remember(self, remembered: Remembered) -> None:
        self._remembered = remembered

    def lengths(self, rows: Sequence[Sample]) -> list[int]:
        return list(map(len, rows))

    def divisor(self, rows: Sequence[Sample]) -> float:
        return len(rows)

    def costs(self, rows: Sequence[Sample], how: Pass) -> Iterator[Cost]:
        """Yield costs with the sums: loss, z of each row, the rewards of good and of bad answers, good tokens' loss."""
        gone = self._gone(rows, how)
        share = self.sft_weight * len(rows) / max(1, _good_tokens(rows))
        for batch in batches(rows, how.size):
            odds, said = log_odds(batch, how, self._remembered)
            good = torch.tensor([sample.role == GOOD for sample in batch], device=odds.device)
            weights = odds.new_tensor([self.weights[sample.role] for sample in batch])
            sign = torch.where(good, 1.0, -1.0)
            spoken = -said[good].sum()
            loss = (weights * (1 - torch.sigmoid(self.beta * sign * (odds - gone)))).sum() + share * spoken
            rewards = self.beta * odds.detach()
            sums = (loss, gone * len(batch), rewards[good].sum(), rewards[~good].sum(), spoken)
            yield Cost(loss, torch.stack(sums).detach())

    @torch.no_grad()
    def _gone(self, rows: Sequence[Sample], how: Pass) -> torch.Tensor:
        """Return z; 0 where there is no neighbour to take an answer of."""
        if len(rows) < 2:
            return torch.zeros((), device=how.device)
        odds = [log_odds(batch, how, self._remembered)[0] for batch in batches(self._crossed(rows), how.size)]
        return torch.cat(odds).mean().clamp(min=0)

    def _crossed(self, rows: Sequence[Sample]) -> list[Sample]:
        if len(rows) < 2:
            return []
        return [cross(row, rows[place - 1], self.length) for place, row in enumerate(rows)]

    def figures(self, rows: Sequence[Sample], sums: torch.Tensor) -> Figures:
        loss, gone, good, bad, spoken = sums.tolist()
        counts = {role: sum(row.role == role for row in rows) for role in (GOOD, BAD)}
        more = {"divergence": gone / len(rows)}
        if counts[GOOD]:
            more["chosen_reward"] = good / counts[GOOD]
            more["token_loss"] = spoken / _good_tokens(rows)
        if counts[BAD]:
            more["rejected_reward"] = bad / counts[BAD]
        return Figures(loss, len(rows), sum(map(len, rows)), sum(row.targets for row in rows), more)


def cross(prompt: Sample, answer: Sample, length: int) -> Sample:
    """Return the prompt of one sample with the answer of another, cut to `length` tokens."""
    start, taken = _answer_start(prompt), _answer_start(answer)
    ids = torch.cat((prompt.ids[:start], answer.ids[taken:]))[:length]
    learned = torch.cat((torch.zeros_like(prompt.learned[:start]), answer.learned[taken:]))[:length]
    return replace(prompt, ids=ids, learned=learned, targets=int(learned[1:].sum()))


def _good_tokens(rows: Sequence[Sample]) -> int:
    return sum(row.targets for row in rows if row.role == GOOD)


def _answer_start(sample: Sample) -> int:
    return int(sample.learned.to(torch.uint8).argmax())
