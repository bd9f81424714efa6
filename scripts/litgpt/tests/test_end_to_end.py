"""What is computed in fewer operations than LitGPT's says and learns the same."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from litgpt.lora import GPT
from litgpt.model import RMSNorm
from torch.nn.functional import scaled_dot_product_attention

from ratchet_litgpt.causal import BLOCK, MOST, causal
from ratchet_litgpt.data import collate
from ratchet_litgpt.end_to_end import most_bytes, runs_end_to_end
from ratchet_litgpt.fused import lora_layers
from ratchet_litgpt.head import CHUNK_BYTES
from ratchet_litgpt.job import parse_job
from ratchet_litgpt.model import TokenLoss, fused, trainable
from ratchet_litgpt.norm import fuse_norm

from .conftest import JobMaker
from .test_packing import CPU, FAMILIES, LENGTHS, LORA, chats, tiny


def normal(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, dtype=torch.float64, generator=generator).to(dtype).requires_grad_()


def slopes(y: torch.Tensor, inputs: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """Return the gradients of a sum whose terms weigh differently."""
    return torch.autograd.grad(y, inputs, torch.linspace(-1, 2, y.numel(), dtype=y.dtype).view_as(y))


@pytest.mark.parametrize("length", [1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 5, MOST + 1])
@pytest.mark.parametrize("groups", [1, 2, 6])
def test_attention_in_blocks_is_attention(length: int, groups: int) -> None:
    parts = [normal(length, heads, 8, seed=heads + at) for at, heads in enumerate((6, groups, groups))]
    found = causal(parts[0], parts[1], parts[2], [length], 0.3)
    q, k, v = (part.transpose(0, 1) for part in parts)
    k, v = (part.repeat_interleave(6 // groups, 0) for part in (k, v))
    wanted = scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.3).transpose(0, 1)
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-9)
    for one, other in zip(slopes(found, parts), slopes(wanted, parts), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-8)


def test_chats_that_are_laid_end_to_end_are_attended_to_each_by_itself() -> None:
    lengths = [BLOCK + 3, 1, MOST + 2, 7]
    q, k, v = (normal(sum(lengths), heads, 8, seed=at) for at, heads in enumerate((6, 2, 2)))
    found = causal(q, k, v, lengths, 0.3)
    chats = zip(*(part.split(lengths) for part in (q, k, v)), strict=True)
    alone = [causal(one, keys, values, [len(one)], 0.3) for one, keys, values in chats]
    torch.testing.assert_close(found, torch.cat(alone), rtol=1e-12, atol=1e-12)
    for one, other in zip(slopes(found, [q, k, v]), slopes(torch.cat(alone), [q, k, v]), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("unit_offset", [False, True])
def test_a_norm_in_one_is_the_norm(unit_offset: bool) -> None:
    norm, x = RMSNorm(24, add_unit_offset=unit_offset), normal(5, 24, dtype=torch.float32)
    torch.nn.init.normal_(norm.weight)
    norm.weight.requires_grad_(False)
    wanted = norm(x)
    fuse_norm(norm)
    assert "forward" in vars(norm)
    torch.testing.assert_close(norm(x), wanted, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(slopes(norm(x), [x])[0], slopes(wanted, [x])[0], rtol=1e-5, atol=1e-5)


def test_a_norm_that_learns_stays_as_it_is() -> None:
    norm = RMSNorm(8)
    fuse_norm(norm)
    assert "forward" not in vars(norm)


@pytest.mark.parametrize("targets", [LORA["targets"], ["q", "v"], ["k"], ["up", "o"]])
def test_lora_in_one_is_lora(targets: list[str]) -> None:
    for (name, plain), (_, one) in zip(*(layers(targets, fuse=fuse) for fuse in (False, True)), strict=True):
        x = normal(2, 7, plain.linear.in_features, dtype=torch.float32)
        learned = [[x, layer.lora_A, layer.lora_B] for layer in (plain, one)]
        torch.testing.assert_close(one(x), plain(x), rtol=1e-5, atol=1e-5, msg=name)
        for found, wanted in zip(slopes(one(x), learned[1]), slopes(plain(x), learned[0]), strict=True):
            torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-4, msg=name)
        one.merged = True
        assert torch.equal(one(x), one.linear(x))


def layers(targets: list[str], fuse: bool) -> list[tuple[str, Any]]:
    gpt = tiny("Qwen2ForCausalLM", lora={**LORA, "targets": targets})
    found = lora_layers(fused(gpt) if fuse else gpt)
    assert found and all(("forward" in vars(layer)) == fuse for _, layer in found)
    return found


def test_dropout_keeps_the_layers_as_they_are() -> None:
    gpt = fused(tiny("Qwen2ForCausalLM", lora={**LORA, "dropout": 0.1}))
    assert not [name for name, layer in lora_layers(gpt) if "forward" in vars(layer)]


def gradients(gpt: GPT, packed: bool, bfloat16: bool = False) -> torch.Tensor:
    """Return the gradients of nine chats in three rows, end to end."""
    samples = chats(LENGTHS)
    rows = [samples[:4], samples[4:8], samples[8:]] if packed else [[sample] for sample in samples]
    batch = collate(rows, CPU, packed)
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        losses = TokenLoss(gpt)(batch.tokens, batch.labels, batch.chats, batch.places, batch.learned)
    gpt.zero_grad()
    losses.sum().backward()
    return torch.cat([one.grad.flatten() for one in trainable(gpt) if one.grad is not None])


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_what_a_model_learns_end_to_end_is_what_litgpt_does(
    family: str, packed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert runs_end_to_end(tiny(family))
    found = gradients(fused(tiny(family)), packed)
    monkeypatch.setattr("ratchet_litgpt.model.runs_end_to_end", lambda *_: False)
    wanted = gradients(tiny(family), packed)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5 * float(wanted.abs().max()))


def test_in_bfloat16_it_errs_no_more_than_litgpt_does(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = gradients(tiny("Qwen2ForCausalLM"), packed=True)
    ours = gradients(fused(tiny("Qwen2ForCausalLM")), packed=True, bfloat16=True)
    monkeypatch.setattr("ratchet_litgpt.model.runs_end_to_end", lambda *_: False)
    theirs = gradients(tiny("Qwen2ForCausalLM"), packed=True, bfloat16=True)
    error, their_error = (float((one - exact).norm() / exact.norm()) for one in (ours, theirs))
    assert 1e-4 < error <= 1.25 * their_error < 0.1


@pytest.mark.parametrize("length", [40, 256])
@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_kept_for_the_backward_pass_is_known_beforehand(family: str, length: int) -> None:
    gpt, [sample] = fused(tiny(family)), chats([length])
    batch = collate([[sample]], CPU)
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    own = {one.untyped_storage().data_ptr() for one in (*gpt.parameters(), *gpt.buffers())}
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        losses = TokenLoss(gpt)(batch.tokens, batch.labels, learned=batch.learned)
    found = sum(size for place, size in kept.items() if place not in own)
    assert losses.requires_grad and found <= most_bytes(gpt, length, torch.float32) - 4 * CHUNK_BYTES["cpu"] < 6 * found


AMD, INTEL = {"cpu_name": "AMD EPYC"}, {"cpu_name": "Intel Xeon"}


@pytest.mark.parametrize(
    ("width", "able", "dtype"),
    [
        (256, {**AMD, "avx512_bf16": True}, "bfloat16"),
        (128, {**AMD, "avx512_bf16": True}, "float32"),
        (256, {**AMD, "avx512_bf16": False}, "float32"),
        # Intel's AVX-512 alone is half as fast in bfloat16 as in float32.
        (256, {**INTEL, "avx512_bf16": True, "amx_bf16": False}, "float32"),
        (256, {**INTEL, "avx512_bf16": True, "amx_bf16": True}, "bfloat16"),
        (256, {"architecture": "aarch64"}, "float32"),
    ],
)
def test_wide_bases_train_in_bfloat16_where_that_is_faster(
    width: int, able: dict[str, Any], dtype: str, make_job: JobMaker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"hidden_size": width}))
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    job = parse_job({**make_job(rows=4), "precision": "auto", "device": "cpu", "base": str(tmp_path)})
    assert str(job.dtype) == f"torch.{dtype}"
