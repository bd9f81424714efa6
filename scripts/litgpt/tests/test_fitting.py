"""Memory that runs out halves what goes through at once, and changes nothing else."""

import ctypes
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ratchet_litgpt import fitting, machine
from ratchet_litgpt.errors import JobError
from ratchet_litgpt.fitting import Fit, Fitting, most_at_once, smaller
from ratchet_litgpt.machine import free_memory, give_back, held_memory, peak_memory, reset_peak, usable_threads

from .conftest import HERE, JobMaker, Recorder, run_here, run_until, styled_rows, write_rows

CPU = torch.device("cpu")
KIB = 1024
MIB = 1024 * KIB
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3


def test_half_as_many_then_recomputed_then_half_again() -> None:
    seen, fit = [], Fit(8)
    while (found := smaller(fit, 1000)) is not None:
        fit = found
        seen.append((fit.size, fit.recompute))
    assert seen == [(4, False), (2, False), (2, True), (1, True)]
    assert smaller(Fit(1), 10_000) == Fit(1, True) and smaller(Fit(1, True), 10_000) is None


def chooser(monkeypatch: pytest.MonkeyPatch, free: int, a_row: int, longest: int = 100) -> tuple[Fitting, list[int]]:
    """Return a fitting on a machine of which each row of a trial takes `a_row` bytes of `free`, and the trials made."""
    tried: list[int] = []
    monkeypatch.setattr(fitting, "free_memory", lambda _device: free)
    monkeypatch.setattr(fitting, "held_memory", lambda _device: 0)
    monkeypatch.setattr(fitting, "peak_memory", lambda _device: tried[-1] * a_row)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    return Fitting(Fit(1), longest, CPU, Recorder()), tried


@pytest.mark.parametrize(
    ("wish", "batch", "free", "sizes"),
    [
        (4, 16, 100, [1, 4]),
        (8, 4, 100, [1, 4]),
        (16, 32, 10, [1, 8]),
        ("auto", 16, 100, [1, 2, 4, 8, 16]),
        ("auto", 12, 100, [1, 2, 4, 8, 12]),
        ("auto", 16, 10, [1, 2, 4, 8]),
        ("auto", 1, 100, [1]),
        ("auto", 1000, 1000, [1, 2, 4, 8, 16, 32, 64, 128, 163]),
    ],
)
def test_as_much_as_fits_the_free_memory(
    monkeypatch: pytest.MonkeyPatch, wish: int | str, batch: int, free: int, sizes: list[int]
) -> None:
    found, tried = chooser(monkeypatch, free, 1, longest=25)
    found.choose(wish, batch, lambda: tried.append(found.fit.size), lambda: None)
    assert tried == sizes and found.fit == Fit(sizes[-1])


def test_each_thread_of_a_cpu_has_as_many_positions() -> None:
    assert [most_at_once(CPU, 16, 1000), most_at_once(CPU, 16, 1000, threads=2)] == [4, 8]


def fails(bytes_wanted: int) -> Callable[[], torch.Tensor]:
    return lambda: torch.empty(bytes_wanted, dtype=torch.uint8)


