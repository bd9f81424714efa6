"""From a Hugging Face `config.json` to a LitGPT Config, and the weight maps both ways."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import gguf
import torch
from litgpt.config import Config
from litgpt.scripts import convert_hf_checkpoint as from_hf
from litgpt.scripts import convert_lit_checkpoint as to_hf

from .errors import JobError

State = dict[str, torch.Tensor]
HEAD, EMBEDDED = "lm_head.weight", "embed_tokens.weight"


@dataclass(frozen=True)
class Architecture:
    """How a family of models differs from Llama, and which of LitGPT's weight maps it uses.

    Attributes:
        read: LitGPT's map from a checkpoint's tensors, called as (config, {}, into, tensors).
        write: the way back, called as (config, into, tensors, untie).
        gguf: llama.cpp's name of the family.
        adapts: whether Ollama can put an adapter on it. Its newer engine, which alone runs Qwen3 and Gemma 3, cannot.
        converts: whether Ollama makes GGUF of a checkpoint itself.
        fused: whether a checkpoint keeps q, k and v as one layer, and gate and up as another.
        activations: names of the activation that LitGPT's MLP has.
        name: what LitGPT looks for in a model's name to know the family.
        fields: what of LitGPT's Config is the family's own.
    """

    read: Callable[..., None]
    write: Callable[..., None]
    gguf: gguf.MODEL_ARCH
    adapts: bool = True
    converts: bool = True
    fused: bool = False
    activations: tuple[str, ...] = ("silu",)
    name: str = ""
    fields: Callable[[Mapping[str, Any]], dict[str, Any]] = lambda _hf: {}


def _read_gemma_2(_config: Config, qkv: dict[int, Any], into: State, tensors: State) -> None:
    from_hf.copy_weights_gemma_2(qkv, into, tensors)


def _read_gemma_3(config: Config, qkv: dict[int, Any], into: State, tensors: State) -> None:
    from_hf.copy_weights_gemma_3(qkv, into, tensors, config=config)


def _write_phi(config: Config, into: State, tensors: State, untie_weights: bool) -> None:
    kept = {name: tensor for name, tensor in tensors.items() if not (untie_weights and name == "lm_head.weight")}
    to_hf.copy_weights_phi(config, into, kept)


def _gemma_2(hf: Mapping[str, Any]) -> dict[str, Any]:
    """Gemma's norms add one to their weights, which LitGPT knows by the name; every second layer has a window."""
    layers = int(hf["num_hidden_layers"])
    return {
        "scale_embeddings": True,
        "attention_scores_scalar": hf.get("query_pre_attn_scalar", 256),
        "mlp_class_name": "GemmaMLP",
        "gelu_approximate": "tanh",
        "post_attention_norm": True,
        "post_mlp_norm": True,
        "attention_logit_softcapping": hf.get("attn_logit_softcapping"),
        "final_logit_softcapping": hf.get("final_logit_softcapping"),
        "sliding_window_size": int(hf["sliding_window"]),
        "sliding_window_indices": _local_layers(hf, [i % 2 == 0 for i in range(layers)]),
    }


def _gemma_3(hf: Mapping[str, Any]) -> dict[str, Any]:
    """Five layers with a window and its own base of positions, then one that sees everything."""
    period = int(hf.get("sliding_window_pattern") or 6)
    local = _local_layers(hf, [(i + 1) % period != 0 for i in range(int(hf["num_hidden_layers"]))])
    rope = hf.get("rope_parameters") or {}
    base = rope.get("sliding_attention", {}).get("rope_theta", hf.get("rope_local_base_freq", 10000.0))
    return {
        **_gemma_2(hf),
        "norm_qk": True,
        "sliding_window_indices": local,
        "rope_local_base_freq": float(base),
        "rope_indices": local,
    }


def _local_layers(hf: Mapping[str, Any], otherwise: list[bool]) -> list[int]:
    """Return a 1 for each layer with a window; newer configs list them."""
    types = hf.get("layer_types")
    return [int(kind == "sliding_attention") for kind in types] if types else [int(local) for local in otherwise]


