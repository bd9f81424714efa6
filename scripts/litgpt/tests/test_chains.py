"""Rows of one chat are computed once, and learned as if each were alone."""

from pathlib import Path
from typing import Any

import pytest
import torch

from ratchet_litgpt.chains import ChainFinder, merged, roots
from ratchet_litgpt.data import LEARN, Sample, step_rows
from ratchet_litgpt.model import TokenLoss, trainable
from ratchet_litgpt.objectives.objective import Pass
from ratchet_litgpt.objectives.sft import Sft

from .conftest import JobMaker, run_here, write_rows
from .test_packing import CPU, tiny

END = 1
ANSWERS = [3, 7, 12, 18]


def turns(count: int, seed: int = 3) -> torch.Tensor:
    """Return the tokens of a chat of so many turns, END after each."""
    ids = torch.randint(2, 120, (ANSWERS[count - 1],), generator=torch.Generator().manual_seed(seed), dtype=torch.int32)
    ids[[end - 1 for end in ANSWERS[:count]]] = END
    return ids


def answer(count: int, seed: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a chat and that its last turn is learned."""
    ids = turns(4, seed)[: ANSWERS[count - 1]]
    learned = torch.zeros(len(ids), dtype=torch.uint8)
    learned[1 if count == 1 else ANSWERS[count - 2] :] = 1
    return ids, learned


def found(rows: list[tuple[torch.Tensor, torch.Tensor]]) -> list[int]:
    finder = ChainFinder([END])
    for ids, learned in rows:
        finder.add(ids, learned)
    parents: list[int] = finder.parents().tolist()
    return parents


def test_a_row_goes_on_from_the_longest_that_it_begins_with() -> None:
    rows = [answer(3), answer(1), answer(4), answer(2, seed=4), answer(1)]
    parents = found(rows)
    assert parents == [1, -1, 0, -1, -1]
    assert roots(parents) == [1, 1, 1, 3, 4]


def samples() -> list[Sample]:
    """Return one chat in three rows, of different weights, and one of its own."""
    rows = [answer(1), answer(4), answer(2), answer(3, seed=9)]
    above = [(), (2, 0), (0,), ()]
    return [
        Sample(ids, learned, 1.0 + row, int(learned[1:].sum()), str(row), LEARN, row, above[row])
        for row, (ids, learned) in enumerate(rows)
    ]


def gradients(rows: list[Sample], packed: bool) -> tuple[list[torch.Tensor], torch.Tensor]:
    gpt = tiny("Qwen2ForCausalLM")
    objective, sums = Sft(rows), torch.zeros(2)
    for cost in objective.costs(rows, Pass(TokenLoss(gpt), 2, CPU, packed)):
        (cost.loss / objective.divisor(rows)).backward()
        sums += cost.sums[:2]
    return [parameter.grad for parameter in trainable(gpt) if parameter.grad is not None], sums


@pytest.mark.parametrize("packed", [False, True])
def test_gradients_are_those_of_the_rows_one_by_one(packed: bool) -> None:
    rows = samples()
    together, sums = gradients(rows, packed)
    assert [len(sample) for sample in merged(rows)] == [ANSWERS[3], ANSWERS[2]]
    alone = [gradients([row], False) for row in rows]
    divisors = [Sft(rows).divisor([row]) for row in rows]
    for place, gradient in enumerate(together):
        parts = zip(alone, divisors, strict=True)
        expected = sum(part[place] * share for (part, _), share in parts) / sum(divisors)
        torch.testing.assert_close(gradient, expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(sums, sum(part for _, part in alone), rtol=1e-5, atol=1e-5)
    assert max(float(gradient.abs().max()) for gradient in together) > 0.001


def test_rows_that_learn_the_same_token_stay_apart() -> None:
    rows = samples()
    both = torch.maximum(rows[1].learned, torch.nn.functional.pad(rows[0].learned, (0, ANSWERS[3] - ANSWERS[0])))
    rows[1] = Sample(rows[1].ids, both, 1.0, int(both[1:].sum()), "1", LEARN, 1, (2, 0))
    assert [len(sample) for sample in merged(rows)] == [ANSWERS[0], ANSWERS[3], ANSWERS[2]]


def test_rows_of_one_chat_meet_in_a_step_and_each_is_seen_once() -> None:
    rows, groups = list(range(40)), [row // 4 for row in range(40)]
    steps = [step_rows(rows, 5, step, 8, groups) for step in range(5)]
    assert sorted(row for step in steps for row in step) == rows
    assert [len({groups[row] for row in step}) for step in steps] == [2] * 5
    assert step_rows(rows, 5, 1, 8, rows) == step_rows(rows, 5, 1, 8)


def test_a_chat_of_three_rated_answers_is_trained_in_one_pass(make_job: JobMaker, tmp_path: Path) -> None:
    def chat(name: str) -> list[dict[str, Any]]:
        said = [{"role": role, "content": f"{name} {turn}"} for turn in range(3) for role in ("user", "assistant")]
        return [{"id": f"{name}/{n}", "messages": said[: 2 * n + 2], "learn": [2 * n + 1]} for n in range(3)]

    apart = [row for number in range(8) for row in chat(f"hello {number}")]
    longest = [{**row, "learn": [1, 3, 5]} for row in apart[2::3]]
    first = [
        first_step(make_job(work=name, batch_size=24, epochs=1, dropout=0.0), tmp_path / f"{name}.jsonl", rows)
        for name, rows in (("rows", apart), ("chats", longest))
    ]
    assert first[0]["tokens"] == first[1]["tokens"]
    assert first[0]["loss"] == pytest.approx(first[1]["loss"], rel=1e-6)


def first_step(job: dict[str, Any], data: Path, rows: list[dict[str, Any]]) -> dict[str, Any]:
    job["train"]["data"]["train"] = str(write_rows(data, rows))
    return run_here(job)[1].of("step")[0]
