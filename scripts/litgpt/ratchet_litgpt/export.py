"""Merge an adapter into its base and write a plain Hugging Face folder, ready to be imported."""

import shutil
from pathlib import Path
from typing import Any

import torch
from litgpt.lora import GPT, Config
from safetensors.torch import save_file

from .architecture import State, hf_from_lit, make_config
from .base import TOKENIZER_FILES, Base, dtype_of
from .context import Context
from .errors import JobError
from .files import digests, read_json, write_folder, write_json
from .model import drop_targets, lora_fields, lora_layers, read_adapter

WEIGHTS = "model.safetensors"


def export(context: Context) -> dict[str, Any]:
    """Write `work/merged` and return its files with their digests and size in bytes."""
    spec = context.job.spec
    about, state = read_adapter(Path(spec["adapter"]), context.base)
    merged = context.job.work / "merged"
    note = {"base": context.base.digest, "adapter": about["digest"], "dtype": spec["dtype"]}
    found = _finished(context.job.work, merged, note)
    if found is None:
        write_folder(merged, lambda aside: _fill(aside, context.base, about, state, dtype_of(spec["dtype"])))
        found = digests(merged, sorted(path.name for path in merged.iterdir()))
        write_json(context.job.work / "export.json", {**note, "files": found})
    return {"path": str(merged), "files": found, "bytes": sum((merged / name).stat().st_size for name in found)}


def merge(base: Base, about: dict[str, Any], adapter: State, dtype: torch.dtype) -> State:
    """Return LitGPT's tensors with the adapter added in float32 and then rounded once to `dtype`."""
    with torch.device("meta"):
        gpt = GPT(Config(**base.fields(8), **lora_fields(about)))
        drop_targets(gpt, about)
    missing = gpt.load_state_dict(adapter, strict=False, assign=True)
    if missing.unexpected_keys:
        raise JobError("InvalidInput", "The adapter does not fit this base: use the base that it was trained on.")
    state = base.load_state()
    for name, layer in lora_layers(gpt):
        weight = state[f"{name}.weight"]
        layer.linear.weight = torch.nn.Parameter(weight, requires_grad=False)
        state[f"{name}.weight"] = (weight.float() + layer.get_lora_AB().detach()).to(dtype)
    tied = state["lm_head.weight"] is state["transformer.wte.weight"]
    rounded = {name: tensor.to(dtype) for name, tensor in state.items()}
    if tied:
        rounded["lm_head.weight"] = rounded["transformer.wte.weight"]
    for name, tensor in rounded.items():
        if not torch.isfinite(tensor).all():
            raise JobError(
                "InvalidInput", f"The merged tensor {name} does not fit {dtype}: export as bfloat16 or float32."
            )
    return rounded


def _fill(aside: Path, base: Base, about: dict[str, Any], adapter: State, dtype: torch.dtype) -> None:
    state = merge(base, about, adapter, dtype)
    weights = hf_from_lit(base.hf_config, make_config(base.fields()), state)
    save_file(
        {name: tensor.contiguous().clone() for name, tensor in weights.items()},
        aside / WEIGHTS,
        metadata={"format": "pt"},
    )
    for name in TOKENIZER_FILES:
        if (base.folder / name).is_file():
            shutil.copyfile(base.folder / name, aside / name)
    config = {**base.hf_config, "torch_dtype": str(dtype).removeprefix("torch.")}
    config.pop("dtype", None)
    write_json(aside / "config.json", config)
    for path in aside.iterdir():
        path.chmod(0o644)


def _finished(work: Path, merged: Path, note: dict[str, Any]) -> dict[str, str] | None:
    """Return the files of an export that an earlier attempt finished, if they are still whole."""
    try:
        about = read_json(work / "export.json")
        files: dict[str, str] = about.pop("files")
        return files if about == note and digests(merged, files) == files else None
    except (OSError, ValueError, KeyError):
        return None
