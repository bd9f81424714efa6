"""From a Hugging Face `config.json` to a LitGPT Config, and the weight maps both ways."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from litgpt.config import Config
from litgpt.scripts import convert_hf_checkpoint as from_hf
from litgpt.scripts import convert_lit_checkpoint as to_hf

from .errors import JobError

State = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Architecture:
    """How a family of models differs from Llama, and which of LitGPT's weight maps it uses."""

    read: Callable[..., None]
    write: Callable[..., None]
    attn_bias: bool = False
    norm_qk: bool = False


ARCHITECTURES: Mapping[str, Architecture] = {
    "LlamaForCausalLM": Architecture(from_hf.copy_weights_hf_llama, to_hf.copy_weights_llama),
    "MistralForCausalLM": Architecture(from_hf.copy_weights_hf_llama, to_hf.copy_weights_llama),
    "Qwen2ForCausalLM": Architecture(from_hf.copy_weights_qwen_2_5, to_hf.copy_weights_qwen_2_5, attn_bias=True),
    "Qwen3ForCausalLM": Architecture(from_hf.copy_weights_qwen_3, to_hf.copy_weights_qwen_3, norm_qk=True),
}


def architecture_of(hf: Mapping[str, Any]) -> Architecture:
    """Return the architecture that a `config.json` names, or say which ones work."""
    names = hf.get("architectures") or ["(none)"]
    found = ARCHITECTURES.get(names[0])
    if found is None:
        known = ", ".join(sorted(ARCHITECTURES))
        raise JobError("InvalidInput", f"The base is a {names[0]}, which cannot be trained here: use one of {known}.")
    if hf.get("attention_bias") and names[0] != "Qwen2ForCausalLM":
        raise JobError("InvalidInput", f"The base is a {names[0]} with attention biases: use a base without them.")
    if hf.get("mlp_bias"):
        raise JobError("InvalidInput", f"The base is a {names[0]} with MLP biases: use a base without them.")
    if hf.get("hidden_act", "silu") != "silu":
        raise JobError("InvalidInput", f"The base uses the activation {hf['hidden_act']}: use a base with silu.")
    return found


def litgpt_config(hf: Mapping[str, Any], name: str, block_size: int | None = None) -> dict[str, Any]:
    """Return the fields of a LitGPT Config for a `config.json`.

    Args:
        hf: the parsed `config.json`.
        name: a name for the base, for messages only.
        block_size: the longest sequence to run, in tokens; the base's own limit when not given or larger.
    """
    arch = architecture_of(hf)
    limit = int(hf.get("max_position_embeddings", 4096))
    return {
        "name": name,
        "block_size": min(block_size or limit, limit),
        "vocab_size": int(hf["vocab_size"]),
        "padded_vocab_size": int(hf["vocab_size"]),
        "n_layer": int(hf["num_hidden_layers"]),
        "n_embd": int(hf["hidden_size"]),
        "n_head": int(hf["num_attention_heads"]),
        "n_query_groups": int(hf.get("num_key_value_heads") or hf["num_attention_heads"]),
        "head_size": hf.get("head_dim"),
        "intermediate_size": int(hf["intermediate_size"]),
        "norm_class_name": "RMSNorm",
        "norm_eps": float(hf.get("rms_norm_eps", 1e-6)),
        "norm_qk": arch.norm_qk,
        "mlp_class_name": "LLaMAMLP",
        "parallel_residual": False,
        "bias": False,
        "attn_bias": arch.attn_bias,
        "rotary_percentage": 1.0,
        **_rope(hf),
        **_window(hf),
    }


def _rope(hf: Mapping[str, Any]) -> dict[str, Any]:
    """Return the position settings; newer configs keep them under `rope_parameters`."""
    settings = hf.get("rope_parameters") or {}
    theta = settings.get("rope_theta", hf.get("rope_theta", 10000.0))
    scaling = hf.get("rope_scaling") or settings
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    if kind == "default":
        return {"rope_base": int(theta)}
    if kind == "linear":
        return {"rope_base": int(theta), "rope_adjustments": {"factor": scaling["factor"]}}
    if kind == "llama3":
        adjusted = {key: scaling[key] for key in ("factor", "low_freq_factor", "high_freq_factor")}
        adjusted["original_max_seq_len"] = scaling["original_max_position_embeddings"]
        return {"rope_base": int(theta), "rope_adjustments": adjusted}
    raise JobError("InvalidInput", f"The base stretches positions by {kind}: remove rope_scaling or use another base.")


def _window(hf: Mapping[str, Any]) -> dict[str, Any]:
    window = hf.get("sliding_window")
    if not window or hf.get("use_sliding_window") is False:
        return {}
    first = int(hf.get("max_window_layers") or 0) if "use_sliding_window" in hf else 0
    layers = int(hf["num_hidden_layers"])
    return {"sliding_window_size": int(window), "sliding_window_indices": [int(i >= first) for i in range(layers)]}


def make_config(fields: Mapping[str, Any], **changes: Any) -> Config:
    """Return the LitGPT Config of some stored fields."""
    return Config(**{**fields, **changes})


def lit_from_hf(hf: Mapping[str, Any], config: Config, weights: Mapping[str, torch.Tensor]) -> State:
    """Return LitGPT's tensors for a checkpoint's; tied embeddings become two names of one tensor."""
    arch = architecture_of(hf)
    state: State = {}
    kept = {name: tensor for name, tensor in weights.items() if not name.endswith("rotary_emb.inv_freq")}
    try:
        arch.read(config, {}, state, kept)
    except KeyError as error:
        raise JobError(
            "InvalidInput", f"The base has an unexpected tensor {error}: use an unmodified checkpoint."
        ) from error
    return state


def hf_from_lit(hf: Mapping[str, Any], config: Config, state: Mapping[str, torch.Tensor]) -> State:
    """Return the checkpoint's tensors for LitGPT's; with tied embeddings the head is left out."""
    arch = architecture_of(hf)
    weights: State = {}
    partial(arch.write, config)(weights, dict(state), untie_weights=bool(hf.get("tie_word_embeddings")))
    return weights
