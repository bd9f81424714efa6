"""What steps came to: read from the device when an event is due, told in order, and kept with the checkpoint."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from .errors import JobError
from .events import Events
from .machine import peak_memory
from .objectives.objective import Figures, Objective

# A GPU is asked no more often than this, since it stands still while it is asked.
ASK_SECONDS = 1.0
# After a resume so many of the steps before are told again: a parent that was killed may not have read them.
TOLD_AGAIN = 1000
NAMED = 10
POINT = ("step", "loss", "learning_rate", "grad_norm", "tokens_per_second", "memory_bytes")


@dataclass(frozen=True)
class Made:
    """A whole step: its rows and rate, and where the model is the sums of its costs and the norm of its gradient."""

    step: int
    rate: float
    rows: Sequence[Any]
    sums: torch.Tensor
    norm: torch.Tensor


@dataclass(frozen=True)
class Told:
    """What a step came to, and the seconds that it took; those of several that were asked for together are equal."""

    made: Made
    figures: Figures
    norm: float
    seconds: float
    memory: int


class StepLog:
    """The steps of a run; figures of the last ones may be on the device still."""

    def __init__(self, objective: Objective[Any], device: torch.device) -> None:
        self._objective = objective
        self._device = device
        self._waiting: list[Made] = []
        self._points: list[list[float]] = []
        self._since = time.monotonic()

    def begin(self) -> None:
        """Count seconds from now on."""
        self._since = time.monotonic()

    def add(self, made: Made) -> bool:
        """Take a step, and return whether it is time to ask for figures."""
        self._waiting.append(made)
        return self._device.type == "cpu" or time.monotonic() - self._since >= ASK_SECONDS

    def take(self) -> list[Told]:
        """Return what the steps since the last time came to, which a GPU is waited for once.

        Raises Diverged for the first step whose loss or gradient is not finite.
        """
        if not self._waiting:
            return []
        waiting, self._waiting = self._waiting, []
        found = torch.stack([torch.cat((made.sums, made.norm.double().view(1))) for made in waiting]).cpu()
        now = time.monotonic()
        seconds, self._since = (now - self._since) / len(waiting), now
        memory = peak_memory(self._device)
        told = []
        for made, line in zip(waiting, found, strict=True):
            if not bool(torch.isfinite(line).all()):
                raise _diverged(made)
            told.append(Told(made, self._objective.figures(made.rows, line[:-1]), float(line[-1]), seconds, memory))
        self._points += [_point(one) for one in told]
        return told

    def state(self) -> torch.Tensor:
        """Return the figures of all steps so far, (steps, 6) in float64, in the order of POINT."""
        return torch.tensor(self._points, dtype=torch.float64).view(-1, len(POINT))

    def load(self, state: torch.Tensor, events: Events) -> None:
        """Go on from the figures of a checkpoint, and tell the last of them again."""
        self._points = state.tolist()
        last = [[int(point[0]), *point[1:]] for point in self._points[-TOLD_AGAIN:]]
        if last:
            events.emit("curve", fields=list(POINT), points=last)


def speed(told: Told) -> float:
    """Return tokens a second."""
    return round(told.figures.tokens / max(told.seconds, 1e-9), 1)


def _point(told: Told) -> list[float]:
    made = told.made
    return [made.step, told.figures.loss, made.rate, told.norm, speed(told), told.memory]


def _diverged(made: Made) -> JobError:
    names = [str(getattr(row, "name", "") or "") for row in made.rows]
    named = ", ".join(name for name in names[:NAMED] if name) + (", …" if len(names) > NAMED else "")
    learned = f" It learned from: {named}." if named else ""
    rate = f"{made.rate:.3g}" if math.isfinite(made.rate) else "a lower one"
    return JobError(
        "Diverged",
        f"The loss or its gradient is no longer finite at step {made.step}, at a rate of {rate}: lower learning_rate, "
        f"lengthen warmup_ratio, or look whether its rows are sound.{learned}",
    )
