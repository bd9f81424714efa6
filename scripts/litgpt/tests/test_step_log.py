"""Figures of steps: told in order and once, kept through kills, and stopping a run that has learned what it can."""

import pytest
import torch

from ratchet_litgpt.early_stop import Patience
from ratchet_litgpt.errors import JobError
from ratchet_litgpt.objectives.sft import Sft
from ratchet_litgpt.step_log import POINT, Made, StepLog

from .conftest import JobMaker, run_here, run_until
from .test_packing import chats

CPU = torch.device("cpu")


def made(step: int, loss: float = 2.0, norm: float = 1.0) -> Made:
    rows = chats([5, 9])
    targets = sum(row.targets for row in rows)
    return Made(step, 0.1, rows, torch.tensor([1.0, loss * targets], dtype=torch.float64), torch.tensor(norm))


def test_steps_that_wait_are_read_together_and_in_order() -> None:
    log = StepLog(Sft(chats([5])), CPU)
    log.begin()
    for step in (1, 2, 3):
        assert log.add(made(step, loss=step))
    told = log.take()
    assert [(one.made.step, one.figures.loss) for one in told] == [(1, 1.0), (2, 2.0), (3, 3.0)]
    assert len({one.seconds for one in told}) == 1 and log.take() == []
    assert log.state()[:, :2].tolist() == [[1, 1], [2, 2], [3, 3]]


@pytest.mark.parametrize(("loss", "norm"), [(float("nan"), 1.0), (2.0, float("inf"))])
def test_the_first_step_that_is_not_finite_is_named(loss: float, norm: float) -> None:
    log = StepLog(Sft(chats([5])), CPU)
    log.add(made(1))
    log.add(made(2, loss, norm))
    log.add(made(3, loss, norm))
    with pytest.raises(JobError, match=r"at step 2, .* lower learning_rate") as caught:
        log.take()
    assert caught.value.code == "Diverged"


def test_a_run_that_diverges_names_step_rows_and_what_to_try(make_job: JobMaker) -> None:
    with pytest.raises(JobError) as caught:
        run_here(make_job(rows=3, batch_size=2, learning_rate=1e30, epochs=20, warmup_ratio=0, dropout=0))
    message = caught.value.message
    assert "learning_rate" in message and "at step " in message and "row-" in message and "line " in message


def test_every_step_is_told_once_through_a_kill(make_job: JobMaker) -> None:
    job = make_job(work="killed", epochs=2)
    run_until(job, 7)
    result, events = run_here(job)
    (curve,) = events.of("curve")
    assert curve["fields"] == list(POINT)
    first = events.of("resumed")[0]["step"]
    steps = [point[0] for point in curve["points"]] + [one["step"] for one in events.of("step")]
    assert steps == list(range(1, result["steps"] + 1)) and len(curve["points"]) == first
    undisturbed, told = run_here(make_job(work="undisturbed", epochs=2))
    for point, one in zip(curve["points"], told.of("step")[:first], strict=True):
        assert point[1:4] == [one["loss"], one["learning_rate"], one["grad_norm"]]
    assert undisturbed["adapter_digest"] == result["adapter_digest"]
    assert all(one["memory_bytes"] > 1 << 20 for one in told.of("step"))


def test_patience_counts_falls_that_are_large_enough() -> None:
    settings = {"patience": 2, "min_delta": 0.1}
    patience = Patience()
    assert [patience.see(loss, settings) for loss in (2.0, 1.95, 1.8, 1.75, 1.71)] == [False, False, False, False, True]


def test_a_run_stops_when_it_no_longer_learns_and_keeps_the_best(make_job: JobMaker) -> None:
    job = make_job(rows=4, val=6, epochs=40, eval_every_steps=2, early_stop={"patience": 2, "min_delta": 0.0})
    job["train"]["optim"].update(learning_rate=3e-2, schedule="constant")
    result, events = run_here(job)
    found = [(line["step"], line["loss"]) for line in events.of("validation")]
    best = min(found, key=lambda one: one[1])
    assert result["stopped_early"] and result["steps"] == found[-1][0] < 40
    assert (result["best_step"], result["val_loss"]) == best and len(found) - 1 - found.index(best) == 2
    assert events.of("early_stop") == [{"event": "early_stop", "step": result["steps"], "best_step": best[0]}]
    assert not run_here(make_job(rows=4, work="plain", epochs=2))[0]["stopped_early"]
