"""How many steps there are and how fast each learns: pure functions that work for any number of rows."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Schedule:
    """The learning rate of each step; a step is one update of the weights, counted from 0."""

    steps: int
    warmup: int
    peak: float
    shape: str

    def rate(self, step: int) -> float:
        """Return the learning rate of a step: linear warm-up to the peak, then the shape down towards zero."""
        if step < self.warmup:
            return self.peak * (step + 1) / self.warmup
        if self.shape == "constant":
            return self.peak
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.peak * (1.0 - done if self.shape == "linear" else 0.5 * (1.0 + math.cos(math.pi * done)))


def make_schedule(rows: int, optim: Mapping[str, Any]) -> Schedule:
    """Return the schedule for some rows: ceil(rows / batch) steps an epoch, or `max_steps` when fewer."""
    per_epoch = steps_per_epoch(rows, optim["batch_size"])
    steps = max(1, math.ceil(per_epoch * optim["epochs"]))
    if optim["max_steps"] is not None:
        steps = min(steps, optim["max_steps"])
    warmup = min(math.ceil(optim["warmup_ratio"] * steps), max(0, steps - 1))
    return Schedule(steps, warmup, optim["learning_rate"], optim["schedule"])


def steps_per_epoch(rows: int, batch_size: int) -> int:
    """Return how many steps see every row once; the last one may be smaller."""
    return math.ceil(rows / batch_size)


def step_place(rows: int, batch_size: int, step: Any) -> tuple[Any, Any, Any]:
    """Return the epoch of a step, and where in that epoch's order its rows begin and end; an end may lie behind the
    last row. The step may be an array."""
    epoch, place = divmod(step, steps_per_epoch(rows, batch_size))
    return epoch, place * batch_size, (place + 1) * batch_size
