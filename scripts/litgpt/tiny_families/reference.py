"""What transformers and PEFT say of the tiny families, kept in `reference.json` for the tests.

Run as `python -m tiny_families.reference FOLDER` from the folder above, in an environment that has both beside the
trainer's; they are kept out of the trainer's own. FOLDER takes the models.
"""

import hashlib
import json
import sys
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from ratchet_litgpt.architecture import litgpt_config, make_config
from ratchet_litgpt.peft_adapter import write_peft_adapter

from .adapters import TARGETS, random_adapter
from .build import write_family
from .chats import random_chats
from .specs import FAMILIES
from .tokenizer import SIZE

HERE = Path(__file__).resolve().parent
REFERENCE = HERE / "reference.json"
# Longer than the windows of Gemma and of the first positions of Llama 3.
PROMPT = [(7 * n * n + 3 * n + 11) % (SIZE - 120) + 110 for n in range(40)]
# Of the last places: enough to tell any two models apart.
LAST, EVERY = 3, 9
# How many chats a digest is over: those of `npm test`, and those of the soak.
FEW, MANY = 40, 1000


def logits_of(model: Any) -> list[list[float]]:
    """Return every ninth logit at the last three places of the prompt."""
    with torch.no_grad():
        out = model(torch.tensor([PROMPT]))
    logits = (out if isinstance(out, torch.Tensor) else out.logits)[0, -LAST:, ::EVERY]
    return [[round(float(value), 5) for value in row] for row in logits]


def digest_of(ids: Iterable[Sequence[int]]) -> str:
    """Return one digest of the tokens of many chats."""
    return hashlib.sha256(json.dumps([list(chat) for chat in ids]).encode()).hexdigest()


def main(folder: Path) -> None:
    from peft import PeftModel  # noqa: PLC0415 - likewise
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415 - not in the trainer's own environment

    families: dict[str, Any] = {}
    for name in FAMILIES:
        where = write_family(name, folder / name)
        model = AutoModelForCausalLM.from_pretrained(where, dtype=torch.float32, attn_implementation="eager").eval()
        logits = logits_of(model)
        hf = json.loads((where / "config.json").read_text(encoding="utf-8"))
        adapted = folder / f"{name}-peft"
        adapted.mkdir(exist_ok=True)
        write_peft_adapter(adapted, str(where), hf, make_config(litgpt_config(hf, name)), *random_adapter(hf, TARGETS))
        tokenizer = AutoTokenizer.from_pretrained(where)
        ids = [
            tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_dict=False)
            for chat in random_chats(MANY, FAMILIES[name].system)
        ]
        families[name] = {
            "logits": logits,
            "chats": {str(count): digest_of(ids[:count]) for count in (FEW, MANY)},
            "first": ids[0],
            "peft": logits_of(PeftModel.from_pretrained(model, adapted).eval()),
        }
    versions = {package: version(package) for package in ("transformers", "peft", "torch", "tokenizers", "numpy")}
    REFERENCE.write_text(json.dumps({"versions": versions, "families": families}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
