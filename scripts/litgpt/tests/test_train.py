"""What a step computes, and what a run leaves behind."""

import dataclasses
from pathlib import Path

import pytest
import torch

from ratchet_litgpt.base import prepare_base
from ratchet_litgpt.data import Sample, step_rows
from ratchet_litgpt.errors import JobError
from ratchet_litgpt.files import read_json, sha256_file
from ratchet_litgpt.model import TokenLoss, build_model, trainable
from ratchet_litgpt.objectives.objective import Pass
from ratchet_litgpt.objectives.sft import Sft

from .conftest import BASE, METHODS, JobMaker, by_method, common_job, run_here, sample_of, styled_rows, write_rows

LORA = {"rank": 4, "alpha": 8, "dropout": 0.0, "targets": ["q", "v", "o", "gate"]}
CPU = torch.device("cpu")


def samples(count: int) -> list[Sample]:
    found = [sample_of(row) for row in styled_rows(count)]
    return [dataclasses.replace(sample, weight=1.0 + (number % 3)) for number, sample in enumerate(found)]


def gradients(cache: Path, rows: list[Sample], size: int) -> list[torch.Tensor]:
    gpt = build_model(prepare_base(BASE, cache), LORA, 128, torch.float32, CPU, 3)
    for parameter in trainable(gpt):
        torch.nn.init.normal_(parameter, std=0.05, generator=torch.Generator().manual_seed(parameter.numel()))
    model, scale = TokenLoss(gpt), sum(row.weight * row.targets for row in rows)
    for cost in Sft(rows).costs(rows, Pass(model, size, CPU)):
        (cost.loss / scale).backward()
    return [parameter.grad for parameter in trainable(gpt) if parameter.grad is not None]


@pytest.mark.parametrize("size", [1, 3, 7])
def test_accumulated_micro_batches_equal_the_whole_batch(cache: Path, size: int) -> None:
    rows = samples(8)
    whole, parts = gradients(cache, rows, 8), gradients(cache, rows, size)
    assert len(whole) == len(parts) > 0
    for one, other in zip(whole, parts, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-7)


def test_a_weight_counts_as_that_many_rows(cache: Path) -> None:
    first, second = (dataclasses.replace(sample, weight=1.0) for sample in samples(2))
    weighted = gradients(cache, [dataclasses.replace(first, weight=3.0), second], 2)
    repeated = gradients(cache, [first, first, first, second], 4)
    for one, other in zip(weighted, repeated, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-7)


def test_only_the_named_targets_learn(cache: Path) -> None:
    gpt = build_model(prepare_base(BASE, cache), LORA, 128, torch.float32, CPU, 3)
    names = {name.split(".", 3)[3] for name, parameter in gpt.named_parameters() if parameter.requires_grad}
    parts = ("attn.qkv", "attn.proj", "mlp.fc_1")
    assert names == {f"{part}.lora_{side}" for part in parts for side in "AB"}
    assert gpt.transformer.h[0].attn.qkv.enable_lora == (True, False, True)


def test_an_epoch_sees_every_row_once_in_an_order_of_its_own() -> None:
    rows = samples(10)
    epochs = [[sample for step in range(e * 3, e * 3 + 3) for sample in step_rows(rows, 5, step, 4)] for e in (0, 1)]
    assert all(sorted(epoch, key=id) == sorted(rows, key=id) for epoch in epochs)
    assert epochs[0] != epochs[1]
    assert step_rows(rows, 5, 4, 4) == step_rows(rows, 5, 4, 4) != step_rows(rows, 6, 4, 4)


