"""Datasets are prepared once, are the same however they were made, and refuse rows that teach nothing."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer

from ratchet_litgpt import encode
from ratchet_litgpt.data import BAD, CHOSEN, GOOD, REJECTED, Dataset, Sample
from ratchet_litgpt.errors import JobError, Stopped
from ratchet_litgpt.files import one_at_a_time, read_json, write_json
from ratchet_litgpt.prepared import FOLDER, KEPT_SHARDS, Request, load_dataset

from .conftest import (
    BASE,
    JobMaker,
    by_method,
    common_job,
    run_here,
    sample_of,
    styled_judged,
    styled_pairs,
    styled_rows,
    write_rows,
)

DAY = datetime(2026, 1, 2)


def load(tmp_path: Path, rows: list[dict[str, Any]], warnings: list[str] | None = None, **changes: Any) -> Dataset:
    data = write_rows(tmp_path / "rows.jsonl", rows)
    request = Request(data, BASE, DAY, 128, tmp_path / "cache")
    told = [] if warnings is None else warnings
    return load_dataset(Request(**{**request.__dict__, **changes}), lambda: None, told.append)


def same(one: Sample, other: Sample) -> bool:
    figures = (one.weight, one.targets) == (other.weight, other.targets)
    return figures and torch.equal(one.ids, other.ids) and torch.equal(one.labels, other.labels)


def test_both_answers_of_a_pair_are_learned_after_one_prompt(tmp_path: Path) -> None:
    found = load(tmp_path, styled_pairs(3), form="pairs").samples
    assert [sample.role for sample in found] == [CHOSEN, REJECTED] * 3
    assert same(replace(found[0], role=0), sample_of(styled_rows(1)[0]))
    for chosen, rejected in zip(found[::2], found[1::2], strict=True):
        start = int(chosen.learned.to(torch.uint8).argmax())
        assert torch.equal(chosen.ids[:start], rejected.ids[:start]) and not rejected.learned[:start].any()
        assert not torch.equal(chosen.ids, rejected.ids)


def test_judged_answers_are_good_or_bad(tmp_path: Path) -> None:
    dataset = load(tmp_path, styled_judged(4), form="judged")
    assert [sample.role for sample in dataset.samples] == [GOOD, BAD] * 2 and dataset.counts.rows == 4


def test_a_pair_of_which_one_answer_is_cut_away_is_left_out(make_job: JobMaker) -> None:
    job = by_method(make_job(epochs=1, max_seq_length=64), "dpo", rows=5)
    path = Path(job["train"]["data"]["pairs"])
    rows = styled_pairs(5)
    rows[1]["prompt"][0]["content"] += " Please." * 60
    write_rows(path, rows)
    result, events = run_here(job)
    assert events.of("data")[0]["skipped"] == 2 and events.of("data")[0]["rows"] == 5
    assert "row-1 " in events.of("warning")[0]["message"] and result["steps"] == 1
    write_rows(path, rows[1:2])
    with pytest.raises(JobError, match="raise max_seq_length"):
        run_here(job)


@pytest.mark.parametrize(("form", "row"), [("pairs", {"prompt": []}), ("judged", {"answer": "yes", "prompt": []})])
def test_a_row_that_is_no_pair_is_named(tmp_path: Path, form: str, row: dict[str, Any]) -> None:
    with pytest.raises(JobError, match=r"Line 1 of rows\.jsonl is no chat row"):
        load(tmp_path, [row], form=form)


def shards(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache" / FOLDER).glob("*/*/manifest.json"))


@pytest.fixture
def no_tokenizer(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return what makes every later use of a tokenizer fail."""

    def forbid(_folder: Path) -> Tokenizer:
        raise AssertionError("the tokenizer was loaded")

    return lambda: monkeypatch.setattr(encode, "load_tokenizer", forbid)


def test_a_second_job_on_the_same_data_calls_no_tokenizer(
    make_job: JobMaker, tmp_path: Path, cache: Path, no_tokenizer: Callable[[], None]
) -> None:
    own = tmp_path / "own-cache"
    first, events = run_here(make_job(rows=10, val=6, cache=str(own)))
    assert [line["encoded"] for line in events.of("data")] == [10, 6]
    no_tokenizer()
    again, events = run_here(make_job(rows=10, val=6, cache=str(own), work="again"))
    assert [line["encoded"] for line in events.of("data")] == [0, 0]
    assert again["adapter_digest"] == first["adapter_digest"]
    job = common_job("validate", tmp_path / "validate", own)
    held = str(tmp_path / "val.jsonl")
    job["validate"] = {"data": held, "adapter": None, "max_seq_length": 128, "micro_batch_size": 3}
    assert run_here(job)[1].of("data")[0]["encoded"] == 0


