"""Killed, stopped, damaged, out of disk: the run goes on and ends as if nothing had happened."""

import resource
import signal
from pathlib import Path
from typing import Any

import pytest

from ratchet_litgpt.errors import JobError, Stopped
from ratchet_litgpt.files import read_json
from ratchet_litgpt.job import parse_job
from ratchet_litgpt.lifetime import Stop
from ratchet_litgpt.main import run_job

from .conftest import JobMaker, Recorder, needs_full, prepare_job, read_until, run_here, start

TIMEOUT = 60


def test_a_killed_run_ends_with_the_same_bits(make_job: JobMaker, tmp_path: Path) -> None:
    undisturbed, _ = run_here(make_job(work="undisturbed", val=6))
    job = make_job(work="killed", val=6)
    process = start(job, tmp_path)
    assert read_until(process, "checkpoint")["step"] == 4
    process.send_signal(signal.SIGKILL)
    process.wait(TIMEOUT)
    result, events = run_here(job)
    assert events.of("resumed")[0]["step"] >= 4
    for name in ("adapter_digest", "steps", "loss", "val_loss", "best_step", "tokens", "target_tokens"):
        assert result[name] == undisturbed[name], name


def test_sigterm_writes_a_checkpoint_and_the_rest_is_the_same(make_job: JobMaker, tmp_path: Path) -> None:
    undisturbed, _ = run_here(make_job(work="undisturbed"))
    job = make_job(work="stopped", checkpoint={"every_steps": 1000, "keep": 1})
    process = start(job, tmp_path)
    read_until(process, "step")
    process.terminate()
    saved = read_until(process, "checkpoint")
    assert read_until(process, "stopped")["step"] == saved["step"]
    assert process.wait(TIMEOUT) == 143
    result, events = run_here(job)
    assert events.of("resumed")[0]["step"] == saved["step"]
    assert result["adapter_digest"] == undisturbed["adapter_digest"]


def test_a_job_ends_with_its_parent(make_job: JobMaker, tmp_path: Path) -> None:
    process = start(make_job(epochs=1000), tmp_path)
    read_until(process, "step")
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(10) == 75


@needs_full
def test_a_job_ends_with_its_parent_when_its_log_is_on_a_full_disk(make_job: JobMaker, tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        process = start(make_job(epochs=1000), tmp_path, stderr=full)
    read_until(process, "step")
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(10) == 75


def test_a_full_disk_is_told_and_leaves_nothing_half_written(make_job: JobMaker, tmp_path: Path) -> None:
    job = make_job()
    run_here(prepare_job(job))
    limit = 60_000

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    process = start(job, tmp_path, preexec_fn=small_files)
    assert read_until(process, "error")["code"] == "DiskFull"
    assert process.wait(TIMEOUT) == 73
    assert not list((Path(job["work"]) / "checkpoints").iterdir())


def damage(job: dict, *steps: int) -> None:  # type: ignore[type-arg]
    for step in steps:
        path = Path(job["work"]) / "checkpoints" / f"step-{step}" / "state.pt"
        path.write_bytes(path.read_bytes()[:-7] + b"damaged")


@pytest.fixture
def cut_short(make_job: JobMaker) -> dict:  # type: ignore[type-arg]
    """Return a job of 12 steps whose checkpoints at 4 and 8 are there, and its result is not."""
    job = make_job()
    run_here(job)
    (Path(job["work"]) / "result.json").unlink()
    return job


def test_a_damaged_checkpoint_falls_back_to_an_older_one(cut_short: dict, make_job: JobMaker) -> None:  # type: ignore[type-arg]
    undisturbed, _ = run_here(make_job(work="undisturbed"))
    damage(cut_short, 8)
    result, events = run_here(cut_short)
    assert events.of("resumed")[0]["step"] == 4 and "step-8" in events.of("warning")[0]["message"]
    assert result["adapter_digest"] == undisturbed["adapter_digest"]


def test_only_damaged_checkpoints_ask_for_a_restart(cut_short: dict) -> None:  # type: ignore[type-arg]
    damage(cut_short, 4, 8)
    with pytest.raises(JobError) as caught:
        run_here(cut_short)
    assert caught.value.exit_code == 74 and "restart" in caught.value.message
    cut_short["train"]["restart"] = True
    result, events = run_here(cut_short)
    assert not events.of("resumed") and result["steps"] == 12
    (Path(cut_short["work"]) / "result.json").unlink()
    assert run_here(cut_short)[1].of("resumed")[0]["step"] == 8


def test_checkpoints_of_other_settings_are_set_aside(cut_short: dict) -> None:  # type: ignore[type-arg]
    cut_short["train"]["optim"]["learning_rate"] = 1e-3
    result, events = run_here(cut_short)
    assert not events.of("resumed") and events.of("warning") and result["steps"] == 12


def test_only_the_newest_checkpoints_are_kept(make_job: JobMaker) -> None:
    job = make_job(checkpoint={"every_steps": 2, "keep": 2})
    run_here(job)
    kept = sorted(path.name for path in (Path(job["work"]) / "checkpoints").iterdir())
    assert kept == ["step-10", "step-8"]
    assert read_json(Path(job["work"]) / "checkpoints" / "step-10" / "manifest.json")["step"] == 10


def test_a_run_stopped_while_it_validates_validates_again(make_job: JobMaker) -> None:
    undisturbed, _ = run_here(make_job(work="undisturbed", val=8, eval_every_steps=3))
    job = make_job(work="stopped", val=8, eval_every_steps=3)
    stop = Stop()

    class StopsAtStep3(Recorder):
        def emit(self, event: str, **fields: Any) -> None:
            super().emit(event, **fields)
            if event == "step" and fields["step"] == 3:
                stop.ask()

    events = StopsAtStep3()
    with pytest.raises(Stopped):
        run_job(parse_job(job), events, stop)
    assert events.of("checkpoint")[-1]["step"] == 3 and not events.of("validation")
    result, again = run_here(job)
    assert [line["step"] for line in again.of("validation")] == [3, 6, 9, 12]
    for name in ("adapter_digest", "val_loss", "best_step"):
        assert result[name] == undisturbed[name], name
