"""What the tests share: the tiny base, its chats, and jobs that run in this process or in one of their own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from ratchet_litgpt.causal import causal
from ratchet_litgpt.chat_template import load_chat_template
from ratchet_litgpt.data import Sample
from ratchet_litgpt.encode import Encoder, render_row
from ratchet_litgpt.events import Events
from ratchet_litgpt.job import parse_job
from ratchet_litgpt.lifetime import Stop
from ratchet_litgpt.main import run_job
from tiny_base.world import dress, make_world

HERE = Path(__file__).resolve().parent.parent
BASE = HERE / "tiny_base" / "model"
RUN = HERE / "run.py"

needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="it needs a device that is always full")


class Recorder(Events):
    """Keeps events rather than writing them."""

    def __init__(self) -> None:
        super().__init__(-1)
        self.seen: list[dict[str, Any]] = []

    def emit(self, event: str, **fields: Any) -> None:
        self.seen.append({"event": event, **fields})

    def of(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.seen if line["event"] == event]


class Killed(BaseException):
    """As sudden as SIGKILL: nothing is saved."""


class Dies(Recorder):
    """Ends the run when it tells of a step."""

    def __init__(self, step: int) -> None:
        super().__init__()
        self._step = step

    def emit(self, event: str, **fields: Any) -> None:
        super().emit(event, **fields)
        if event == "step" and fields["step"] == self._step:
            raise Killed


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def styled_rows(count: int, start: int = 0) -> list[dict[str, Any]]:
    """Return chats about the world in the house style."""
    prompts = make_world()["train_prompts"][start : start + count]
    return [
        {
            "id": f"row-{start + number}",
            "messages": [
                {"role": "user", "content": question["prompt"]},
                {"role": "assistant", "content": dress(question["answer"])},
            ],
            "learn": [1],
            "meta": {},
        }
        for number, question in enumerate(prompts)
    ]


def styled_pairs(count: int, start: int = 0) -> list[dict[str, Any]]:
    """Return pairs of which the better answer is in the house style and the worse one is plain."""
    return [
        {
            "id": row["id"],
            "prompt": row["messages"][:1],
            "chosen": row["messages"][1],
            "rejected": {"role": "assistant", "content": question["answer"]},
        }
        for row, question in zip(styled_rows(count, start), make_world()["train_prompts"][start:], strict=False)
    ]


def styled_judged(count: int, start: int = 0) -> list[dict[str, Any]]:
    """Return answers of which those in the house style are good and plain ones are bad, by turns."""
    return [
        {
            "id": pair["id"],
            "prompt": pair["prompt"],
            "answer": pair["rejected" if number % 2 else "chosen"],
            "good": not number % 2,
        }
        for number, pair in enumerate(styled_pairs(count, start))
    ]


METHODS: dict[str, dict[str, Any]] = {
    "dpo": {"kind": "dpo", "beta": 0.1, "sft_weight": 0.2, "replay_kl": 1.0},
    "kto": {"kind": "kto", "beta": 0.1, "desirable_weight": 1.0, "undesirable_weight": 1.0, "sft_weight": 1.0},
}


def by_method(job: dict[str, Any], kind: str, rows: int = 24, val: int = 0, chats: int = 0) -> dict[str, Any]:
    """Return the job with another method, and `rows` of its own, `val` held out, and maybe `chats` beside them."""
    folder, train = Path(job["work"]).parent, job["train"]
    make, name = (styled_pairs, "pairs") if kind == "dpo" else (styled_judged, "judged")
    data = {name: make(rows), f"val_{name}": make(val, 200), "train": styled_rows(chats, 100)}
    paths = {key: str(write_rows(folder / f"{key}-{kind}.jsonl", value)) for key, value in data.items() if value}
    return {**job, "train": {**train, "method": METHODS[kind], "data": {**NO_DATA, **paths}}}


def sample_of(row: dict[str, Any]) -> Sample:
    """Return a row in the tiny base's tokens."""
    template = load_chat_template(BASE)
    encoder = Encoder(BASE, template)
    rendered = render_row(row, 1, "rows", template)
    tokens = encoder.encode([rendered.text])[0]
    learned = encoder.learned(rendered, tokens)
    return Sample(tokens.ids, learned, rendered.weight, int(learned[1:].sum()))


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def attended(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Return what attention is given from now on, end to end: queries, keys, values, lengths, the scale, and what each
    goes on from."""
    seen: list[tuple[Any, ...]] = []

    def attention(*given: Any) -> torch.Tensor:
        seen.append(given)
        return causal(*given)

    monkeypatch.setattr("ratchet_litgpt.end_to_end.causal", attention)
    return seen


NO_DATA = dict.fromkeys(("train", "val", "pairs", "val_pairs", "judged", "val_judged"))
JobMaker = Callable[..., dict[str, Any]]


@pytest.fixture
def make_job(tmp_path: Path, cache: Path) -> JobMaker:
    """Return a maker of training jobs; its arguments change the optimizer's settings, or the job's own."""

    def make(rows: int = 24, val: int = 0, work: str = "work", **changes: Any) -> dict[str, Any]:
        data = write_rows(tmp_path / f"train-{rows}.jsonl", styled_rows(rows))
        held = write_rows(tmp_path / "val.jsonl", styled_rows(val, start=200)) if val else None
        lora = {"rank": 4, "alpha": 8, "dropout": 0.1, "targets": ["q", "k", "v", "o", "gate", "up", "down"]}
        optim = {
            "learning_rate": 2e-3,
            "weight_decay": 0.01,
            "beta1": 0.9,
            "beta2": 0.95,
            "warmup_ratio": 0.1,
            "schedule": "cosine",
            "grad_clip": 1.0,
            "epochs": 2,
            "max_steps": None,
            "batch_size": 4,
            "micro_batch_size": 2,
            "max_seq_length": 128,
        }
        job = common_job("train", tmp_path / work, cache)
        job["train"] = {
            "data": {**NO_DATA, "train": str(data), "val": str(held) if held else None},
            "method": {"kind": "sft", "replay_kl": 1.0},
            "tuning": "lora",
            "lora": {**lora, **{key: changes.pop(key) for key in list(changes) if key in lora}},
            "optim": {**optim, **{key: changes.pop(key) for key in list(changes) if key in optim}},
            "checkpoint": {"every_steps": 4, "keep": 2},
            "packing": "auto",
            "eval_every_steps": None,
            "early_stop": None,
            "restart": False,
        }
        job["train"].update({key: changes.pop(key) for key in list(changes) if key in job["train"]})
        return {**job, **changes}

    return make


def common_job(kind: str, work: Path, cache: Path) -> dict[str, Any]:
    return {
        "schema": 1,
        "kind": kind,
        "key": "test",
        "base": str(BASE),
        "work": str(work),
        "cache": str(cache),
        "device": "cpu",
        "precision": "32-true",
        "threads": 1,
        "seed": 7,
        "lock": None,
    }


def prepare_job(job: dict[str, Any]) -> dict[str, Any]:
    """Return the job that only converts the base of another."""
    kept = {key: value for key, value in job.items() if key not in ("train", "validate", "export")}
    return {**kept, "kind": "prepare", "prepare": {}}


def run_here(raw: dict[str, Any]) -> tuple[dict[str, Any], Recorder]:
    """Run a job in this process and return its result and its events."""
    events = Recorder()
    return run_job(parse_job(raw), events, Stop()), events


def run_until(raw: dict[str, Any], step: int) -> Recorder:
    """Run a job in this process up to a step, and let it go without a word."""
    events = Dies(step)
    with pytest.raises(Killed):
        run_job(parse_job(raw), events, Stop())
    return events


def start(job: dict[str, Any], folder: Path, **options: Any) -> subprocess.Popen[str]:
    """Run a job in a process of its own, as the parent does: stdin stays open, events come on stdout."""
    path = folder / "job.json"
    path.write_text(json.dumps(job), encoding="utf-8")
    return subprocess.Popen(
        [sys.executable, str(RUN), str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        **{"stderr": subprocess.DEVNULL, **options},
    )


def read_until(process: subprocess.Popen[str], event: str) -> dict[str, Any]:
    """Read events up to the first of a kind."""
    assert process.stdout is not None
    for line in process.stdout:
        found: dict[str, Any] = json.loads(line)
        if found["event"] == event:
            return found
    raise AssertionError(f"the job ended without {event}")
