"""Write a tiny random model of a family, as it is published: weights, configuration, tokenizer and chat template."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from litgpt.model import GPT
from safetensors.torch import save_file
from tokenizers import Tokenizer

from ratchet_litgpt.architecture import hf_from_lit, litgpt_config, make_config, tied

from .specs import COMMON, FAMILIES, Family
from .tokenizer import make_tokenizer, write_sentencepiece

HERE = Path(__file__).resolve().parent


def write_family(name: str, folder: Path, **changes: Any) -> Path:
    """Write the model of a family into `folder`, and return it. The same name gives the same files.

    Args:
        name: of the family.
        folder: takes the files.
        changes: of `config.json`.
    """
    family = FAMILIES[name]
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tokenizer(family.tokenizer, family.specials, family.first)
    (folder / "tokenizer.json").write_text(_as_published(tokenizer), encoding="utf-8")
    if family.unknown is not None:
        write_sentencepiece(tokenizer, family.specials, family.unknown, folder / "tokenizer.model")
    ends = [tokenizer.token_to_id(text) for text in family.ends]
    begins = tokenizer.token_to_id(family.bos) if family.bos else None
    config = {**COMMON, **family.config, "bos_token_id": begins, "eos_token_id": ends[0], **changes}
    _write(folder / "config.json", config)
    _write(folder / "generation_config.json", {"bos_token_id": begins, "eos_token_id": ends})
    _write(folder / "tokenizer_config.json", _tokenizer_config(family))
    save_file(
        random_weights(config, name, _sayable(tokenizer)), folder / "model.safetensors", metadata={"format": "pt"}
    )
    return folder


def _as_published(tokenizer: Tokenizer) -> str:
    """Return `tokenizer.json` where bytes are pieces like others, and pieces are not split before they are merged."""
    found = json.loads(tokenizer.to_str())
    found["added_tokens"] = [token for token in found["added_tokens"] if not token["content"].startswith("<0x")]
    if found["model"]["byte_fallback"]:
        found["pre_tokenizer"] = None
    return json.dumps(found, ensure_ascii=False, separators=(",", ":"))


def _tokenizer_config(family: Family) -> dict[str, Any]:
    template = (HERE / "templates" / f"{family.template}.jinja").read_text(encoding="utf-8")
    return {
        "bos_token": family.bos,
        "eos_token": family.eos,
        "unk_token": family.unknown,
        "chat_template": template,
        "tokenizer_class": "PreTrainedTokenizerFast",
        **family.settings,
    }


def _sayable(tokenizer: Tokenizer) -> torch.Tensor:
    """Return which tokens are plain text by themselves, (SIZE,) and bool."""
    texts = (tokenizer.decode([token]) for token in range(tokenizer.get_vocab_size()))
    return torch.tensor([text.isprintable() and text.strip() != "" and "\ufffd" not in text for text in texts])


def random_weights(config: dict[str, Any], name: str, sayable: torch.Tensor) -> dict[str, torch.Tensor]:
    """Return tensors by a checkpoint's names, of values that float16 holds, so large that answers are far apart.

    Tokens that are no text by themselves are never said, so that answers can be compared as texts.
    """
    fields = litgpt_config(config, name)
    with torch.device("meta"):
        shapes = {key: tensor.shape for key, tensor in GPT(make_config(fields)).state_dict().items()}
    # This stream of numbers is fixed for ever (numpy's legacy policy).
    random = np.random.RandomState(sum(name.encode()))
    state: dict[str, torch.Tensor] = {}
    for key, shape in sorted(shapes.items()):
        values = torch.from_numpy(random.standard_normal(tuple(shape))).float()
        values = _scaled(key, values, name)
        if key.startswith(("lm_head", "transformer.wte")):
            values[~sayable] *= 0.01
        state[key] = values.half()
    if tied(config):
        state["lm_head.weight"] = state["transformer.wte.weight"]
    weights = hf_from_lit(config, make_config(fields), state)
    return {key: weights[key].contiguous().clone() for key in sorted(weights)}


def _scaled(key: str, values: torch.Tensor, name: str) -> torch.Tensor:
    """Norms lie around one, matrices keep the size of what they are given.

    Gemma's norms lie around nought; it scales embeddings up, which are small here, and its last norm large, so
    that what is said next is not what was said last.
    """
    gemma = name.startswith("gemma")
    if values.dim() == 1:
        centre = 0.0 if gemma or key.endswith("bias") else 1.0
        return values * 0.1 + (6.0 if gemma and "ln_f" in key else centre)
    if key.startswith(("lm_head", "transformer.wte")):
        return values * (0.0625 if gemma else 0.5)
    return values * (1.5 / values.size(1) ** 0.5)


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", encoding="utf-8")
