"""A whole model as GGUF, for bases that Ollama does not convert itself, and for people."""

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import gguf
import torch

from .architecture import State, architecture_of, litgpt_config
from .chat_template import begins_with_bos, template_source
from .errors import JobError
from .gguf_adapter import interleave_halves
from .gguf_rounding import Rounding, rounded
from .gguf_vocab import add_vocabulary

KINDS = gguf.MODEL_ARCH
FILE_TYPES = {torch.float16: gguf.LlamaFileType.MOSTLY_F16, torch.float32: gguf.LlamaFileType.ALL_F32}


def write_gguf_model(
    path: Path, hf: Mapping[str, Any], folder: Path, weights: State, dtype: torch.dtype, quantize: str | None = None
) -> None:
    """Write a model; matrices have `dtype`, float16 or float32, and vectors float32.

    Args:
        path: the file to write.
        hf: the parsed `config.json`.
        folder: where the tokenizer is.
        weights: tensors by a checkpoint's names.
        dtype: of the matrices.
        quantize: how matrices are rounded instead: `q8_0`, `q4_K_S`, `q4_K_M`, or not at all.
    """
    if dtype not in FILE_TYPES:
        raise JobError("InvalidInput", f"GGUF is not written as {dtype}: ask for float16 or float32.")
    kind = architecture_of(hf).gguf
    writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[kind])
    writer.add_type(gguf.GGUFType.MODEL)
    rounding = Rounding(quantize, int(hf["num_hidden_layers"]), "lm_head.weight" not in weights) if quantize else None
    writer.add_file_type(rounding.file_type if rounding else FILE_TYPES[dtype])
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    _add_shape(writer, hf)
    _add_positions(writer, hf)
    if kind in OWN_SETTINGS:
        OWN_SETTINGS[kind](writer, hf)
    add_vocabulary(writer, folder, int(hf["vocab_size"]), begins_with_bos(folder))
    # Ollama is told the template apart; programs that read the file alone find it here.
    writer.add_chat_template(template_source(folder))
    for name, tensor in _tensors(kind, hf, weights):
        _add_tensor(writer, name, tensor, dtype, rounding)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _add_tensor(
    writer: gguf.GGUFWriter, name: str, tensor: torch.Tensor, dtype: torch.dtype, rounding: Rounding | None
) -> None:
    if tensor.dim() == 1:
        # Vectors are few, and what is lost of them is lost everywhere.
        writer.add_tensor(name, tensor.float().contiguous().numpy())
        return
    kind = rounding.kind_of(name, tensor.size(-1)) if rounding else None
    if kind is None:
        writer.add_tensor(name, tensor.to(dtype).contiguous().numpy())
        return
    writer.add_tensor(name, rounded(tensor, kind), raw_dtype=kind)