def test_an_opened_dataset_is_the_one_that_was_prepared(tmp_path: Path) -> None:
    rows = [{**row, "weight": 1 + number / 7} for number, row in enumerate(styled_rows(20))]
    first, second = load(tmp_path, rows), load(tmp_path, rows)
    assert (first.encoded, second.encoded) == (20, 0) and first.counts == second.counts
    assert len(first.samples) == len(second.samples) == 20
    for row, one, other in zip(rows, first.samples, second.samples, strict=True):
        assert same(one, other) and same(one, sample_of(row))
    assert first.counts.targets == sum(sample.targets for sample in first.samples)
    assert first.counts.tokens == sum(len(sample) for sample in first.samples)


def test_a_later_version_encodes_only_what_is_new(tmp_path: Path) -> None:
    load(tmp_path, styled_rows(20))
    changed = styled_rows(18, start=5)
    changed[0]["weight"] = 3.0
    found = load(tmp_path, changed)
    assert found.encoded == 3
    for row, sample in zip(changed, found.samples, strict=True):
        assert same(sample, sample_of(row))


def test_the_same_chat_with_other_turns_to_learn_is_not_encoded_again(tmp_path: Path) -> None:
    one, other = styled_rows(2)
    both = {**one, "messages": [*one["messages"], *other["messages"]], "learn": [1, 3]}
    load(tmp_path, [both], max_length=512)
    found = load(tmp_path, [{**both, "learn": [3]}], max_length=512)
    assert found.encoded == 0 and same(found.samples[0], sample_of({**both, "learn": [3]}))


def test_another_length_cuts_what_is_there(tmp_path: Path) -> None:
    rows = styled_rows(8)
    whole = load(tmp_path, rows)
    warnings: list[str] = []
    limit = sorted(len(sample) for sample in whole.samples)[4] - 1
    cut = load(tmp_path, rows, warnings, max_length=limit)
    assert cut.encoded == 0 and cut.counts.truncated == sum(len(sample) > limit for sample in whole.samples)
    assert all(len(sample) <= limit for sample in cut.samples)
    assert cut.counts.targets < whole.counts.targets and warnings == []


def test_rows_whose_answer_is_behind_the_cut_are_named(tmp_path: Path) -> None:
    long, short = styled_rows(2)
    long["messages"][0]["content"] = "very " * 200
    for _ in range(2):
        warnings: list[str] = []
        found = load(tmp_path, [long, short], warnings)
        assert (found.counts.rows, found.counts.skipped, len(found.samples)) == (2, 1, 1)
        assert len(warnings) == 1 and "row-0" in warnings[0] and "max_seq_length" in warnings[0]
    with pytest.raises(JobError, match="raise max_seq_length") as caught:
        load(tmp_path, [long])
    assert caught.value.code == "NotEnoughData"


@pytest.mark.parametrize("change", [{"learn": []}, {"weight": 0}])
def test_a_row_with_nothing_to_learn_is_refused_by_its_name(tmp_path: Path, change: dict[str, Any]) -> None:
    rows = styled_rows(3)
    with pytest.raises(JobError, match=r"row-1 \(rows.jsonl, line 2\) has no token to learn") as caught:
        load(tmp_path, [rows[0], {**rows[1], **change}, rows[2]])
    assert caught.value.code == "InvalidInput" and not shards(tmp_path)


def altered_base(tmp_path: Path, source: str) -> Path:
    base = tmp_path / "base"
    base.mkdir()
    (base / "tokenizer.json").write_bytes((BASE / "tokenizer.json").read_bytes())
    write_json(base / "tokenizer_config.json", {**read_json(BASE / "tokenizer_config.json"), "chat_template": source})
    return base


@pytest.mark.parametrize("end", ["", "\n", "</s>"])
def test_a_row_that_loses_its_end_of_turn_token_is_refused(tmp_path: Path, end: str) -> None:
    source = "{% for m in messages %}<|im_start|>{{ m.content }}END{% endfor %}".replace("END", end)
    base = altered_base(tmp_path, source + "{% if add_generation_prompt %}<|im_start|>{% endif %}")
    with pytest.raises(JobError, match=r"row-0 .*end-of-turn") as caught:
        load(tmp_path, styled_rows(2), base=base)
    assert caught.value.code == "InvalidInput" and not shards(tmp_path)


