"""Measure a model of the tiny world: how many answers are right, and how many are in the house style.

Run as `python -m tiny_base.score [ADAPTER]` from the folder above.
"""

import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from ratchet_litgpt.base import prepare_base
from ratchet_litgpt.chat_template import load_chat_template
from ratchet_litgpt.generate import greedy
from ratchet_litgpt.model import build_model, load_learned, read_adapter

from .build import MODEL_FOLDER
from .world import HERE, follows_style


def answers_of(base_folder: Path, prompts: Sequence[str], cache: Path, adapter: Path | None = None) -> list[str]:
    """Return the greedy answers of a base, with an adapter if one is given."""
    base = prepare_base(base_folder, cache)
    about, state = read_adapter(adapter, base) if adapter else (None, {})
    tuning = about.get("tuning", "lora") if about else "lora"
    gpt = build_model(base, about, 128, torch.float32, torch.device("cpu"), 0, tuning).eval()
    if about:
        load_learned(gpt, state)
    tokenizer = Tokenizer.from_file(str(base_folder / "tokenizer.json"))
    template = load_chat_template(base_folder)
    chats = [template.render([{"role": "user", "content": prompt}], generate=True) for prompt in prompts]
    end = tokenizer.token_to_id("<|im_end|>")
    ids = [tokenizer.encode(chat, add_special_tokens=False).ids for chat in chats]
    return [tokenizer.decode(answer) for answer in greedy(gpt, ids, end, 64)]


def score(questions: Sequence[Mapping[str, Any]], answers: Sequence[str]) -> dict[str, float]:
    """Return the shares of right answers and of answers in the house style."""
    right = sum(q["expect"].lower() in answer.lower() for q, answer in zip(questions, answers, strict=True))
    styled = sum(follows_style(answer) for answer in answers)
    return {"accuracy": right / len(answers), "compliance": styled / len(answers)}


def main(adapter: Path | None) -> None:
    """Print the scores on the evaluation prompts and a few answers."""
    questions = json.loads((HERE / "world.json").read_text(encoding="utf-8"))["eval_prompts"]
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as cache:
        answers = answers_of(MODEL_FOLDER, [question["prompt"] for question in questions], Path(cache), adapter)
    seconds = round(time.monotonic() - started, 1)
    print(json.dumps({**score(questions, answers), "seconds": seconds, "sample": answers[:4]}, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
