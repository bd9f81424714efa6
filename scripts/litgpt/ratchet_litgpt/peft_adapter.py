"""An adapter as PEFT has them: `adapter_config.json` and `adapter_model.safetensors`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from litgpt.config import Config
from safetensors.torch import save_file

from .architecture import State
from .files import write_json
from .lora_parts import LoraPart, lora_parts

PREFIX = "base_model.model."


def write_peft_adapter(
    folder: Path, name: str, hf: Mapping[str, Any], config: Config, about: Mapping[str, Any], state: State
) -> None:
    """Write an adapter that PEFT puts on the base in Hugging Face layout, in float32.

    Args:
        folder: where the two files go.
        name: of the base, for whoever reads the configuration.
        hf: the base's `config.json`.
        config: the base's LitGPT Config.
        about: what `adapter.json` says.
        state: LitGPT's LoRA tensors.
    """
    parts = lora_parts(hf, config, about, state)
    tensors = {}
    for part in parts:
        tensors[f"{PREFIX}{part.name}.lora_A.weight"] = part.a.contiguous()
        tensors[f"{PREFIX}{part.name}.lora_B.weight"] = part.b.contiguous()
    save_file(dict(sorted(tensors.items())), folder / "adapter_model.safetensors", metadata={"format": "pt"})
    write_json(folder / "adapter_config.json", _settings(name, about, parts))


def _settings(name: str, about: Mapping[str, Any], parts: Sequence[LoraPart]) -> dict[str, Any]:
    """Layers that the base joins have a multiple of the rank, and of alpha with it."""
    ranks = {part.name.rsplit(".", 1)[1]: len(part.a) for part in parts}
    larger = {module: rank for module, rank in ranks.items() if rank != about["rank"]}
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": name,
        "r": about["rank"],
        "lora_alpha": about["alpha"],
        "lora_dropout": about.get("dropout", 0.0),
        "target_modules": sorted(ranks),
        "rank_pattern": larger,
        "alpha_pattern": {module: about["alpha"] * rank / about["rank"] for module, rank in larger.items()},
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
    }