def test_a_chat_that_the_template_refuses_is_named(tmp_path: Path) -> None:
    base = altered_base(tmp_path, "{{ raise_exception('roles must alternate') }}")
    with pytest.raises(JobError, match=r"row-0 .*roles must alternate") as caught:
        load(tmp_path, styled_rows(2), base=base)
    assert caught.value.code == "InvalidInput"


def test_a_template_that_prints_the_day_has_a_shard_for_each(tmp_path: Path) -> None:
    template = read_json(BASE / "tokenizer_config.json")["chat_template"]
    base = altered_base(tmp_path, "{{ strftime_now('%d %b') }}" + template)
    rows = styled_rows(2)
    first = load(tmp_path, rows, base=base)
    assert load(tmp_path, rows, base=base).encoded == 0
    other = load(tmp_path, rows, base=base, now=datetime(2026, 1, 3))
    assert other.encoded == 2 and not torch.equal(other.samples[0].ids, first.samples[0].ids)


@pytest.mark.parametrize("name", ["tokens.safetensors", "manifest.json"])
@pytest.mark.parametrize("how", ["changed", "cut", "gone"])
def test_a_damaged_shard_is_made_again(tmp_path: Path, name: str, how: str) -> None:
    whole = load(tmp_path, styled_rows(4)).samples[:]
    kept = [Sample(one.ids.clone(), one.learned.clone(), one.weight, one.targets) for one in whole]
    path = shards(tmp_path)[0].with_name(name)
    data = path.read_bytes()
    path.unlink()
    if how != "gone":
        path.write_bytes(data[:-9] + b"damaged!!" if how == "changed" else data[:-9])
    warnings: list[str] = []
    found = load(tmp_path, styled_rows(4), warnings)
    assert found.encoded == 4 and "damaged" in warnings[0]
    assert all(same(one, other) for one, other in zip(kept, found.samples, strict=True))
    assert load(tmp_path, styled_rows(4)).encoded == 0


def test_a_job_that_is_stopped_while_it_prepares_leaves_no_shard(tmp_path: Path) -> None:
    data = write_rows(tmp_path / "rows.jsonl", styled_rows(3))

    def stop() -> None:
        raise Stopped(0)

    with pytest.raises(Stopped):
        load_dataset(Request(data, BASE, DAY, 128, tmp_path / "cache"), stop, lambda _: None)
    assert not shards(tmp_path)


def test_a_job_that_waits_for_another_to_prepare_can_be_stopped(tmp_path: Path) -> None:
    load(tmp_path, styled_rows(3))

    def stop() -> None:
        raise Stopped(0)

    request = Request(tmp_path / "rows.jsonl", BASE, DAY, 128, tmp_path / "cache")
    with one_at_a_time(shards(tmp_path)[0].parents[1] / ".lock"), pytest.raises(Stopped):
        load_dataset(request, stop, lambda _: None)
    assert load_dataset(request, stop, lambda _: None).encoded == 0


def test_only_the_shards_used_last_are_kept(tmp_path: Path) -> None:
    for length in range(100, 100 + KEPT_SHARDS + 2):
        load(tmp_path, styled_rows(2), max_length=length)
    found = [read_json(path)["key"]["max_length"] for path in shards(tmp_path)]
    assert sorted(found) == list(range(102, 102 + KEPT_SHARDS))
    assert load(tmp_path, styled_rows(2), max_length=102).encoded == 0
    load(tmp_path, styled_rows(2), max_length=90)
    assert {102, 90} <= {read_json(path)["key"]["max_length"] for path in shards(tmp_path)}


def test_a_line_that_is_no_chat_row_is_named(tmp_path: Path) -> None:
    row = styled_rows(1)[0]
    with pytest.raises(JobError, match=r"Line 2 of rows.jsonl is no chat row"):
        load(tmp_path, [row, {**row, "learn": [0]}])
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n{")
    with pytest.raises(JobError, match="not JSON"):
        load_dataset(Request(tmp_path / "rows.jsonl", BASE, DAY, 128, tmp_path / "c"), lambda: None, lambda _: None)
