"""Direct preference optimisation: of two answers to a prompt the better one, with a share of plain learning."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import logsigmoid

from ..data import Sample
from ..packing import plan
from .answers import Remembered, log_odds
from .objective import Cost, Figures, Pass
from .sft import Sft


@dataclass(frozen=True, eq=False)
class Pair:
    """Two answers to one prompt."""

    chosen: Sample
    rejected: Sample

    @property
    def targets(self) -> int:
        return self.chosen.targets + self.rejected.targets

    def __len__(self) -> int:
        return len(self.chosen) + len(self.rejected)


class Dpo:
    """Learns from pairs, and besides from chats by themselves; an `Objective` of either.

    A pair costs -log sigmoid(β(d(chosen) - d(rejected))), where d = log p - log p0 over the answer's tokens, p of the
    model and p0 of its base (Rafailov et al. 2023), and a step the mean over its rows. Besides, it costs `sft_weight`
    times the mean loss over all tokens of its better answers and of its chats (Pang et al. 2024; TRL's loss `sft`),
    and what `Sft` adds for rows that are replayed.
    """

    packs = False
    groups: Sequence[int] | None = None

    def __init__(
        self,
        rows: Sequence[Pair | Sample],
        held: Sequence[Pair | Sample],
        beta: float,
        sft_weight: float,
        replay_kl: float = 0.0,
    ) -> None:
        self.rows = rows
        self.held = held
        self.beta = beta
        self.sft_weight = sft_weight
        self.replay_kl = replay_kl
        self._remembered: Remembered | None = None

    @property
    def asks_base(self) -> bool:
        return True

    def compared(self, rows: Sequence[Pair | Sample]) -> list[Sample]:
        return [answer for pair in _apart(rows)[0] for answer in (pair.chosen, pair.rejected)]

    def remember(self, remembered: Remembered) -> None:
        self._remembered = remembered
        self.replay_kl = 0.0

    def lengths(self, rows: Sequence[Pair | Sample]) -> list[int]:
        pairs, chats = _apart(rows)
        return [len(answer) for pair in pairs for answer in (pair.chosen, pair.rejected)] + Sft(()).lengths(chats)

    def divisor(self, rows: Sequence[Pair | Sample]) -> float:
        return len(rows)

    def costs(self, rows: Sequence[Pair | Sample], how: Pass) -> Iterator[Cost]:
        """Yield costs with the sums: loss, that of pairs, that of tokens, pairs put right, rewards of either side."""
        pairs, chats = _apart(rows)
        share = self.sft_weight * len(rows) / _weights(rows)
        for batch in _pair_batches(pairs, how.size):
            yield self._pairs(batch, how, share)
        for cost in Sft(chats, replay_kl=self.replay_kl).costs(chats, how) if chats else ():
            loss = share * cost.loss
            yield Cost(loss, torch.stack((loss.detach(), *loss.new_zeros(1), cost.sums[1], *loss.new_zeros(3))))

    def _pairs(self, pairs: Sequence[Pair], how: Pass, share: float) -> Cost:
        answers = [pair.chosen for pair in pairs] + [pair.rejected for pair in pairs]
        odds, said = log_odds(answers, how, self._remembered)
        chosen, rejected = (self.beta * odds).chunk(2)
        preferred = -logsigmoid(chosen - rejected).sum()
        spoken = -said.chunk(2)[0].sum()
        loss = preferred + share * spoken
        right = (chosen > rejected).sum().to(loss.dtype)
        sums = (loss, preferred, spoken, right, chosen.sum(), rejected.sum())
        return Cost(loss, torch.stack(sums).detach())

    def figures(self, rows: Sequence[Pair | Sample], sums: torch.Tensor) -> Figures:
        pairs, chats = _apart(rows)
        loss, preferred, spoken, right, chosen, rejected = sums.tolist()
        tokens, targets = sum(map(len, rows)), sum(row.targets for row in rows)
        learned = sum(pair.chosen.targets for pair in pairs) + sum(chat.targets for chat in chats)
        if not pairs:
            return Figures(spoken / learned * len(rows), len(rows), tokens, targets, {"token_loss": spoken / learned})
        more = {
            "token_loss": spoken / learned,
            "preference_loss": preferred / len(pairs),
            "accuracy": right / len(pairs),
            "margin": (chosen - rejected) / len(pairs),
            "chosen_reward": chosen / len(pairs),
            "rejected_reward": rejected / len(pairs),
        }
        return Figures(loss, len(rows), tokens, targets, more)


def _apart(rows: Sequence[Pair | Sample]) -> tuple[list[Pair], list[Sample]]:
    pairs = [row for row in rows if isinstance(row, Pair)]
    return pairs, [row for row in rows if isinstance(row, Sample)]


def _weights(rows: Sequence[Pair | Sample]) -> float:
    """Return the weights of all tokens that are learned by themselves."""
    pairs, chats = _apart(rows)
    return sum(pair.chosen.targets for pair in pairs) + sum(chat.weight * chat.targets for chat in chats)


def _pair_batches(pairs: Sequence[Pair], size: int) -> Iterator[list[Pair]]:
    """Yield pairs, like lengths together, so many that no more than `size` answers are in memory; one at the least."""
    lengths = [max(len(pair.chosen), len(pair.rejected)) for pair in pairs]
    for rows in plan(lengths, max(1, size // 2), packed=False):
        yield [pairs[index] for row in rows for index in row]
