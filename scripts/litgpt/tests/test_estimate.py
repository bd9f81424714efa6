"""An estimate tells what the run then takes."""

import ctypes
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from ratchet_litgpt import fitting
from ratchet_litgpt.job import parse_job
from ratchet_litgpt.lifetime import Stop
from ratchet_litgpt.main import run_job

from .conftest import JobMaker, Recorder, run_here
from .test_fitting import KIB, M_MMAP_THRESHOLD, MIB, long_job


def estimate_of(job: dict[str, Any]) -> dict[str, Any]:
    """Return the job that estimates another."""
    kept = {key: value for key, value in job.items() if key != "train"}
    return {**kept, "kind": "estimate", "estimate": job["train"], "work": f"{job['work']}-estimate"}


def test_it_is_what_the_run_takes(make_job: JobMaker) -> None:
    job = make_job(rows=40, val=8, epochs=5, micro_batch_size="auto")
    found, events = run_here(estimate_of(job))
    result, told = run_here(job)
    for name in ("steps", "tokens", "packed", "micro_batch_size"):
        assert found[name] == result[name], name
    assert found["fits"] and found["reason"] is None and found["recompute"] is False
    assert found["epochs"] == 5 and found["rows"] == 40 and not events.of("step")
    assert found["longest"] == told.of("micro_batch")[0]["longest"]
    assert result["seconds"] / 5 < found["seconds"] < result["seconds"] * 5
    assert 0.5 < found["peak_memory_bytes"] / result["peak_memory_bytes"] < 2
    assert found["peak_memory_bytes"] < found["free_memory_bytes"]


def address_space() -> int:
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def what_is_left() -> Iterator[torch.Tensor]:
    """Take all memory that earlier work has let go of without giving it back."""
    for size in (4 * MIB, MIB, 256 * KIB, 64 * KIB):
        before = address_space()
        while address_space() == before:
            yield torch.empty(size, dtype=torch.uint8)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the address space of a process that runs")
def test_what_does_not_fit_is_said(make_job: JobMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 64 * KIB) == 1
    before = resource.getrlimit(resource.RLIMIT_AS)
    monkeypatch.setattr(fitting, "free_memory", lambda _device: None)

    leftovers: list[torch.Tensor] = []

    class Squeezes(Recorder):
        def emit(self, event: str, **fields: Any) -> None:
            super().emit(event, **fields)
            if event == "packing":
                leftovers.extend(what_is_left())
                resource.setrlimit(resource.RLIMIT_AS, (address_space() + MIB, before[1]))

    try:
        events = Squeezes()
        job = long_job(make_job, tmp_path, "none", micro_batch_size=4)
        found = run_job(parse_job(estimate_of(job)), events, Stop())
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    assert not found["fits"] and found["seconds"] is None and "lower max_seq_length" in found["reason"]
    assert {one["recompute"] for one in events.of("micro_batch")} == {True}