def _phi_3(hf: Mapping[str, Any]) -> dict[str, Any]:
    return {"rotary_percentage": float(hf.get("partial_rotary_factor", 1.0))}


KINDS = gguf.MODEL_ARCH
GELU = ("gelu_pytorch_tanh", "gelu")

ARCHITECTURES: Mapping[str, Architecture] = {
    "LlamaForCausalLM": Architecture(from_hf.copy_weights_hf_llama, to_hf.copy_weights_llama, KINDS.LLAMA),
    "MistralForCausalLM": Architecture(
        from_hf.copy_weights_hf_llama, to_hf.copy_weights_llama, KINDS.LLAMA, converts=False
    ),
    "Qwen2ForCausalLM": Architecture(
        from_hf.copy_weights_qwen_2_5,
        to_hf.copy_weights_qwen_2_5,
        KINDS.QWEN2,
        fields=lambda _hf: {"attn_bias": True},
    ),
    "Qwen3ForCausalLM": Architecture(
        from_hf.copy_weights_qwen_3,
        to_hf.copy_weights_qwen_3,
        KINDS.QWEN3,
        adapts=False,
        converts=False,
        fields=lambda _hf: {"norm_qk": True},
    ),
    "Gemma2ForCausalLM": Architecture(
        _read_gemma_2,
        to_hf.copy_weights_gemma_2,
        KINDS.GEMMA2,
        # Ollama does not write that no space goes before a text, and llama.cpp puts one after every special token.
        converts=False,
        activations=GELU,
        name="Gemma-2-",
        fields=_gemma_2,
    ),
    "Gemma3ForCausalLM": Architecture(
        _read_gemma_3,
        to_hf.copy_weights_gemma_3,
        KINDS.GEMMA3,
        adapts=False,
        activations=GELU,
        name="Gemma-3-",
        fields=_gemma_3,
    ),
    "Phi3ForCausalLM": Architecture(
        from_hf.copy_weights_phi,
        _write_phi,
        KINDS.PHI3,
        # Ollama writes factors of no length where positions are not stretched, which nothing loads.
        converts=False,
        fused=True,
        name="Phi-3-",
        fields=_phi_3,
    ),
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
    activation = hf.get("hidden_activation") or hf.get("hidden_act") or found.activations[0]
    if activation not in found.activations:
        wanted = found.activations[0]
        raise JobError("InvalidInput", f"The base uses the activation {activation}: use a base with {wanted}.")
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
        "name": f"{arch.name}{name}",
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
        "mlp_class_name": "LLaMAMLP",
        "parallel_residual": False,
        "bias": False,
        "rotary_percentage": 1.0,
        **_rope(hf),
        **_window(hf),
        **arch.fields(hf),
    }


def _rope(hf: Mapping[str, Any]) -> dict[str, Any]:
    """Return the position settings; newer configs keep them under `rope_parameters`."""
    settings = hf.get("rope_parameters") or {}
    settings = settings.get("full_attention", settings)
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


def tied(hf: Mapping[str, Any]) -> bool:
    """Return whether the head is the embedding; Gemma's are unless its config says otherwise."""
    return bool(hf.get("tie_word_embeddings", architecture_of(hf).name.startswith("Gemma")))


def make_config(fields: Mapping[str, Any], **changes: Any) -> Config:
    """Return the LitGPT Config of some stored fields."""
    return Config(**{**fields, **changes})


def lit_from_hf(hf: Mapping[str, Any], config: Config, weights: Mapping[str, torch.Tensor]) -> State:
    """Return LitGPT's tensors for a checkpoint's; tied embeddings become two names of one tensor."""
    arch = architecture_of(hf)
    state: State = {}
    kept = {name: tensor for name, tensor in weights.items() if not name.endswith("rotary_emb.inv_freq")}
    if tied(hf) and HEAD not in kept:
        kept[HEAD] = kept[f"model.{EMBEDDED}"]
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
    partial(arch.write, config)(weights, dict(state), untie_weights=tied(hf))
    return weights
