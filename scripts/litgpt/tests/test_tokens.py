"""A row is shown as training sees it."""

from pathlib import Path
from typing import Any

import pytest

from ratchet_litgpt.chat_template import load_chat_template
from ratchet_litgpt.encode import load_tokenizer
from ratchet_litgpt.errors import JobError

from .conftest import BASE, common_job, run_here, sample_of, styled_rows, write_rows


def show(tmp_path: Path, rows: list[dict[str, Any]], row: str | None, length: int | None = 128) -> dict[str, Any]:
    job = common_job("tokens", tmp_path / "work", tmp_path / "cache")
    data = write_rows(tmp_path / "rows.jsonl", rows)
    return run_here({**job, "tokens": {"data": str(data), "row": row, "max_seq_length": length}})[0]


def test_what_is_shown_is_what_is_learned(tmp_path: Path) -> None:
    rows = styled_rows(3)
    rows[1]["messages"][0]["content"] += " 数字 🙂 é"
    found, sample = show(tmp_path, rows, "row-1"), sample_of(rows[1])
    assert (found["row"], found["line"], found["fault"]) == ("row-1", 2, None)
    assert found["ids"] == sample.ids.tolist() and found["learned"] == sample.learned.tolist()
    assert "".join(found["pieces"]) == load_chat_template(BASE).render(rows[1]["messages"])
    said = [token for token, learned in zip(found["ids"], found["learned"], strict=True) if learned]
    answer = rows[1]["messages"][1]["content"] + "<|im_end|>"
    assert load_tokenizer(BASE).decode(said, skip_special_tokens=False) == answer
    shown = [piece for piece, learned in zip(found["pieces"], found["learned"], strict=True) if learned]
    assert "".join(shown) == answer
    assert not list((tmp_path / "cache").glob("*"))


def test_without_an_id_it_is_the_first(tmp_path: Path) -> None:
    assert show(tmp_path, styled_rows(2), None)["row"] == "row-0"


@pytest.mark.parametrize(("length", "kept"), [(20, 20), (10_000, None), (None, None)])
def test_the_cut_is_told(tmp_path: Path, length: int | None, kept: int | None) -> None:
    found = show(tmp_path, styled_rows(1), "row-0", length)
    assert found["kept"] == (kept or len(found["ids"]))


def test_a_row_that_training_refuses_is_shown_with_why(tmp_path: Path) -> None:
    found = show(tmp_path, [{**styled_rows(1)[0], "learn": []}], "row-0")
    assert "no token to learn" in found["fault"] and not any(found["learned"]) and found["pieces"]


def test_a_row_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="no row other") as caught:
        show(tmp_path, styled_rows(1), "other")
    assert caught.value.code == "InvalidInput"
