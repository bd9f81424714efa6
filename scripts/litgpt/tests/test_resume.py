"""Killed, stopped, damaged, out of disk: the run goes on and ends as if nothing had happened."""

import resource
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ratchet_litgpt.checkpoint import find_checkpoint, save_checkpoint
from ratchet_litgpt.errors import JobError, Stopped
from ratchet_litgpt.files import read_json
from ratchet_litgpt.job import parse_job
from ratchet_litgpt.lanes import Share, split
from ratchet_litgpt.lifetime import Stop
from ratchet_litgpt.main import run_job

from .conftest import METHODS, JobMaker, Recorder, by_method, needs_full, prepare_job, read_until, run_here, start

TIMEOUT = 60


def same_after_a_kill(undisturbed: dict[str, Any], job: dict[str, Any], folder: Path) -> None:
    """Check that a job that is killed at its first checkpoint and run again ends as one that was not."""
    expected, _ = run_here(undisturbed)
    process = start(job, folder)
    assert read_until(process, "checkpoint")["step"] == 4
    process.send_signal(signal.SIGKILL)
    process.wait(TIMEOUT)
    result, events = run_here(job)
    assert events.of("resumed")[0]["step"] >= 4
    for name in ("adapter_digest", "steps", "loss", "val_loss", "best_step", "tokens", "target_tokens"):
        assert result[name] == expected[name], name


def test_a_killed_run_ends_with_the_same_bits(make_job: JobMaker, tmp_path: Path) -> None:
    same_after_a_kill(make_job(work="undisturbed", val=6), make_job(work="killed", val=6), tmp_path)


def test_a_killed_run_of_several_threads_ends_with_the_same_bits(
    make_job: JobMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared: list[int] = []

    def counted(*args: Any) -> list[Share]:
        shared.append(args[3])
        return split(*args)

    monkeypatch.setattr("ratchet_litgpt.model.split", counted)
    many = {"rows": 64, "batch_size": 32, "micro_batch_size": 32, "dropout": 0.0, "epochs": 5, "threads": 2}
    same_after_a_kill(make_job(work="undisturbed", **many), make_job(work="killed", **many), tmp_path)
    assert set(shared) == {2}


@pytest.mark.parametrize("kind", METHODS)
def test_whatever_is_learned_a_killed_run_ends_with_the_same_bits(
    make_job: JobMaker, tmp_path: Path, kind: str
) -> None:
    jobs = [by_method(make_job(work=work), kind, rows=16, val=5, chats=6) for work in ("undisturbed", "killed")]
    same_after_a_kill(jobs[0], jobs[1], tmp_path)


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


def overwritten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7] + b"damaged")


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def one_bit_flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def missing(path: Path) -> None:
    path.unlink()


def without_manifest(path: Path) -> None:
    (path.parent / "manifest.json").unlink()


def half_a_manifest(path: Path) -> None:
    truncated_text = (path.parent / "manifest.json").read_text()[:60]
    (path.parent / "manifest.json").write_text(truncated_text)


def damage(job: dict, *steps: int, how: Callable[[Path], None] = overwritten) -> None:  # type: ignore[type-arg]
    for step in steps:
        how(Path(job["work"]) / "checkpoints" / f"step-{step}" / "state.pt")


@pytest.fixture
def cut_short(make_job: JobMaker) -> dict:  # type: ignore[type-arg]
    """Return a job of 12 steps whose checkpoints at 4 and 8 are there, and its result is not."""
    job = make_job()
    run_here(job)
    (Path(job["work"]) / "result.json").unlink()
    return job


@pytest.mark.parametrize("how", [truncated, one_bit_flipped, missing, without_manifest, half_a_manifest])
def test_a_checkpoint_damaged_in_any_way_is_passed_over(tmp_path: Path, how: Callable[[Path], None]) -> None:
    folder, job = tmp_path / "checkpoints", {"work": str(tmp_path)}
    for step in (4, 8):
        state = {"step": step, "lora": torch.full((500,), float(step))}
        save_checkpoint(folder, step, "this job", state, 2, {"data": {"train": "a digest"}})
    assert read_json(folder / "step-8" / "manifest.json")["about"] == {"data": {"train": "a digest"}}
    damage(job, 8, how=how)
    warnings: list[str] = []
    found = find_checkpoint(folder, "this job", False, warnings.append)
    assert found is not None and found.step == found.state["step"] == 4 and "step-8" in warnings[0]
    damage(job, 4, how=how)
    with pytest.raises(JobError) as caught:
        find_checkpoint(folder, "this job", False, warnings.append)
    assert caught.value.code == "CorruptCheckpoint"
    assert find_checkpoint(folder, "this job", True, warnings.append) is None


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
