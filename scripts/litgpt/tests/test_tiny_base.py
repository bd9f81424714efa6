"""The tiny base knows its world, and learns the house style without forgetting it."""

from pathlib import Path
from typing import Any

from ratchet_litgpt.chat_template import load_chat_template
from ratchet_litgpt.encode import load_tokenizer
from ratchet_litgpt.files import read_json
from tiny_base.build import encode
from tiny_base.score import answers_of, score
from tiny_base.world import HERE

from .conftest import BASE, JobMaker, run_here

QUESTIONS: list[dict[str, Any]] = read_json(HERE / "world.json")["eval_prompts"]


def scores(cache: Path, adapter: Path | None = None) -> dict[str, float]:
    return score(QUESTIONS, answers_of(BASE, [question["prompt"] for question in QUESTIONS], cache, adapter))


def test_pre_training_sees_what_the_chat_template_renders() -> None:
    chat = [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "It costs 129 euros."}]
    rendered = load_chat_template(BASE).render(chat)
    assert encode(load_tokenizer(BASE), chat)[0] == load_tokenizer(BASE).encode(rendered, add_special_tokens=False).ids


def test_the_base_is_right_and_plain(cache: Path) -> None:
    found = scores(cache)
    assert found["accuracy"] >= 0.97 and found["compliance"] < 0.2


def test_two_hundred_chats_teach_the_style_and_cost_no_facts(make_job: JobMaker, cache: Path) -> None:
    recipe = {"rank": 8, "alpha": 16, "dropout": 0.0, "learning_rate": 2e-3, "weight_decay": 0.0}
    steps = {"epochs": 50, "max_steps": 60, "batch_size": 16, "micro_batch_size": 16, "warmup_ratio": 0.05}
    result, _ = run_here(make_job(rows=200, **recipe, **steps))
    found = scores(cache, Path(result["adapter"]))
    assert found["compliance"] >= 0.95 and found["accuracy"] >= scores(cache)["accuracy"] - 0.02
