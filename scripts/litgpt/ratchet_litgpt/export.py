"""Merge an adapter into its base and write a plain Hugging Face folder, ready to be imported."""

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from litgpt.lora import GPT, Config
from safetensors.torch import save_file

from .architecture import State, architecture_of, hf_from_lit, make_config
from .base import TOKENIZER_FILES, Base, dtype_of
from .context import Context
from .errors import JobError
from .files import digests, read_json, write_folder, write_json
from .fused import lora_layers
from .gguf_adapter import write_gguf_adapter
from .gguf_model import write_gguf_model
from .meta import without_data
from .model import drop_targets, lora_fields, read_adapter
from .peft_adapter import write_peft_adapter

WEIGHTS, ADAPTER, MODEL = "model.safetensors", "adapter.gguf", "model.gguf"


@dataclass(frozen=True)
class Source:
    """What is exported: a base, and the adapter on it, if any, with what is known of it; and how it is rounded."""

    base: Base
    about: dict[str, Any] | None
    state: State
    dtype: str
    quantize: str | None


def export(context: Context) -> dict[str, Any]:
    """Write `work/<format>` and return its files with their digests and size in bytes.

    The format `serve` is the least that Ollama can serve: an adapter where it can put one on this base, else `whole`,
    which is merged weights, or a GGUF file where Ollama would not convert them.
    """
    spec, base = context.job.spec, context.base
    about, state = read_adapter(Path(spec["adapter"]), base) if spec["adapter"] else (None, {})
    source = Source(base, about, state, spec["dtype"], spec.get("quantize"))
    chosen = _chosen(source, spec["format"])
    folder = context.job.work / chosen
    note = {
        "base": base.digest,
        "adapter": source.about and source.about["digest"],
        "dtype": source.dtype,
        "quantize": source.quantize,
    }
    found = _finished(context.job.work, folder, note)
    if found is None:
        write_folder(folder, lambda aside: WRITERS[chosen](aside, source))
        found = digests(folder, sorted(path.name for path in folder.iterdir()))
        write_json(context.job.work / f"{chosen}.json", {**note, "files": found})
    size = sum((folder / name).stat().st_size for name in found)
    return {"path": str(folder), "format": chosen, "files": found, "bytes": size}


def _chosen(source: Source, wanted: str) -> str:
    architecture = architecture_of(source.base.hf_config)
    if wanted == "serve" and source.about and source.about.get("rank") and architecture.adapts:
        return "gguf-adapter"
    if wanted in ("serve", "whole"):
        return "merged" if architecture.converts else "gguf"
    if source.quantize and wanted != "gguf":
        raise JobError("InvalidInput", f"Only a GGUF model is written as {source.quantize}: export as gguf.")
    if wanted == "gguf-adapter" and not architecture.adapts:
        names = source.base.hf_config["architectures"]
        raise JobError(
            "InvalidInput",
            f"Ollama puts no adapter on a {names[0]}: export gguf or merged, or peft for what reads PEFT's adapters.",
        )
    return wanted


def _adapter(source: Source) -> tuple[dict[str, Any], State]:
    if source.about is None:
        raise JobError("InvalidInput", "There is no adapter to export: name one, or export the base as merged or gguf.")
    if not source.about.get("rank"):
        raise JobError("InvalidInput", "All weights were learned, so that there is no adapter: export merged or gguf.")
    return source.about, source.state


def _write_gguf_adapter(into: Path, source: Source) -> None:
    base = source.base
    write_gguf_adapter(into / ADAPTER, base.hf_config, make_config(base.fields()), *_adapter(source), source.dtype)


def _write_peft(into: Path, source: Source) -> None:
    base = source.base
    write_peft_adapter(into, base.folder.name, base.hf_config, make_config(base.fields()), *_adapter(source))


def _write_gguf(into: Path, source: Source) -> None:
    base, dtype = source.base, dtype_of(source.dtype)
    weights = _weights(source, dtype)
    write_gguf_model(into / MODEL, base.hf_config, base.folder, weights, dtype, source.quantize)
    _copy_beside(into, base, source.dtype)


def _write_merged(into: Path, source: Source) -> None:
    weights = _weights(source, dtype_of(source.dtype))
    save_file(
        {name: tensor.contiguous().clone() for name, tensor in weights.items()},
        into / WEIGHTS,
        metadata={"format": "pt"},
    )
    _copy_beside(into, source.base, source.dtype)


WRITERS: Mapping[str, Callable[[Path, Source], None]] = {
    "merged": _write_merged,
    "gguf": _write_gguf,
    "gguf-adapter": _write_gguf_adapter,
    "peft": _write_peft,
}


def _weights(source: Source, dtype: torch.dtype) -> State:
    """Return tensors by a checkpoint's names, with the adapter in them."""
    base = source.base
    return hf_from_lit(base.hf_config, make_config(base.fields()), merge(base, source.about, source.state, dtype))


def merge(base: Base, about: dict[str, Any] | None, adapter: State, dtype: torch.dtype) -> State:
    """Return LitGPT's tensors with the adapter, if any, added in float32 and then rounded once to `dtype`.

    All weights that were learned take the place of the base's.
    """
    state = base.load_state()
    tied = state["lm_head.weight"] is state["transformer.wte.weight"]
    full = about is not None and about.get("tuning") == "full"
    learned = _replaced(state, adapter) if full else _added(base, about, adapter, state, dtype)
    rounded = {name: tensor.to(dtype) for name, tensor in learned.items()}
    if tied:
        rounded["lm_head.weight"] = rounded["transformer.wte.weight"]
    for name, tensor in rounded.items():
        if not torch.isfinite(tensor).all():
            raise JobError(
                "InvalidInput", f"The merged tensor {name} does not fit {dtype}: export as bfloat16 or float32."
            )
    return rounded


def _replaced(state: State, learned: State) -> State:
    if not learned.keys() <= state.keys():
        raise JobError("InvalidInput", "The adapter does not fit this base: use the base that it was trained on.")
    return {**state, **learned}


def _added(base: Base, about: dict[str, Any] | None, adapter: State, state: State, dtype: torch.dtype) -> State:
    def shape() -> GPT:
        with torch.device("meta"):
            return GPT(Config(**base.fields(8), **lora_fields(about)))

    gpt = without_data(shape)
    drop_targets(gpt, about)
    missing = gpt.load_state_dict(adapter, strict=False, assign=True)
    if missing.unexpected_keys:
        raise JobError("InvalidInput", "The adapter does not fit this base: use the base that it was trained on.")
    for name, layer in lora_layers(gpt):
        weight = state[f"{name}.weight"]
        layer.linear.weight = torch.nn.Parameter(weight, requires_grad=False)
        state[f"{name}.weight"] = (weight.float() + layer.get_lora_AB().detach()).to(dtype)
    return state


def _copy_beside(into: Path, base: Base, dtype: str) -> None:
    """Write what belongs to a model beside its weights."""
    for name in TOKENIZER_FILES:
        if (base.folder / name).is_file():
            shutil.copyfile(base.folder / name, into / name)
    config = {**base.hf_config, "torch_dtype": dtype}
    config.pop("dtype", None)
    write_json(into / "config.json", config)
    for path in into.iterdir():
        path.chmod(0o644)


def _finished(work: Path, folder: Path, note: dict[str, Any]) -> dict[str, str] | None:
    """Return the files of an export that an earlier attempt finished, if they are still whole."""
    try:
        about = read_json(work / f"{folder.name}.json")
        files: dict[str, str] = about.pop("files")
        return files if about == note and digests(folder, files) == files else None
    except (OSError, ValueError, KeyError):
        return None