@pytest.mark.parametrize("rows", [1, 5])
def test_any_number_of_rows_trains(make_job: JobMaker, rows: int) -> None:
    result, events = run_here(make_job(rows=rows, epochs=1))
    steps = events.of("step")
    assert result["steps"] == len(steps) == -(-rows // 4)
    assert result["target_tokens"] == sum(step["target_tokens"] for step in steps)


def test_a_finished_job_is_returned_as_it_was(make_job: JobMaker) -> None:
    job = make_job(rows=4, epochs=1)
    first, _ = run_here(job)
    again, events = run_here(job)
    assert again == first and not events.of("step")
    adapter = Path(first["adapter"]) / "adapter.safetensors"
    assert sha256_file(adapter) == first["adapter_digest"]
    adapter.write_bytes(b"damaged")
    repaired, events = run_here(job)
    assert repaired["adapter_digest"] == first["adapter_digest"] and events.of("step")
    assert read_json(Path(job["work"]) / "result.json")["adapter_digest"] == first["adapter_digest"]


def test_the_best_adapter_on_held_out_chats_is_kept(make_job: JobMaker) -> None:
    result, events = run_here(make_job(rows=16, val=8, eval_every_steps=2, epochs=4))
    found = {line["step"]: line["loss"] for line in events.of("validation")}
    assert result["best_step"] == min(found, key=lambda step: found[step])
    assert result["val_loss"] == min(found.values()) < found[2]


def test_validate_agrees_with_training(make_job: JobMaker, tmp_path: Path, cache: Path) -> None:
    trained, _ = run_here(make_job(rows=16, val=8, epochs=3))
    data = write_rows(tmp_path / "held.jsonl", styled_rows(8, start=200))
    job = common_job("validate", tmp_path / "validate", cache)
    job["validate"] = {"data": str(data), "adapter": trained["adapter"], "max_seq_length": 128, "micro_batch_size": 3}
    result, _ = run_here(job)
    assert result["candidate_loss"] == pytest.approx(trained["val_loss"], rel=1e-4)
    assert result["candidate_loss"] < result["base_loss"]
    job["validate"]["adapter"] = None
    assert run_here(job)[0]["base_loss"] == pytest.approx(result["base_loss"], rel=1e-6)


def test_a_run_that_diverges_says_so(make_job: JobMaker) -> None:
    with pytest.raises(JobError) as caught:
        run_here(make_job(rows=8, learning_rate=1e30, epochs=20, warmup_ratio=0, dropout=0))
    assert (caught.value.code, caught.value.exit_code) == ("Diverged", 72)


@pytest.mark.parametrize("kind", METHODS)
def test_better_answers_become_likelier_than_worse_ones(make_job: JobMaker, kind: str) -> None:
    result, events = run_here(by_method(make_job(epochs=4), kind, rows=32, val=8))
    held = {line["step"]: line for line in events.of("validation")}
    first, best = min(held), result["best_step"]
    assert result["val_loss"] == held[best]["loss"] < held[first]["loss"]
    assert held[best]["chosen_reward"] > 0 > held[best]["rejected_reward"]


def test_chats_are_held_out_where_no_pair_is(make_job: JobMaker) -> None:
    job = by_method(make_job(epochs=2, val=6), "dpo", rows=8)
    job["train"]["data"]["val"] = str(Path(job["work"]).parent / "val.jsonl")
    result, events = run_here(job)
    assert result["val_loss"] == min(line["token_loss"] for line in events.of("validation"))


def test_rows_that_the_base_said_are_told_by_how_far_the_model_goes(make_job: JobMaker) -> None:
    job = make_job(rows=8, epochs=3)
    rows = [{**row, "meta": {"signal": "replay"}} if number % 2 else row for number, row in enumerate(styled_rows(8))]
    write_rows(Path(job["train"]["data"]["train"]), rows)
    told = [step["replay_divergence"] for step in run_here(job)[1].of("step") if "replay_divergence" in step]
    assert told[0] == pytest.approx(0, abs=1e-6) and told[-1] > 1e-4


def test_no_rows_are_not_enough(make_job: JobMaker) -> None:
    job = make_job()
    write_rows(Path(job["train"]["data"]["train"]), [])
    with pytest.raises(JobError) as caught:
        run_here(job)
    assert caught.value.exit_code == 65
