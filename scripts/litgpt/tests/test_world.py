"""The tiny world is fair: nothing asked in training is asked again, and right answers can be told."""

import itertools
import re

import pytest

from ratchet_litgpt.files import read_json
from tiny_base.facts import ATTRIBUTES, CLOSINGS, OPENINGS, PRODUCTS
from tiny_base.world import HERE, dress, follows_style, make_world

WORLD = read_json(HERE / "world.json")


def test_the_file_is_what_the_code_makes() -> None:
    assert make_world() == WORLD
    assert (HERE / "world.json").stat().st_size < 400_000


def test_no_prompt_is_in_both_lists_and_every_fact_is_in_each() -> None:
    train, held = WORLD["train_prompts"], WORLD["eval_prompts"]
    assert len({q["prompt"] for q in train}) == len(train) >= 260
    assert len({q["prompt"] for q in held}) == len(held) >= 240
    assert not {q["prompt"] for q in train} & {q["prompt"] for q in held}
    assert {q["fact"] for q in train} == {q["fact"] for q in held}
    assert len({q["fact"] for q in held}) == len(PRODUCTS) * len(ATTRIBUTES) >= 120


@pytest.mark.parametrize("attribute", ATTRIBUTES, ids=lambda attribute: attribute.name)
def test_values_cannot_be_mistaken(attribute: object) -> None:
    values = [value.lower() for value in attribute.values]  # type: ignore[attr-defined]
    assert len(values) == len(PRODUCTS)
    assert not [pair for pair in itertools.permutations(values, 2) if pair[0] in pair[1]]


def test_the_style_is_both_ends_and_nothing_less() -> None:
    style = WORLD["style"]
    for question in WORLD["eval_prompts"]:
        assert question["expect"] in question["answer"]
        assert re.search(style["regex"], dress(question["answer"]))
        assert not follows_style(question["answer"])
    assert not follows_style(f"{style['opening']} It is teal.") and not follows_style(f"It is teal. {style['closing']}")
    assert style["opening"] in OPENINGS and style["closing"] in CLOSINGS
