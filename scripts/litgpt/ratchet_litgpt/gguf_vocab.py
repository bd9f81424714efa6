"""A tokenizer as GGUF: byte-level BPE (`gpt2`), or pieces with bytes to fall back on (`llama`)."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import gguf

from .errors import JobError
from .files import read_json

QWEN_2 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
THREE_DIGITS = QWEN_2.replace(r"|\p{N}|", r"|\p{N}{1,3}|")
SPACE = "▁"
TYPES = gguf.TokenType


def add_vocabulary(writer: gguf.GGUFWriter, folder: Path, size: int, begins: bool) -> None:
    """Write the tokens of a base, its merges or scores, and the tokens that begin and end a text.

    Args:
        writer: of a model.
        folder: a Hugging Face folder.
        size: how many rows the embedding has; more than tokens are filled up.
        begins: whether prompts begin with the token of the beginning, which llama.cpp then puts there itself.
    """
    check_vocabulary(folder)
    found = read_json(folder / "tokenizer.json")
    model = found["model"]
    texts, types = _tokens(found, size)
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    if model.get("byte_fallback"):
        writer.add_tokenizer_model("llama")
        writer.add_tokenizer_pre("default")
        writer.add_token_list(texts)
        writer.add_token_scores(_scores(texts, merges))
        writer.add_add_space_prefix(_prefixed(found))
    else:
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre(_split(found))
        writer.add_token_list(texts)
        writer.add_token_merges(merges)
    writer.add_token_types([int(kind) for kind in types])
    _add_specials(writer, folder, texts)
    writer.add_add_bos_token(begins)
    writer.add_add_eos_token(False)


def check_vocabulary(folder: Path) -> None:
    """Refuse a tokenizer that GGUF has no words for."""
    found = read_json(folder / "tokenizer.json")
    kind = found["model"].get("type")
    if kind != "BPE":
        raise JobError("InvalidInput", f"The base's tokenizer is a {kind}: GGUF is only written of BPE.")
    if not found["model"].get("byte_fallback"):
        _split(found)


def _tokens(found: Mapping[str, Any], size: int) -> tuple[list[str], list[gguf.TokenType]]:
    """Return the text of each id and its type."""
    texts = [f"[PAD{token}]" for token in range(size)]
    types = [TYPES.UNUSED] * size
    for text, token in found["model"]["vocab"].items():
        texts[token] = text
        types[token] = TYPES.BYTE if found["model"].get("byte_fallback") and _is_byte(text) else TYPES.NORMAL
    for added in found.get("added_tokens", []):
        texts[added["id"]] = added["content"]
        types[added["id"]] = TYPES.CONTROL if added["special"] else TYPES.USER_DEFINED
    unknown = found["model"].get("unk_token")
    if unknown in texts:
        types[texts.index(unknown)] = TYPES.UNKNOWN
    return texts, types


def _is_byte(text: str) -> bool:
    return len(text) == 6 and text.startswith("<0x") and text.endswith(">")


def _scores(texts: Sequence[str], merges: Sequence[str]) -> list[float]:
    """Return what makes llama.cpp merge in the order of the merges: the earlier, the higher."""
    ranks: dict[str, int] = {}
    for rank, merge in enumerate(merges):
        ranks.setdefault(merge.replace(" ", "", 1), rank)
    return [-float(ranks[text]) if text in ranks else -1e6 for text in texts]


def _prefixed(found: Mapping[str, Any]) -> bool:
    """Return whether a space is put before the text."""
    parts = [*_parts(found.get("normalizer"), "normalizers"), *_parts(found.get("pre_tokenizer"), "pretokenizers")]
    return any(
        (part["type"] == "Prepend" and part.get("prepend") == SPACE)
        or (part["type"] == "Metaspace" and part.get("prepend_scheme", "always") != "never")
        for part in parts
    )


def _parts(step: Mapping[str, Any] | None, name: str) -> Sequence[Mapping[str, Any]]:
    if step is None:
        return []
    return step[name] if step["type"] == "Sequence" else [step]


def _split(found: Mapping[str, Any]) -> str:
    """Return llama.cpp's name for how a byte-level tokenizer splits."""
    parts = _parts(found.get("pre_tokenizer"), "pretokenizers")
    regexes = [part["pattern"].get("Regex") for part in parts if part["type"] == "Split"]
    digits = [part["individual_digits"] for part in parts if part["type"] == "Digits"]
    level = next((part for part in parts if part["type"] == "ByteLevel"), None)
    if regexes == [QWEN_2]:
        return "qwen2"
    if regexes == [THREE_DIGITS]:
        return "llama-bpe" if found["model"].get("ignore_merges") else "dbrx"
    if not regexes and digits == [True] and level is not None:
        return "smollm"
    if not regexes and not digits and level is not None:
        return "gpt-2"
    raise JobError(
        "InvalidInput",
        f"The base's tokenizer splits in a way that GGUF has no name for here ({json.dumps(regexes)[:200]}): "
        "export as safetensors.",
    )


def _add_specials(writer: gguf.GGUFWriter, folder: Path, texts: Sequence[str]) -> None:
    """Write the ids of special tokens; several may end an answer, of which Ollama's own engine reads the list."""
    settings = read_json(folder / "tokenizer_config.json")
    at = {text: token for token, text in reversed(list(enumerate(texts)))}
    adders = {
        "bos_token": writer.add_bos_token_id,
        "eos_token": writer.add_eos_token_id,
        "unk_token": writer.add_unk_token_id,
        "pad_token": writer.add_pad_token_id,
    }
    for name, add in adders.items():
        text = settings.get(name)
        text = text["content"] if isinstance(text, dict) else text
        if text in at:
            add(at[text])
    generation = folder / "generation_config.json"
    ends = read_json(generation).get("eos_token_id") if generation.is_file() else None
    if isinstance(ends, list):
        writer.add_array("tokenizer.ggml.eos_token_ids", [int(end) for end in ends])
