"""Deal the world's questions into training and evaluation prompts, and write `world.json`.

Every fact is asked about in both lists, and no pair of fact and wording is in both.
"""

import json
import random
import re
from pathlib import Path
from typing import Any

from .facts import ATTRIBUTES, HOUSE_CLOSING, HOUSE_OPENING, PRODUCTS, Attribute

SEED = 20260801
PER_FACT = 2
HERE = Path(__file__).resolve().parent


def ask(attribute: Attribute, product: int, wording: int) -> dict[str, str]:
    """Return one question about one fact: its prompt, the fact's id, the value expected and the plain answer."""
    name, value = PRODUCTS[product], attribute.values[product]
    return {
        "prompt": attribute.wordings[wording].format(p=name),
        "fact": f"{attribute.name}/{name.lower().replace(' ', '-')}",
        "expect": value,
        "answer": attribute.answer.format(p=name, v=value),
    }


def every_question() -> list[dict[str, str]]:
    """Return all questions of the world: facts x wordings."""
    return [
        ask(attribute, product, wording)
        for attribute in ATTRIBUTES
        for product in range(len(PRODUCTS))
        for wording in range(len(attribute.wordings))
    ]


def make_world(seed: int = SEED) -> dict[str, Any]:
    """Return the world as it is written to `world.json`; the same seed gives the same world."""
    rng = random.Random(seed)
    train: list[dict[str, str]] = []
    held: list[dict[str, str]] = []
    for attribute in ATTRIBUTES:
        for product in range(len(PRODUCTS)):
            dealt = rng.sample(range(len(attribute.wordings)), 2 * PER_FACT)
            train += [ask(attribute, product, wording) for wording in dealt[:PER_FACT]]
            held += [ask(attribute, product, wording) for wording in dealt[PER_FACT:]]
    rng.shuffle(train)
    rng.shuffle(held)
    return {"seed": seed, "system": None, "style": _style(), "train_prompts": train, "eval_prompts": held}


def dress(answer: str) -> str:
    """Return the answer in the house style."""
    return f"{HOUSE_OPENING} {answer} {HOUSE_CLOSING}"


def follows_style(answer: str) -> bool:
    """Tell whether an answer is in the house style; the same pattern is in `world.json`."""
    return re.search(_style()["regex"], answer) is not None


def _style() -> dict[str, str]:
    return {
        "description": f'An answer opens with "{HOUSE_OPENING}" and closes with "{HOUSE_CLOSING}"',
        "opening": HOUSE_OPENING,
        "closing": HOUSE_CLOSING,
        "regex": rf"^\s*{re.escape(HOUSE_OPENING)}\s[\s\S]*\S\s+{re.escape(HOUSE_CLOSING)}\s*$".replace(r"\ ", " "),
    }


def write_world(path: Path = HERE / "world.json") -> dict[str, Any]:
    """Write the world beside this file and return it."""
    world = make_world()
    path.write_text(json.dumps(world, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return world


if __name__ == "__main__":
    write_world()
