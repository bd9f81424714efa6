"""Steps and rates for any number of rows."""

import math
from typing import Any

import pytest

from ratchet_litgpt.schedule import make_schedule


def optim(**changes: Any) -> dict[str, Any]:
    settings = {"learning_rate": 1.0, "batch_size": 16, "epochs": 3, "max_steps": None, "warmup_ratio": 0.05}
    return {**settings, "schedule": "cosine", **changes}


@pytest.mark.parametrize("rows", [1, 2, 15, 16, 17, 50, 319, 320, 321, 1000])
@pytest.mark.parametrize("ratio", [0.0, 0.05, 0.5, 1.0])
@pytest.mark.parametrize("shape", ["cosine", "linear", "constant"])
def test_every_step_learns(rows: int, ratio: float, shape: str) -> None:
    schedule = make_schedule(rows, optim(warmup_ratio=ratio, schedule=shape))
    rates = [schedule.rate(step) for step in range(schedule.steps)]
    assert schedule.steps == math.ceil(rows / 16) * 3
    assert all(0 < rate <= 1 for rate in rates)
    assert max(rates) == pytest.approx(1.0)


@pytest.mark.parametrize(("max_steps", "steps"), [(None, 12), (5, 5), (1, 1), (100, 12)])
def test_max_steps_only_lowers(max_steps: int | None, steps: int) -> None:
    assert make_schedule(50, optim(max_steps=max_steps)).steps == steps


def test_warm_up_rises_and_the_cosine_falls() -> None:
    schedule = make_schedule(160, optim(epochs=10, warmup_ratio=0.1))
    rates = [schedule.rate(step) for step in range(schedule.steps)]
    assert rates[:11] == sorted(rates[:11]) and rates[10:] == sorted(rates[10:], reverse=True)
