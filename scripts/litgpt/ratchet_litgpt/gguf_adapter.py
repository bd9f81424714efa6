"""An adapter as GGUF, which Ollama puts on a base of the llama, qwen2, gemma2 or phi3 kind."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import torch
from litgpt.config import Config

from .architecture import State, architecture_of
from .errors import JobError
from .lora_parts import LoraPart, lora_parts

NUMPY_KINDS = {"float16": torch.float16, "float32": torch.float32}


def write_gguf_adapter(
    path: Path, hf: Mapping[str, Any], config: Config, about: Mapping[str, Any], state: State, dtype: str
) -> None:
    """Write an adapter that llama.cpp loads: it adds `alpha / rank · B · A`, with the rank of each A.

    Args:
        path: the file to write.
        hf: the base's `config.json`.
        config: the base's LitGPT Config.
        about: what `adapter.json` says.
        state: LitGPT's LoRA tensors.
        dtype: of the tensors, `float16` or `float32`.
    """
    if dtype not in NUMPY_KINDS:
        raise JobError("InvalidInput", f"A GGUF adapter cannot be {dtype}: ask for float16 or float32.")
    parts = lora_parts(hf, config, about, state)
    kind = architecture_of(hf).gguf
    names = gguf.get_tensor_name_map(kind, config.n_layer)
    writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[kind])
    writer.add_type(gguf.GGUFType.ADAPTER)
    writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
    writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(about["alpha"]))
    for part in parts:
        name = names.get_name(part.name)
        a, b = _as_llama_cpp_has_it(kind, config, part, about["rank"])
        for suffix, tensor in (("lora_a", a), ("lora_b", b)):
            rounded = tensor.to(NUMPY_KINDS[dtype])
            if not torch.isfinite(rounded).all():
                raise JobError("InvalidInput", f"The adapter's {part.name} does not fit {dtype}: export as float32.")
            writer.add_tensor(f"{name}.weight.{suffix}", rounded.contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _as_llama_cpp_has_it(
    kind: gguf.MODEL_ARCH, config: Config, part: LoraPart, rank: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return A and B with rows as the base's tensor has them in GGUF; a joined B counters its larger rank."""
    b = part.b * (len(part.a) / rank)
    if kind == gguf.MODEL_ARCH.LLAMA and part.name.endswith(("q_proj", "k_proj")):
        heads = config.n_head if part.name.endswith("q_proj") else config.n_query_groups
        b = interleave_halves(b, heads)
    return part.a, b


def interleave_halves(rows: torch.Tensor, heads: int) -> torch.Tensor:
    """Return the rows of a q or k layer, (heads · size, n), as llama.cpp's llama turns them: in neighbouring pairs."""
    return rows.view(heads, 2, -1, rows.size(1)).transpose(1, 2).reshape(rows.shape)