def test_only_memory_is_tried_again() -> None:
    events = Recorder()
    found = Fitting(Fit(2), 5000, CPU, events)
    with pytest.raises(ZeroDivisionError):
        found.run(lambda: 1 // 0)
    with pytest.raises(JobError) as caught:
        found.run(fails(1 << 60))
    assert caught.value.code == "OutOfMemory" and "5000 tokens" in caught.value.message
    assert [(one["size"], one["recompute"]) for one in events.of("micro_batch")] == [(1, False), (1, True)]


def test_what_the_machine_tells_is_so() -> None:
    free, held = free_memory(CPU), held_memory(CPU)
    assert free is not None and free > 100 * MIB and held > 50 * MIB
    reset_peak(CPU)
    block = torch.ones(64 * MIB, dtype=torch.uint8)
    del block
    assert peak_memory(CPU) - held > 48 * MIB
    reset_peak(CPU)
    assert peak_memory(CPU) - held < 48 * MIB or not Path("/proc/self/clear_refs").exists()
    assert 1 <= usable_threads() <= (torch.get_num_threads() or 1)


def test_a_cgroup_that_has_less_is_seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("400000\n")
    (tmp_path / "cpu.max").write_text("50000 100000\n")
    monkeypatch.setattr(machine, "_CGROUP", tmp_path)
    assert free_memory(CPU) == 600_000 and usable_threads() == 1


def long_rows(tmp_path: Path) -> str:
    rows = styled_rows(8)
    for row in rows:
        row["messages"][0]["content"] += " Please." * 80
    return str(write_rows(tmp_path / "long.jsonl", rows))


def long_job(make_job: JobMaker, tmp_path: Path, work: str, **changes: Any) -> dict[str, Any]:
    job = make_job(work=work, batch_size=8, max_seq_length=512, epochs=3, dropout=0.0, packing="off", **changes)
    job["train"]["data"]["train"] = long_rows(tmp_path)
    return job


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the address space of a process that runs")
def test_a_real_lack_of_memory_in_a_step_halves_it_and_changes_nothing(
    make_job: JobMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address space is limited once the first step is made, so that torch's allocator itself fails."""
    monkeypatch.setattr("ratchet_litgpt.train.keep_memory", lambda _: None)
    plain, _ = run_here(long_job(make_job, tmp_path, "plain", micro_batch_size=1))
    # Memory that is let go of leaves the address space at once.
    assert ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 64 * KIB) == 1
    assert ctypes.CDLL(None).mallopt(M_TRIM_THRESHOLD, 64 * KIB) == 1
    give_back(CPU)
    before = resource.getrlimit(resource.RLIMIT_AS)

    class Squeezes(Recorder):
        def emit(self, event: str, **fields: Any) -> None:
            super().emit(event, **fields)
            if event == "step" and fields["step"] == 1:
                size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
                resource.setrlimit(resource.RLIMIT_AS, (size + 40 * MIB, before[1]))

    monkeypatch.setattr("tests.conftest.Recorder", Squeezes)
    job = long_job(make_job, tmp_path, "squeezed", micro_batch_size=8, checkpoint={"every_steps": 2, "keep": 2})
    try:
        squeezed, events = run_here(job)
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
    sizes = [one["size"] for one in events.of("micro_batch")]
    assert sizes[0] == 8 and sizes[-1] < 8 and "ran out" in events.of("micro_batch")[-1]["why"]
    assert [one["step"] for one in events.of("step")] == [1, 2, 3]
    assert squeezed["micro_batch_size"] == sizes[-1] and squeezed["steps"] == 3
    assert squeezed["loss"] == pytest.approx(plain["loss"], rel=1e-5)


def test_a_run_goes_on_with_the_micro_batches_of_its_checkpoint(
    make_job: JobMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job(work="auto", micro_batch_size="auto", batch_size=8, epochs=3)
    before = run_until(job, 6)
    assert [one["size"] for one in before.of("micro_batch")] == [8]
    assert [one["step"] for one in before.of("checkpoint")] == [0, 4]
    monkeypatch.setattr(fitting, "free_memory", lambda _device: 1)
    result, events = run_here(job)
    assert [one["size"] for one in events.of("micro_batch")] == [8]
    monkeypatch.undo()
    undisturbed, _ = run_here(make_job(work="undisturbed", micro_batch_size="auto", batch_size=8, epochs=3))
    assert result["adapter_digest"] == undisturbed["adapter_digest"]


@pytest.mark.parametrize(("a_row", "tried"), [(500, []), (501, [1, 4])])
def test_what_is_sure_to_fit_is_not_tried(monkeypatch: pytest.MonkeyPatch, a_row: int, tried: list[int]) -> None:
    found, seen = chooser(monkeypatch, free=4000, a_row=1)
    found.choose(4, 16, lambda: seen.append(found.fit.size), lambda: None, most=a_row)
    assert (found.fit, seen) == (Fit(4), tried)


def test_the_trial_leaves_no_trace(make_job: JobMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Dropout draws in the trial too; what is learned is as if there had been none."""
    with_it, _ = run_here(make_job(work="with", rows=8))
    monkeypatch.setattr(Fitting, "choose", lambda found, wish, *_: setattr(found, "fit", Fit(wish)))
    without, _ = run_here(make_job(work="without", rows=8))
    assert with_it["adapter_digest"] == without["adapter_digest"]


def test_the_trial_shares_nothing_between_its_rows(
    make_job: JobMaker, attended: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One row many times stands for others as long, that begin otherwise."""
    monkeypatch.setattr("ratchet_litgpt.fitting.SURE", 0)
    # The tiny rows are shorter than what is worth sharing.
    monkeypatch.setattr("ratchet_litgpt.prefixes.LEAST", 2)
    _, events = run_here(make_job(rows=8, micro_batch_size=4, dropout=0.0))
    longest = events.of("micro_batch")[0]["longest"]
    assert (4 * longest, 4) in [(len(q), len(lengths)) for q, _, _, lengths, *_ in attended]


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="only glibc can be told to keep memory")
def test_memory_is_kept_for_the_next_step_until_it_is_given_back() -> None:
    code = (
        "import torch\n"
        "from ratchet_litgpt.machine import give_back, held_memory, keep_memory\n"
        "cpu = torch.device('cpu')\n"
        "{before}\n"
        "first = held_memory(cpu)\n"
        "tensors = [torch.ones(2**20) for _ in range(64)]\n"
        "del tensors\n"
        "kept = held_memory(cpu) - first\n"
        "give_back(cpu)\n"
        "print(kept // 2**20, (held_memory(cpu) - first) // 2**20)\n"
    )
    for before, least, most in (("", -16, 64), ("keep_memory(cpu)", 200, 300)):
        done = subprocess.run(
            [sys.executable, "-c", code.format(before=before)], cwd=HERE, capture_output=True, text=True, check=True
        )
        kept, after = map(int, done.stdout.split())
        assert least <= kept <= most and after < 64, done.stdout
