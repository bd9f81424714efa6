"""The base model: a Hugging Face folder, named by its digest, converted once into LitGPT's tensors."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from .architecture import State, architecture_of, lit_from_hf, litgpt_config, make_config, tied
from .chat_template import load_chat_template
from .errors import JobError
from .files import digest_json, one_at_a_time, read_json, sha256_file, write_folder, write_json
from .gguf_vocab import check_vocabulary

CONVERTER = 1
HEAD, EMBEDDING = "lm_head.weight", "transformer.wte.weight"
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "chat_template.jinja",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
    "generation_config.json",
)


@dataclass(frozen=True)
class Base:
    """A base that is ready to run: where it came from, its digest, and its converted tensors."""

    folder: Path
    digest: str
    hf_config: dict[str, Any]
    prepared: Path

    def fields(self, block_size: int | None = None) -> dict[str, Any]:
        """Return the LitGPT Config fields, for sequences of at most `block_size` tokens."""
        return litgpt_config(self.hf_config, self.folder.name, block_size)

    def load_state(self) -> State:
        """Return LitGPT's tensors, mapped from the file and in the dtype of the checkpoint."""
        state = load_file(self.prepared / "lit.safetensors")
        state.setdefault(HEAD, state[EMBEDDING])
        return state


def prepare_base(folder: Path, cache: Path) -> Base:
    """Return the base, converting it into `cache/<digest>` unless that is there already."""
    weights = _weight_files(folder)
    hf_config = _read_config(folder)
    architecture_of(hf_config)
    names = [path for path in (folder / name for name in ("config.json", *TOKENIZER_FILES)) if path.is_file()]
    cache.mkdir(parents=True, exist_ok=True)
    digest = _digest([*names, *weights], cache)
    prepared = cache / digest
    base = Base(folder, digest, hf_config, prepared)
    if not (prepared / "base.json").is_file():
        with one_at_a_time(cache / f".{digest}.lock"):
            if not (prepared / "base.json").is_file():
                write_folder(prepared, lambda aside: _convert(base, weights, aside))
    return base


def check_base(folder: Path) -> None:
    """Refuse a base that cannot be trained by what it says of itself, before its weights are there."""
    hf_config = _read_config(folder)
    make_config(litgpt_config(hf_config, folder.name))
    load_chat_template(folder)
    if not architecture_of(hf_config).converts:
        # Ollama gets it as GGUF: better told now than when it is trained.
        check_vocabulary(folder)


def _convert(base: Base, weights: list[Path], into: Path) -> None:
    """Write LitGPT's tensors and a note of what they are; a tied head is not written twice."""
    tensors: State = {}
    for path in weights:
        try:
            tensors.update(load_file(path))
        except SafetensorError as error:
            raise JobError(
                "InvalidInput", f"The base file {path.name} is damaged ({error}): fetch it again."
            ) from error
    fields = base.fields()
    state = lit_from_hf(base.hf_config, make_config(fields), tensors)
    if tied(base.hf_config) or state[HEAD] is state[EMBEDDING]:
        del state[HEAD]
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, into / "lit.safetensors")
    write_json(into / "base.json", {"digest": base.digest, "converter": CONVERTER, "config": fields})


def _weight_files(folder: Path) -> list[Path]:
    """Return the checkpoint's safetensors files, and refuse pickles: they can run code."""
    if not (folder / "config.json").is_file():
        raise JobError(
            "BaseMissing", f"There is no base model in {folder}: put one there or correct the recipe's base."
        )
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        names = sorted(set(read_json(index)["weight_map"].values()))
        missing = [name for name in names if not (folder / name).is_file()]
        if missing:
            raise JobError("BaseMissing", f"The base in {folder} lacks {missing[0]}: fetch the whole model again.")
        return [folder / name for name in names]
    found = sorted(folder.glob("*.safetensors"))
    if not found and (any(folder.glob("*.bin")) or any(folder.glob("*.pth"))):
        raise JobError(
            "InvalidInput", f"The base in {folder} is a pickle, which can run code: convert it to safetensors."
        )
    if not found:
        raise JobError("BaseMissing", f"The base in {folder} has no .safetensors file: fetch the whole model again.")
    return found


def _read_config(folder: Path) -> dict[str, Any]:
    for name in ("tokenizer.json", "tokenizer_config.json"):
        if not (folder / name).is_file():
            raise JobError("BaseMissing", f"The base in {folder} lacks {name}: fetch the whole model again.")
    try:
        found: dict[str, Any] = read_json(folder / "config.json")
    except ValueError as error:
        raise JobError("InvalidInput", f"The base's config.json is not JSON ({error}): fetch it again.") from error
    return found


def _digest(paths: list[Path], cache: Path) -> str:
    """Return the digest of the files; those of unchanged files are remembered, since weights take long to read."""
    memory = cache / "digests.json"
    try:
        known: dict[str, str] = read_json(memory)
    except (OSError, ValueError):
        known = {}
    found: dict[str, str] = {}
    for path in paths:
        stat = path.stat()
        found[_stamp(path, stat)] = known.get(_stamp(path, stat)) or sha256_file(path)
    if not found.items() <= known.items():
        write_json(memory, {**known, **found})
    named = {path.name: found[_stamp(path, path.stat())] for path in paths}
    return digest_json({"converter": CONVERTER, "files": named})


def _stamp(path: Path, stat: os.stat_result) -> str:
    return json.dumps([str(path.resolve()), stat.st_size, stat.st_mtime_ns, stat.st_ino])


def dtype_of(name: str) -> torch.dtype:
    """Return the torch dtype of a name such as `float16`."""
    found = {"float16": torch.float16, "bfloat16": torch.bfloat16, "float32": torch.float32}
    return found[name]
