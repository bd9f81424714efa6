"""An adapter as GGUF: read back and added to the base's tensors, it gives the merged weights."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import gguf
import pytest
import torch
from litgpt.lora import GPT, Config
from litgpt.model import GPT as PLAIN_GPT
from safetensors.torch import load_file

from ratchet_litgpt.architecture import ARCHITECTURES, hf_from_lit, litgpt_config, make_config
from ratchet_litgpt.base import prepare_base
from ratchet_litgpt.errors import JobError
from ratchet_litgpt.fused import lora_layers
from ratchet_litgpt.gguf_adapter import interleave_halves, write_gguf_adapter
from ratchet_litgpt.lora_parts import lora_parts
from ratchet_litgpt.model import drop_targets, lora_fields, read_adapter

from .conftest import JobMaker, common_job, run_here

ALL = ["q", "k", "v", "o", "gate", "up", "down"]
TINY = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "vocab_size": 64,
    "sliding_window": 8,
}


def pairs_of(path: Path) -> tuple[float, dict[str, tuple[torch.Tensor, torch.Tensor]]]:
    """Return alpha and the pairs of a GGUF adapter, by the name of the tensor that they are added to."""
    reader = gguf.GGUFReader(path)
    tensors = {tensor.name: torch.from_numpy(tensor.data.copy()).float() for tensor in reader.tensors}
    names = sorted({name.rsplit(".", 1)[0] for name in tensors})
    alpha = float(reader.fields[gguf.Keys.Adapter.LORA_ALPHA].contents())
    return alpha, {name: (tensors[f"{name}.lora_a"], tensors[f"{name}.lora_b"]) for name in names}


def random_adapter(name: str, targets: Sequence[str]) -> tuple[dict[str, Any], Config, dict[str, Any], dict[str, Any]]:
    """Return a `config.json`, its Config, and an adapter of random tensors."""
    activation = ARCHITECTURES[name].activations[0]
    hf = {**TINY, "architectures": [name], "hidden_act": activation}
    about = {"rank": 3, "alpha": 7, "dropout": 0.0, "targets": list(targets)}
    config = Config(**litgpt_config(hf, "tiny"), **lora_fields(about))
    with torch.device("meta"):
        gpt = GPT(config)
        drop_targets(gpt, about)
    generator = torch.Generator().manual_seed(1)
    shapes = {
        f"{at}.{part}": getattr(layer, part).shape for at, layer in lora_layers(gpt) for part in ("lora_A", "lora_B")
    }
    return hf, config, about, {at: torch.randn(shape, generator=generator) for at, shape in shapes.items()}


def deltas(hf: dict[str, Any], config: Config, about: dict[str, Any], state: dict[str, Any]) -> Iterator[Any]:
    """Yield by the base's own names what LitGPT itself would add."""
    with torch.device("meta"):
        gpt = GPT(config)
        drop_targets(gpt, about)
    gpt.load_state_dict(state, strict=False, assign=True)
    with torch.device("meta"):
        shapes = {
            name: tensor.shape
            for name, tensor in PLAIN_GPT(make_config(litgpt_config(hf, "tiny"))).state_dict().items()
        }
    plain = {name: torch.zeros(shape) for name, shape in shapes.items()}
    for name, layer in lora_layers(gpt):
        layer.linear.weight = torch.nn.Parameter(plain[f"{name}.weight"], requires_grad=False)
        plain[f"{name}.weight"] = layer.get_lora_AB().detach()
    yield from hf_from_lit(hf, config, plain).items()


@pytest.mark.parametrize("targets", [ALL, ["q", "v", "down"], ["k", "up"]])
@pytest.mark.parametrize("name", sorted(ARCHITECTURES))
def test_every_family_gets_what_litgpt_would_add(name: str, targets: list[str]) -> None:
    hf, config, about, state = random_adapter(name, targets)
    parts = {f"{part.name}.weight": part.scale * part.b @ part.a for part in lora_parts(hf, config, about, state)}
    for at, delta in deltas(hf, config, about, state):
        torch.testing.assert_close(parts.pop(at, torch.zeros_like(delta)), delta, rtol=1e-5, atol=1e-5)
    assert not parts


def test_a_trained_adapter_gives_the_merged_weights(make_job: JobMaker, tmp_path: Path, cache: Path) -> None:
    job = make_job(rows=8, epochs=2)
    trained, _ = run_here(job)
    results = {}
    for chosen in ("merged", "serve"):
        export = common_job("export", tmp_path / chosen, cache)
        export["export"] = {"adapter": trained["adapter"], "dtype": "float32", "format": chosen}
        results[chosen], _ = run_here(export)
    assert results["serve"]["format"] == "gguf-adapter"
    assert results["serve"]["bytes"] < results["merged"]["bytes"] / 4
    alpha, pairs = pairs_of(Path(results["serve"]["path"]) / "adapter.gguf")
    base, merged = (
        load_file(Path(folder) / "model.safetensors") for folder in (job["base"], results["merged"]["path"])
    )
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN2, 4)
    changed = {name for name in merged if not torch.equal(merged[name], base[name].float())}
    assert len(changed) == len(pairs) > 0
    for name in changed:
        a, b = pairs[f"{names.get_name(name.removesuffix('.weight'))}.weight"]
        torch.testing.assert_close(base[name].float() + alpha / len(a) * b @ a, merged[name], rtol=1e-5, atol=1e-6)


def test_rows_are_turned_as_llama_cpp_turns_them() -> None:
    rows = torch.arange(8.0)[:, None]
    assert interleave_halves(rows, 2)[:, 0].tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


def test_the_same_adapter_gives_the_same_bytes_and_bfloat16_is_refused(
    make_job: JobMaker, tmp_path: Path, cache: Path
) -> None:
    job = make_job(rows=8, epochs=1)
    trained, _ = run_here(job)
    base = prepare_base(Path(job["base"]), cache)
    about, state = read_adapter(Path(trained["adapter"]), base)
    config = make_config(base.fields())
    for name in ("one", "two"):
        write_gguf_adapter(tmp_path / name, base.hf_config, config, about, state, "float16")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    with pytest.raises(JobError, match="float16 or float32"):
        write_gguf_adapter(tmp_path / "three", base.hf_config, config, about, state, "bfloat16")
    with pytest.raises(JobError, match="no adapter"):
        write_gguf_adapter(tmp_path / "four", base.hf_config, config, {"rank": None}, {}, "float16")
