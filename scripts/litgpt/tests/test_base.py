"""Reading bases, and giving them back with an adapter merged in."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from litgpt.config import Config
from safetensors.torch import load_file

from ratchet_litgpt.architecture import litgpt_config, make_config
from ratchet_litgpt.base import prepare_base
from ratchet_litgpt.errors import JobError
from ratchet_litgpt.files import read_json, sha256_file, write_json
from ratchet_litgpt.model import build_model, load_learned, read_adapter
from tiny_families.build import write_family

from .conftest import BASE, JobMaker, common_job, prepare_job, run_here

CPU = torch.device("cpu")
QWEN = {
    "architectures": ["Qwen2ForCausalLM"],
    "hidden_size": 896,
    "intermediate_size": 4864,
    "max_position_embeddings": 32768,
    "num_attention_heads": 14,
    "num_hidden_layers": 24,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-6,
    "rope_theta": 1000000.0,
    "sliding_window": 32768,
    "use_sliding_window": False,
    "vocab_size": 151936,
}
LLAMA = {
    "architectures": ["LlamaForCausalLM"],
    "head_dim": 64,
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "max_position_embeddings": 131072,
    "num_attention_heads": 32,
    "num_hidden_layers": 16,
    "num_key_value_heads": 8,
    "rms_norm_eps": 1e-5,
    "rope_scaling": {
        "factor": 32.0,
        "high_freq_factor": 4.0,
        "low_freq_factor": 1.0,
        "original_max_position_embeddings": 8192,
        "rope_type": "llama3",
    },
    "rope_theta": 500000.0,
    "vocab_size": 128256,
}


@pytest.mark.parametrize(("hf", "name"), [(QWEN, "Qwen2.5-0.5B-Instruct"), (LLAMA, "Llama-3.2-1B-Instruct")])
def test_a_config_read_from_json_is_the_published_one(hf: dict[str, Any], name: str) -> None:
    ours, theirs = make_config(litgpt_config(hf, name)), Config.from_name(name)
    assert theirs is not None
    for field in (
        "n_layer",
        "n_head",
        "n_embd",
        "n_query_groups",
        "head_size",
        "intermediate_size",
        "padded_vocab_size",
    ):
        assert getattr(ours, field) == getattr(theirs, field), field
    for field in ("norm_eps", "norm_class_name", "mlp_class_name", "parallel_residual", "bias", "attn_bias", "norm_qk"):
        assert getattr(ours, field) == getattr(theirs, field), field
    for field in ("rope_base", "rope_n_elem", "rope_adjustments", "block_size", "sliding_window_size"):
        assert getattr(ours, field) == getattr(theirs, field), field


@torch.no_grad()
def plain_logits(weights: dict[str, torch.Tensor], hf: dict[str, Any], ids: list[int]) -> torch.Tensor:
    """Return a Qwen2 model's logits (T, vocabulary) from its tensors, by the plainest arithmetic."""
    w = {name: tensor.float() for name, tensor in weights.items()}
    heads, groups, width = hf["num_attention_heads"], hf["num_key_value_heads"], hf["hidden_size"]
    size, count = width // heads, len(ids)
    angles = torch.arange(count)[:, None] / hf["rope_theta"] ** (torch.arange(0, size, 2) / size)
    cos, sin = (f(torch.cat((angles, angles), -1)) for f in (torch.cos, torch.sin))

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        return x / (x.pow(2).mean(-1, keepdim=True) + hf["rms_norm_eps"]).sqrt() * w[name]

    def turn(x: torch.Tensor) -> torch.Tensor:
        low, high = x.chunk(2, -1)
        return x * cos + torch.cat((-high, low), -1) * sin

    x = w["model.embed_tokens.weight"][ids]
    for layer in range(hf["num_hidden_layers"]):
        at = f"model.layers.{layer}"
        h = norm(x, f"{at}.input_layernorm.weight")
        parts = [h @ w[f"{at}.self_attn.{p}_proj.weight"].T + w[f"{at}.self_attn.{p}_proj.bias"] for p in "qkv"]
        q, k, v = (part.view(count, -1, size).transpose(0, 1) for part in parts)
        k, v = (part.repeat_interleave(heads // groups, 0) for part in (k, v))
        scores = turn(q) @ turn(k).transpose(1, 2) / size**0.5 + torch.full((count, count), -torch.inf).triu(1)
        mixed = (scores.softmax(-1) @ v).transpose(0, 1).reshape(count, width)
        x = x + mixed @ w[f"{at}.self_attn.o_proj.weight"].T
        h = norm(x, f"{at}.post_attention_layernorm.weight")
        gate = torch.nn.functional.silu(h @ w[f"{at}.mlp.gate_proj.weight"].T)
        x = x + (gate * (h @ w[f"{at}.mlp.up_proj.weight"].T)) @ w[f"{at}.mlp.down_proj.weight"].T
    return norm(x, "model.norm.weight") @ w.get("lm_head.weight", w["model.embed_tokens.weight"]).T


@torch.no_grad()
def test_the_converted_base_computes_what_its_tensors_say(cache: Path) -> None:
    base = prepare_base(BASE, cache)
    ids = list(range(300, 340))
    ours = build_model(base, None, 64, torch.float32, CPU, 0)(torch.tensor([ids]))[0]
    theirs = plain_logits(load_file(BASE / "model.safetensors"), base.hf_config, ids)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_a_merged_export_answers_as_the_adapter_does(
    make_job: JobMaker, tmp_path: Path, cache: Path, dtype: str
) -> None:
    trained, _ = run_here(make_job(rows=8, epochs=4, targets=["q", "v", "down"]))
    job = common_job("export", tmp_path / "export", cache)
    job["export"] = {"adapter": trained["adapter"], "dtype": dtype, "format": "merged"}
    result, _ = run_here(job)
    merged = Path(result["path"])
    assert {path.name: sha256_file(path) for path in merged.iterdir()} == result["files"]
    assert (merged / "tokenizer.json").read_bytes() == (BASE / "tokenizer.json").read_bytes()
    weights = load_file(merged / "model.safetensors")
    assert "lm_head.weight" not in weights and weights.keys() == load_file(BASE / "model.safetensors").keys()
    base = prepare_base(BASE, cache)
    about, state = read_adapter(Path(trained["adapter"]), base)
    gpt = build_model(base, about, 64, torch.float32, CPU, 0).eval()
    ids = torch.arange(300, 340)[None]
    with torch.no_grad():
        before = gpt(ids)
        load_learned(gpt, state)
        with_lora = gpt(ids)
        exported = build_model(prepare_base(merged, cache), None, 64, torch.float32, CPU, 0)(ids)
    tolerance = {"float32": 1e-4, "float16": 2e-2, "bfloat16": 2e-1}[dtype]
    torch.testing.assert_close(exported, with_lora, rtol=0, atol=tolerance)
    assert (with_lora - before).abs().max() > 0.5


def test_preparing_twice_converts_once(tmp_path: Path) -> None:
    first = prepare_base(BASE, tmp_path / "cache")
    stamp = (first.prepared / "lit.safetensors").stat().st_mtime_ns
    assert prepare_base(BASE, tmp_path / "cache") == first
    assert (first.prepared / "lit.safetensors").stat().st_mtime_ns == stamp


def test_a_changed_base_has_another_digest(tmp_path: Path) -> None:
    shutil.copytree(BASE, tmp_path / "base")
    first = prepare_base(tmp_path / "base", tmp_path / "cache")
    config = tmp_path / "base" / "config.json"
    config.write_text(config.read_text() + "\n")
    assert prepare_base(tmp_path / "base", tmp_path / "cache").digest != first.digest


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (lambda folder: shutil.rmtree(folder), "BaseMissing", "no base model"),
        (lambda folder: (folder / "model.safetensors").unlink(), "BaseMissing", "no .safetensors"),
        (lambda folder: (folder / "tokenizer.json").unlink(), "BaseMissing", "lacks tokenizer.json"),
        (lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"), "InvalidInput", "pickle"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"\x00" * 40), "InvalidInput", "damaged"),
        (
            lambda folder: (folder / "config.json").write_text('{"architectures": ["GPT2LMHeadModel"]}'),
            "InvalidInput",
            "GPT2LMHeadModel",
        ),
    ],
)
def test_bases_that_cannot_be_used_are_told_apart(tmp_path: Path, change: Any, code: str, words: str) -> None:
    shutil.copytree(BASE, tmp_path / "base")
    change(tmp_path / "base")
    with pytest.raises(JobError, match=words) as caught:
        prepare_base(tmp_path / "base", tmp_path / "cache")
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, None),
        ({"architectures": ["MambaForCausalLM"]}, "is a MambaForCausalLM, which cannot be trained here"),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}, "stretches positions by yarn"),
        ({"chat_template": None}, "has no chat template: use an instruct model"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_its_weights_are_there(
    change: dict[str, Any], said: str | None, tmp_path: Path
) -> None:
    base = tmp_path / "base"
    base.mkdir()
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        found = read_json(BASE / name)
        write_json(base / name, {**found, **change} if name != "tokenizer.json" else found)
    job = {**prepare_job(common_job("prepare", tmp_path / "work", tmp_path / "cache")), "base": str(base)}
    looked = {**job, "prepare": {"without_weights": True}}
    if said is None:
        assert run_here(looked)[0] == {}
        said = "has no .safetensors file"
    else:
        with pytest.raises(JobError, match=said):
            run_here(looked)
    with pytest.raises(JobError, match=said):
        run_here(job)


def test_a_tokenizer_that_could_not_be_served_is_refused_where_it_would_have_to_be_written(
    tmp_path: Path, cache: Path
) -> None:
    base = write_family("qwen3", tmp_path / "qwen3")
    job = {**prepare_job(common_job("prepare", tmp_path / "work", cache)), "base": str(base)}
    job["prepare"] = {"without_weights": True}
    assert run_here(job)[0] == {}
    tokenizer = read_json(base / "tokenizer.json")
    write_json(base / "tokenizer.json", {**tokenizer, "pre_tokenizer": {"type": "Split", "pattern": {"Regex": "x"}}})
    with pytest.raises(JobError, match="splits in a way that GGUF has no name for"):
        run_here(job)
    # Ollama reads the files of this family itself.
    config = read_json(base / "config.json")
    write_json(base / "config.json", {**config, "architectures": ["Qwen2ForCausalLM"]})
    assert run_here(job)[0] == {}
