"""What the loop asks of an objective: its rows, what they cost, and what to say of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import torch

Row = TypeVar("Row")


@dataclass(frozen=True)
class Pass:
    """How rows go through the model: `size` sequences at once, each of one chat, or of several where `packed`."""

    model: Callable[..., torch.Tensor]
    size: int
    device: torch.device
    packed: bool = False
    # Whether chats are laid end to end, so that rows of one chat each are not padded either.
    lays: bool = False


@dataclass(frozen=True)
class Cost:
    """What a micro-batch costs: the sum to learn from, a scalar, and sums for the figures, (K,), without gradient.

    All are sums over rows or tokens, never means, so that any split of a step into micro-batches gives the same.
    """

    loss: torch.Tensor
    sums: torch.Tensor


@dataclass(frozen=True)
class Figures:
    """What some rows came to: a sum of losses, the count it is the mean over, their tokens, and figures by name."""

    loss_sum: float
    count: float
    tokens: int
    targets: int
    more: Mapping[str, float] = field(default_factory=dict)

    @property
    def loss(self) -> float:
        return self.loss_sum / max(1, self.count)


class Objective(Protocol[Row]):
    """What a run learns. `rows` are seen once an epoch, `held` are for validation, maybe none."""

    rows: Sequence[Row]
    held: Sequence[Row]
    packs: bool
    """Whether several chats may share a sequence."""

    groups: Sequence[int] | None
    """Which rows belong together, a number for each; None where it makes no difference."""

    @property
    def asks_base(self) -> bool:
        """Whether rows go through the model as its frozen base besides."""
        ...

    def compared(self, rows: Sequence[Row]) -> list[Any]:
        """Return the samples of which a step of these rows asks what the base says; none for most."""
        ...

    def remember(self, remembered: Any) -> None:
        """Take what the base said of those samples in place of asking it: there is none where all weights learn."""
        ...

    def lengths(self, rows: Sequence[Row]) -> list[int]:
        """Return the tokens of each sequence that the rows of a step take."""
        ...

    def divisor(self, rows: Sequence[Row]) -> float:
        """Return what the costs of a step of these rows are divided by."""
        ...

    def costs(self, rows: Sequence[Row], how: Pass) -> Iterator[Cost]:
        """Yield the cost of each micro-batch; the next is computed once the last was learned from."""
        ...

    def figures(self, rows: Sequence[Row], sums: torch.Tensor) -> Figures:
        """Return what to say of the rows, of which `sums` are the costs' sums, added in float64."""
        ...


def total(objective: Objective[Any], rows: Sequence[Any], how: Pass, each: Callable[[Cost], None]) -> Figures:
    """Return the figures of some rows; `each` is called with every cost, to learn from it or to stop."""
    return objective.figures(rows, totals(objective, rows, how, each).cpu())


def totals(objective: Objective[Any], rows: Sequence[Any], how: Pass, each: Callable[[Cost], None]) -> torch.Tensor:
    """Return the sums of the costs of some rows in float64, (K,), where the model is: nothing waits for a GPU here."""
    sums: torch.Tensor | float = 0.0
    for cost in objective.costs(rows, how):
        each(cost)
        sums = sums + cost.sums.double()
    return torch.as_tensor(sums)