def _add_shape(writer: gguf.GGUFWriter, hf: Mapping[str, Any]) -> None:
    heads = int(hf["num_attention_heads"])
    size = int(hf.get("head_dim") or hf["hidden_size"] // heads)
    writer.add_context_length(int(hf.get("max_position_embeddings", 4096)))
    writer.add_embedding_length(int(hf["hidden_size"]))
    writer.add_block_count(int(hf["num_hidden_layers"]))
    writer.add_feed_forward_length(int(hf["intermediate_size"]))
    writer.add_head_count(heads)
    writer.add_head_count_kv(int(hf.get("num_key_value_heads") or heads))
    writer.add_key_length(size)
    writer.add_value_length(size)
    writer.add_layer_norm_rms_eps(float(hf.get("rms_norm_eps", 1e-6)))
    writer.add_vocab_size(int(hf["vocab_size"]))
    writer.add_rope_dimension_count(int(size * float(hf.get("partial_rotary_factor", 1.0))))


def _add_positions(writer: gguf.GGUFWriter, hf: Mapping[str, Any]) -> None:
    fields = litgpt_config(hf, "")
    writer.add_rope_freq_base(float(fields["rope_base"]))
    stretch = fields.get("rope_adjustments")
    if stretch and "low_freq_factor" not in stretch:
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(float(stretch["factor"]))


def _add_gemma(writer: gguf.GGUFWriter, hf: Mapping[str, Any]) -> None:
    writer.add_sliding_window(int(hf["sliding_window"]))
    if hf.get("attn_logit_softcapping"):
        writer.add_attn_logit_softcapping(float(hf["attn_logit_softcapping"]))
    if hf.get("final_logit_softcapping"):
        writer.add_final_logit_softcapping(float(hf["final_logit_softcapping"]))


def _add_gemma_3(writer: gguf.GGUFWriter, hf: Mapping[str, Any]) -> None:
    """Ollama reads which layers are local, and their base of positions, under names of its own."""
    fields = litgpt_config(hf, "")
    _add_gemma(writer, hf)
    writer.add_array("gemma3.attention.sliding_window_pattern", [bool(local) for local in fields["rope_indices"]])
    writer.add_float32("gemma3.rope.local.freq_base", float(fields["rope_local_base_freq"]))


def _add_phi(writer: gguf.GGUFWriter, hf: Mapping[str, Any]) -> None:
    writer.add_rope_scaling_orig_ctx_len(
        int(hf.get("original_max_position_embeddings") or hf["max_position_embeddings"])
    )


OWN_SETTINGS: Mapping[gguf.MODEL_ARCH, Callable[[gguf.GGUFWriter, Mapping[str, Any]], None]] = {
    KINDS.GEMMA2: _add_gemma,
    KINDS.GEMMA3: _add_gemma_3,
    KINDS.PHI3: _add_phi,
}


def _tensors(kind: gguf.MODEL_ARCH, hf: Mapping[str, Any], weights: State) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield tensors by llama.cpp's names, as llama.cpp has them."""
    names = gguf.get_tensor_name_map(kind, int(hf["num_hidden_layers"]))
    factors = _frequency_factors(hf)
    if factors is not None:
        yield "rope_freqs.weight", factors
    for name, tensor in weights.items():
        found = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if found is None:
            raise JobError("InvalidInput", f"The tensor {name} has no place in GGUF: export as safetensors.")
        yield found, _turned(kind, hf, name, tensor)


def _turned(kind: gguf.MODEL_ARCH, hf: Mapping[str, Any], name: str, tensor: torch.Tensor) -> torch.Tensor:
    """Return a tensor with rows in llama.cpp's order; Gemma's norms have their one added."""
    if kind == KINDS.LLAMA and name.endswith(("q_proj.weight", "k_proj.weight")):
        heads = hf["num_attention_heads"] if "q_proj" in name else hf.get("num_key_value_heads")
        return interleave_halves(tensor, int(heads or hf["num_attention_heads"]))
    if kind in (KINDS.GEMMA2, KINDS.GEMMA3) and name.endswith("norm.weight"):
        return tensor.float() + 1
    return tensor


def _frequency_factors(hf: Mapping[str, Any]) -> torch.Tensor | None:
    """Return by how much Llama 3 slows each pair of a head's dimensions (the rule of its reference code)."""
    fields = litgpt_config(hf, "")
    stretch = fields.get("rope_adjustments") or {}
    if "low_freq_factor" not in stretch:
        return None
    size = int(hf.get("head_dim") or hf["hidden_size"] // hf["num_attention_heads"])
    low = stretch["original_max_seq_len"] / stretch["low_freq_factor"]
    high = stretch["original_max_seq_len"] / stretch["high_freq_factor"]
    factors = []
    for pair in range(0, size, 2):
        wave = 2 * math.pi * fields["rope_base"] ** (pair / size)
        smooth = (stretch["original_max_seq_len"] / wave - stretch["low_freq_factor"]) / (
            stretch["high_freq_factor"] - stretch["low_freq_factor"]
        )
        between = 1 / ((1 - smooth) / stretch["factor"] + smooth)
        factors.append(1.0 if wave < high else stretch["factor"] if wave > low else between)
    return torch.tensor(factors, dtype=torch.float32)
