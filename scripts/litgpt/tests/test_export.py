"""What is written for other programs, read back."""

from pathlib import Path
from typing import Any

import gguf
import gguf.quants
import pytest
import torch
from safetensors.torch import load_file

from ratchet_litgpt.chat_template import template_source
from ratchet_litgpt.errors import JobError
from tiny_families.build import write_family

from .conftest import BASE, common_job, run_here


def export_of(work: Path, cache: Path, base: Path = BASE, **spec: Any) -> Path:
    """Return the folder that an export of a base writes."""
    job = common_job("export", work, cache)
    job["base"] = str(base)
    job["export"] = {"adapter": None, "dtype": "float16", "format": "gguf", **spec}
    result, _ = run_here(job)
    return Path(result["path"])


def tensors_of(path: Path) -> dict[str, tuple[gguf.GGMLQuantizationType, torch.Tensor]]:
    """Return what a GGUF file holds, in float32, with the kinds in which it is written."""
    found = gguf.GGUFReader(path).tensors
    return {
        one.name: (one.tensor_type, torch.from_numpy(gguf.quants.dequantize(one.data, one.tensor_type).copy()))
        for one in found
    }


def test_rounded_to_eight_bits_it_is_half_as_large_and_nearly_the_same(tmp_path: Path, cache: Path) -> None:
    plain = export_of(tmp_path / "plain", cache) / "model.gguf"
    small = export_of(tmp_path / "small", cache, quantize="q8_0") / "model.gguf"
    there, rounded = tensors_of(plain), tensors_of(small)
    assert there.keys() == rounded.keys()
    kinds = gguf.GGMLQuantizationType
    assert {kind for kind, _ in rounded.values()} == {kinds.Q8_0, kinds.F32}
    for name, (kind, tensor) in rounded.items():
        exact = there[name][1]
        # A block of 32 has one step, its largest over 127.
        allowed = exact.abs().max() / 127 if kind == kinds.Q8_0 else 0
        assert (tensor - exact).abs().max() <= allowed, name
    assert small.stat().st_size < plain.stat().st_size * 0.65


def test_programs_find_the_chat_template_in_the_file(tmp_path: Path, cache: Path) -> None:
    folder = export_of(tmp_path / "one", cache)
    fields = gguf.GGUFReader(folder / "model.gguf").fields
    assert fields[gguf.Keys.Tokenizer.CHAT_TEMPLATE].contents() == template_source(BASE)


def test_the_whole_base_comes_back(tmp_path: Path, cache: Path) -> None:
    folder = export_of(tmp_path / "merged", cache, format="merged", dtype="float32")
    there, back = (load_file(at / "model.safetensors") for at in (BASE, folder))
    assert there.keys() == back.keys()
    assert all(torch.equal(back[name], tensor.float()) for name, tensor in there.items())


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"format": "merged", "quantize": "q8_0"}, "Only a GGUF model is written as q8_0"),
        ({"format": "peft"}, "There is no adapter to export"),
        ({"format": "gguf-adapter"}, "There is no adapter to export"),
        ({"dtype": "bfloat16"}, "ask for float16 or float32"),
    ],
)
def test_what_cannot_be_written_is_refused(spec: dict[str, Any], said: str, tmp_path: Path, cache: Path) -> None:
    with pytest.raises(JobError, match=said):
        export_of(tmp_path / "no", cache, **spec)


def test_an_adapter_that_ollama_cannot_run_names_what_it_can(tmp_path: Path, cache: Path) -> None:
    base = write_family("qwen3", tmp_path / "qwen3")
    with pytest.raises(JobError, match="no adapter on a Qwen3ForCausalLM: export gguf or merged, or peft"):
        export_of(tmp_path / "no", cache, base, format="gguf-adapter")
