"""Jobs that are wrong say where, and locks are waited for."""

import errno
import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ratchet_litgpt import errors
from ratchet_litgpt.errors import JobError, classify
from ratchet_litgpt.job import parse_job
from ratchet_litgpt.lifetime import Stop, hold

from .conftest import RUN, JobMaker, Recorder, needs_full, prepare_job, run_here


def set_at(job: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    changed: dict[str, Any] = json.loads(json.dumps(job))
    *parents, last = path.split(".")
    place = changed
    for name in parents:
        place = place[name]
    place[last] = value
    return changed


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("schema", 2),
        ("seed", "one"),
        ("device", "tpu"),
        ("train.lora.rank", 0),
        ("train.lora.targets", []),
        ("train.optim.batch_size", 0),
        ("train.optim.learning_rate", -1),
        ("train.checkpoint.keep", 0),
    ],
)
def test_a_wrong_field_is_named(make_job: JobMaker, path: str, value: Any) -> None:
    with pytest.raises(JobError) as caught:
        parse_job(set_at(make_job(), path, value))
    assert caught.value.exit_code == 64 and path in caught.value.message


def test_a_job_needs_the_section_of_its_kind(make_job: JobMaker) -> None:
    job = make_job()
    del job["train"]
    with pytest.raises(JobError, match="train"):
        parse_job(job)


def test_the_command_ends_with_one_error_event(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, str(RUN), str(tmp_path / "none.json")],
        capture_output=True,
        text=True,
        env={**os.environ, "RATCHET_STDIN": "ignore"},
    )
    events = [json.loads(line) for line in ended.stdout.splitlines()]
    assert ended.returncode == 64 and [event["event"] for event in events] == ["error"]
    assert events[0]["code"] == "InvalidInput" and "none.json" in events[0]["message"]


@needs_full
def test_a_log_on_a_full_disk_does_not_hide_why(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, str(RUN), str(tmp_path / "none.json")],
            stdout=subprocess.PIPE,
            stderr=full,
            text=True,
            env={**os.environ, "RATCHET_STDIN": "ignore"},
        )
    assert (ended.returncode, json.loads(ended.stdout)["code"]) == (64, "InvalidInput")


def test_prepare_returns_the_digest(make_job: JobMaker) -> None:
    result, events = run_here(prepare_job(make_job()))
    assert Path(result["path"]).name == result["base_digest"]
    assert events.seen[0]["event"] == "started"


def test_a_held_lock_is_waited_for_then_given_up(tmp_path: Path) -> None:
    events, path = Recorder(), tmp_path / "gpu.lock"
    with path.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(JobError) as caught, hold(path, events, Stop(), limit=0.3):
            raise AssertionError("the lock was taken twice")
    assert caught.value.exit_code == 75
    assert events.seen == [{"event": "waiting", "for": "lock"}]
    with hold(path, events, Stop(), limit=0.3):
        pass


class OutOfMemoryError(RuntimeError):
    """As torch names its own."""


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "DiskFull"),
        (RuntimeError("[enforce fail] No space left on device"), "DiskFull"),
        (OutOfMemoryError("CUDA out of memory"), "OutOfMemory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "OutOfMemory"),
        (MemoryError(), "OutOfMemory"),
        (KeyError("x"), "Bug"),
    ],
)
def test_failures_are_classified(error: BaseException, code: str) -> None:
    found = classify(error)
    assert found.code == code and found.exit_code == errors.EXIT_CODES[found.code]
    assert found.message.endswith(".") or found.message.endswith("log.")
