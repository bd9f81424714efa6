"""Steps and rates for any number of rows."""

import math
from itertools import product
from typing import Any

import numpy as np
import pytest

from ratchet_litgpt.schedule import make_schedule, step_place, steps_per_epoch

from .conftest import JobMaker, run_here


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


EVERY_ROWS = range(1, 5001)
EVERY_BATCH = range(1, 33)


@pytest.mark.parametrize("ratio", [0.05, 1.0])
@pytest.mark.parametrize("epochs", [1, 3, 5])
def test_the_rate_reaches_its_setting_for_any_number_of_rows(epochs: int, ratio: float) -> None:
    for batch in EVERY_BATCH:
        settings = optim(batch_size=batch, epochs=epochs, warmup_ratio=ratio, learning_rate=2e-4)
        for rows in EVERY_ROWS:
            schedule = make_schedule(rows, settings)
            if not (
                schedule.steps >= 1 and schedule.warmup < schedule.steps and schedule.rate(schedule.warmup) == 2e-4
            ):
                raise AssertionError(f"{rows} rows in batches of {batch}: {schedule}")


def test_every_row_is_seen_once_in_every_epoch() -> None:
    for batch in EVERY_BATCH:
        settings = optim(batch_size=batch, epochs=5)
        for rows in EVERY_ROWS:
            count = steps_per_epoch(rows, batch)
            steps = np.arange(count)
            epoch, first, end = step_place(rows, batch, steps)
            # One after the other without a gap, from the first row to the last, and no step is empty.
            whole = not epoch.any() and first[0] == 0 and first[-1] < rows <= end[-1] and (first[1:] == end[:-1]).all()
            ends = (
                step_place(rows, batch, 4 * count) == (4, 0, batch) and step_place(rows, batch, 5 * count - 1)[0] == 4
            )
            if not (whole and ends and make_schedule(rows, settings).steps == 5 * count):
                raise AssertionError(f"{rows} rows in batches of {batch}")


CORNERS = [*product((1, 2, 5), (1, 32), (1, 5)), (50, 32, 3)]


@pytest.mark.parametrize(("rows", "batch", "epochs"), CORNERS)
def test_runs_of_any_size_learn_at_the_full_rate(make_job: JobMaker, rows: int, batch: int, epochs: int) -> None:
    job = make_job(rows=rows, epochs=epochs, batch_size=batch, micro_batch_size=min(batch, 8), max_seq_length=64)
    result, events = run_here(job)
    steps, data = events.of("step"), events.of("data")[0]
    assert len(steps) == result["steps"] == math.ceil(rows / batch) * epochs
    assert max(step["learning_rate"] for step in steps) == 2e-3 and min(step["learning_rate"] for step in steps) > 0
    assert sum(step["target_tokens"] for step in steps) == epochs * data["target_tokens"] == result["target_tokens"]
