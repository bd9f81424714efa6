"""All weights learn, or a base in four bits does not where it cannot."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from ratchet_litgpt.base import prepare_base
from ratchet_litgpt.errors import JobError, Stopped
from ratchet_litgpt.job import parse_job
from ratchet_litgpt.lifetime import Stop
from ratchet_litgpt.main import run_job
from ratchet_litgpt.model import TokenLoss, build_model, learned_state, load_learned, trainable
from ratchet_litgpt.objectives.answers import Remembered, log_odds
from ratchet_litgpt.objectives.objective import Pass

from .conftest import (
    BASE,
    METHODS,
    JobMaker,
    Recorder,
    by_method,
    common_job,
    run_here,
    sample_of,
    styled_rows,
    write_rows,
)

CPU = torch.device("cpu")


def full(make_job: JobMaker, kind: str = "sft", **changes: Any) -> dict[str, Any]:
    job = make_job(tuning="full", learning_rate=2e-4, dropout=0.0, val=5, **changes)
    return job if kind == "sft" else by_method(job, kind, rows=16, val=5, chats=4)


def stopped_at(job: dict[str, Any], step: int) -> None:
    """Run a job up to a step, as far as it goes before it is asked to stop."""
    stop = Stop()

    class Stops(Recorder):
        def emit(self, event: str, **fields: Any) -> None:
            super().emit(event, **fields)
            if event == "step" and fields["step"] == step:
                stop.ask()

    with pytest.raises(Stopped):
        run_job(parse_job(job), Stops(), stop)


@pytest.mark.parametrize("kind", ["sft", *METHODS])
def test_all_weights_learn_and_a_stopped_run_ends_with_the_same_bits(make_job: JobMaker, kind: str) -> None:
    result, events = run_here(full(make_job, kind, work="whole"))
    steps = events.of("step")
    assert steps[-1]["loss"] < steps[0]["loss"]
    if kind == "dpo":
        assert steps[0]["margin"] == pytest.approx(0, abs=1e-5) and steps[-1]["margin"] > 0.01
    job = full(make_job, kind, work="stopped")
    stopped_at(job, 3)
    again, events = run_here(job)
    assert events.of("resumed")[0]["step"] == 3
    for name in ("adapter_digest", "loss", "val_loss", "best_step"):
        assert again[name] == result[name], name


def test_what_was_learned_is_measured_and_exported_whole(make_job: JobMaker, tmp_path: Path, cache: Path) -> None:
    trained, _ = run_here(full(make_job, epochs=1))
    learned = load_file(Path(trained["adapter"]) / "adapter.safetensors")
    assert "transformer.wte.weight" in learned and not any("lora" in name for name in learned)
    job = common_job("validate", tmp_path / "validate", cache)
    held = str(tmp_path / "val.jsonl")
    job["validate"] = {"data": held, "adapter": trained["adapter"], "max_seq_length": 128, "micro_batch_size": 3}
    measured, _ = run_here(job)
    assert measured["candidate_loss"] == pytest.approx(trained["val_loss"], rel=1e-4)
    assert measured["candidate_loss"] < measured["base_loss"]
    job = common_job("export", tmp_path / "export", cache)
    job["export"] = {"adapter": trained["adapter"], "dtype": "float32", "format": "serve"}
    exported = load_file(Path(run_here(job)[0]["path"]) / "model.safetensors")
    assert torch.equal(exported["model.embed_tokens.weight"], learned["transformer.wte.weight"])
    before = load_file(BASE / "model.safetensors")
    assert exported.keys() == before.keys()
    assert not torch.equal(exported["model.norm.weight"], before["model.norm.weight"].float())


def test_an_embedding_that_is_the_head_too_learns_as_one(cache: Path) -> None:
    base = prepare_base(BASE, cache)
    gpt = build_model(base, None, 64, torch.float32, CPU, 3, "full")
    assert base.hf_config["tie_word_embeddings"] and gpt.lm_head.linear.weight is gpt.transformer.wte.weight
    assert len(trainable(gpt)) == len(learned_state(gpt)) == len(list(gpt.parameters()))


def test_what_is_remembered_of_the_base_is_what_it_says(cache: Path) -> None:
    lora = {"rank": 4, "alpha": 8, "dropout": 0.0, "targets": ["q", "v", "up"]}
    gpt = build_model(prepare_base(BASE, cache), lora, 128, torch.float32, CPU, 3)
    samples, known = [sample_of(row) for row in styled_rows(5)], Remembered()
    how = Pass(TokenLoss(gpt), 2, CPU)
    known.add(samples, how)
    load_learned(gpt, {name: value + 0.1 for name, value in learned_state(gpt).items()})
    remembered, asked = log_odds(samples, how, known)[0], log_odds(samples, how)[0]
    torch.testing.assert_close(remembered, asked, rtol=1e-4, atol=1e-4)
    assert float(asked.detach().abs().max()) > 0.05


def test_what_the_base_said_is_learned_without_its_divergence(make_job: JobMaker) -> None:
    job = full(make_job, max_steps=1)
    rows = [{**row, "meta": {"signal": "replay"}} for row in styled_rows(6)]
    write_rows(Path(job["train"]["data"]["train"]), rows)
    _, events = run_here(job)
    assert "without replay_kl" in events.of("warning")[0]["message"]
    assert "replay_divergence" not in events.of("step")[0]


def test_four_bits_need_a_gpu(make_job: JobMaker) -> None:
    with pytest.raises(JobError, match="qlora needs a GPU with CUDA") as caught:
        run_here(make_job(rows=4, tuning="qlora"))
    assert caught.value.code == "InvalidInput"
