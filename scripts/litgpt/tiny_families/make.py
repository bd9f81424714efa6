"""Write every family's model, one trained on it, and what Ollama has to say of both.

Run as `python -m tiny_families.make FOLDER CHATS`; for each family, when it is written, it
prints one line of JSON that names the file that says so.
"""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from litgpt.lora import GPT

from ratchet_litgpt.base import Base, prepare_base
from ratchet_litgpt.chat_template import load_chat_template
from ratchet_litgpt.encode import Encoder
from ratchet_litgpt.events import Events
from ratchet_litgpt.job import parse_job
from ratchet_litgpt.lifetime import Stop
from ratchet_litgpt.main import run_job
from ratchet_litgpt.model import build_model, load_learned, read_adapter

from .build import write_family
from .chats import Message, random_chat, random_chats
from .specs import FAMILIES

CPU = torch.device("cpu")
ANSWERED, LENGTH, ROOM = 6, 16, 512
# Logits that are nearer than this may change places when float16 takes the place of float32.
CLOSE = 0.06
DATA = ("train", "val", "pairs", "val_pairs", "judged", "val_judged")
TARGETS = ["q", "k", "v", "o", "gate", "up", "down"]


class Silent(Events):
    """Tells nobody."""

    def __init__(self) -> None:
        super().__init__(-1)

    def emit(self, event: str, **fields: Any) -> None:
        pass


def make(name: str, folder: Path, chats: int) -> dict[str, Any]:
    """Write a family into a folder and return where, with the prompts and the answers that are expected of it."""
    # Ollama's own engine, which runs Gemma 3, sees one token more than a window holds.
    wide = {"sliding_window": ROOM - 1} if name == "gemma-3" else {}
    model = write_family(name, folder / "model", **wide)
    base = prepare_base(model, folder / "cache")
    trained = _run("train", folder, _training(folder, name))
    exported = _run("export", folder, {"adapter": trained["adapter"], "dtype": "float16", "format": "serve"})
    template = load_chat_template(model)
    encoder = Encoder(model, template)
    asked = list(random_chats(chats, FAMILIES[name].system))
    texts = [template.render(chat, generate=True) for chat in asked]
    tokens = [found.ids.tolist() for found in encoder.encode(texts)]
    about, state = read_adapter(Path(trained["adapter"]), base)
    plain, learned = _gpt(base, None, {}), _gpt(base, about, state)
    shortest = sorted(range(len(tokens)), key=lambda index: len(tokens[index]))[:ANSWERED]
    return {
        "family": name,
        "model": str(model),
        "exported": {"format": exported["format"], "path": exported["path"]},
        "prompts": [
            {"messages": chat, "text": text, "tokens": len(ids)}
            for chat, text, ids in zip(asked, texts, tokens, strict=True)
        ],
        "answers": [
            {
                "messages": asked[index],
                "base": encoder.tokenizer.decode(_answer(plain, tokens[index])),
                "trained": encoder.tokenizer.decode(_answer(learned, tokens[index])),
            }
            for index in shortest
        ],
    }


def _training(folder: Path, name: str) -> dict[str, Any]:
    rows = [_row(seed, name) for seed in range(8)]
    path = folder / "train.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    optim = {"learning_rate": 5e-3, "weight_decay": 0.0, "beta1": 0.9, "beta2": 0.95, "warmup_ratio": 0.0}
    length = {"epochs": 2, "max_steps": None, "batch_size": 4, "micro_batch_size": 4, "max_seq_length": ROOM}
    return {
        "data": {name: str(path) if name == "train" else None for name in DATA},
        "method": {"kind": "sft", "replay_kl": 0.0},
        "tuning": "lora",
        "lora": {"rank": 4, "alpha": 8, "dropout": 0.0, "targets": TARGETS},
        "optim": {**optim, **length, "schedule": "constant", "grad_clip": 1.0},
        "packing": "auto",
        "checkpoint": {"every_steps": 100, "keep": 1},
        "eval_every_steps": None,
        "early_stop": None,
        "restart": False,
    }


def _row(seed: int, name: str) -> dict[str, Any]:
    question: list[Message] = random_chat(1000 + seed, FAMILIES[name].system)[-1:]
    answer = {"role": "assistant", "content": f"Thank you for asking. {question[0]['content']}"}
    return {"id": f"row-{seed}", "messages": [*question, answer], "learn": [1], "meta": {}}


def _run(kind: str, folder: Path, spec: dict[str, Any]) -> dict[str, Any]:
    paths = {"base": str(folder / "model"), "work": str(folder / kind), "cache": str(folder / "cache")}
    plain = {"schema": 1, "key": "tiny", "device": "cpu", "precision": "32-true", "threads": 1, "seed": 1}
    return run_job(parse_job({**paths, **plain, "lock": None, "kind": kind, kind: spec}), Silent(), Stop())


def _gpt(base: Base, about: dict[str, Any] | None, state: dict[str, torch.Tensor]) -> GPT:
    gpt = build_model(base, about, ROOM, torch.float32, CPU, 0).eval()
    if about is not None:
        load_learned(gpt, state)
    return gpt


@torch.inference_mode()
def _answer(gpt: GPT, prompt: list[int]) -> list[int]:
    """Return the likeliest tokens after a prompt, up to the first that is nearly not the likeliest."""
    said: list[int] = []
    while len(said) < LENGTH:
        best = gpt(torch.tensor([[*prompt, *said]]))[0, -1].topk(2)
        if best.values[0] - best.values[1] < CLOSE:
            break
        said.append(int(best.indices[0]))
    return said


def main(folder: Path, chats: int) -> None:
    torch.set_num_threads(1)
    for name in FAMILIES:
        made = folder / f"{name}.json"
        made.write_text(json.dumps(make(name, folder / name, chats)), encoding="utf-8")
        print(json.dumps({"family": name, "made": str(made)}), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
