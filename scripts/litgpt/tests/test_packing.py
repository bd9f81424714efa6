"""Chats that share a row are learned as if each had a row of its own."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from litgpt.lora import GPT, Config, mark_only_lora_as_trainable

from ratchet_litgpt import attention
from ratchet_litgpt.architecture import litgpt_config
from ratchet_litgpt.attention import can_pack, chat_bounds
from ratchet_litgpt.data import MicroBatch, Sample, collate
from ratchet_litgpt.end_to_end import lay, runs_end_to_end
from ratchet_litgpt.errors import JobError
from ratchet_litgpt.lanes import Share
from ratchet_litgpt.model import TokenLoss, drop_targets, lora_fields, trainable
from ratchet_litgpt.objectives.objective import Pass
from ratchet_litgpt.objectives.sft import Sft
from ratchet_litgpt.packing import bins, plan, positions, saving

from .conftest import JobMaker, read_until, run_here, start, styled_rows, write_rows

CPU = torch.device("cpu")
LORA = {"rank": 4, "alpha": 8, "dropout": 0.0, "targets": ["q", "k", "v", "o", "gate", "up", "down"]}
LLAMA_ROPE = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}
FAMILIES: dict[str, dict[str, Any]] = {
    "Qwen2ForCausalLM": {},
    "LlamaForCausalLM": {"rope_scaling": LLAMA_ROPE},
    "Qwen3ForCausalLM": {"head_dim": 24},
}


def tiny(family: str, lora: dict[str, Any] = LORA, **changes: Any) -> GPT:
    """Return a small model of random weights, all of them far from nought."""
    hf = {
        "architectures": [family],
        "hidden_size": 64,
        "intermediate_size": 96,
        "max_position_embeddings": 256,
        "num_attention_heads": 4,
        "num_hidden_layers": 3,
        "num_key_value_heads": 2,
        "rope_theta": 10000.0,
        "vocab_size": 120,
        **FAMILIES[family],
        **changes,
    }
    torch.manual_seed(5)
    gpt = GPT(Config(**litgpt_config(hf, "tiny"), **lora_fields(lora)))
    drop_targets(gpt, lora)
    for parameter in gpt.parameters():
        torch.nn.init.normal_(parameter, mean=float(parameter.dim() == 1), std=0.15)
    mark_only_lora_as_trainable(gpt)
    return gpt


def chats(lengths: list[int], seed: int = 3) -> list[Sample]:
    generator = torch.Generator().manual_seed(seed)
    found = []
    for number, length in enumerate(lengths):
        ids = torch.randint(0, 120, (length,), generator=generator, dtype=torch.int32)
        learned = torch.rand(length, generator=generator) < 0.6
        learned[-1] = True
        found.append(Sample(ids, learned, 1.0 + number % 3, int(learned[1:].sum())))
    return found


LENGTHS = [31, 5, 17, 2, 28, 9, 9, 40, 3]


def logits(gpt: GPT, batch: MicroBatch) -> torch.Tensor:
    """Return the logits of every position of every chat, one chat after the other."""
    assert batch.chats is not None
    at = (batch.chats.flatten() >= 0).nonzero().flatten()
    laid = lay(batch.tokens.shape, batch.chats, batch.places) if runs_end_to_end(gpt) else None
    return gpt.lm_head(TokenLoss(gpt).hidden_at(batch.tokens, Share(laid, at), batch.chats, batch.places))


def by_chat(gpt: GPT, rows: list[list[Sample]]) -> list[torch.Tensor]:
    """Return the logits of each chat of packed rows, row after row."""
    sizes = [len(sample) for row in rows for sample in row]
    return list(logits(gpt, collate(rows, CPU, packed=True)).split(sizes))


@pytest.fixture(params=["end to end", "by a mask"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take each way that packed rows go on a CPU: sliding windows and bounded scores keep LitGPT's own forward."""
    if request.param == "by a mask":
        monkeypatch.setattr("ratchet_litgpt.model.runs_end_to_end", lambda *_: False)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("family", FAMILIES)
def test_packed_logits_are_those_of_each_chat_alone(family: str) -> None:
    gpt, samples = tiny(family), chats(LENGTHS)
    rows = [samples[:4], samples[4:8], samples[8:]]
    for sample, found in zip(samples, by_chat(gpt, rows), strict=True):
        alone = gpt(sample.ids[None].long())[0]
        torch.testing.assert_close(found, alone, rtol=1e-5, atol=1e-5)
    assert max(float(part.detach().abs().max()) for part in by_chat(gpt, rows)) > 1


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_said_in_one_chat_never_reaches_another(family: str) -> None:
    gpt, samples = tiny(family), chats(LENGTHS[:4])
    before = by_chat(gpt, [samples])
    for changed in range(len(samples)):
        other = dataclasses.replace(samples[changed], ids=(samples[changed].ids + 1) % 120)
        after = by_chat(gpt, [[*samples[:changed], other, *samples[changed + 1 :]]])
        for place, (one, two) in enumerate(zip(before, after, strict=True)):
            assert torch.equal(one, two) == (place != changed)


def gradients(gpt: GPT, samples: list[Sample], packed: bool, recompute: bool = False) -> list[torch.Tensor]:
    gpt.zero_grad()
    model, scale = TokenLoss(gpt, recompute), sum(row.weight * row.targets for row in samples)
    for cost in Sft(samples).costs(samples, Pass(model, 2, CPU, packed)):
        (cost.loss / scale).backward()
    return [parameter.grad.clone() for parameter in trainable(gpt) if parameter.grad is not None]


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_gradients_of_a_packed_step_are_those_of_the_step(family: str, recompute: bool) -> None:
    gpt, samples = tiny(family), chats(LENGTHS)
    plain, packed = gradients(gpt, samples, False), gradients(gpt, samples, True, recompute)
    assert len(plain) == len(trainable(gpt)) and max(float(one.abs().max()) for one in plain) > 0.01
    for one, other in zip(plain, packed, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_bins_are_the_fullest_that_have_room() -> None:
    assert bins([5, 9, 4, 1, 6], 10) == [[1, 3], [4, 2], [0]]
    assert bins([4, 4, 4], 8) == [[0, 1], [2]]
    assert bins([7], 7) == [[0]]


@pytest.mark.parametrize("seed", range(20))
def test_a_plan_holds_every_chat_once_and_none_is_cut(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, 200, (1 + seed * 7,), generator=generator).tolist()
    for packed in (False, True):
        batches = plan(lengths, 4, packed)
        assert sorted(item for rows in batches for row in rows for item in row) == list(range(len(lengths)))
        widths = [max(sum(lengths[item] for item in row) for row in rows) for rows in batches]
        assert all(len(rows) * width <= 4 * max(lengths) for rows, width in zip(batches, widths, strict=True))
        assert max(sum(lengths[item] for item in row) for rows in batches for row in rows) == max(lengths)
        assert batches == plan(list(lengths), 4, packed)
    assert sum(lengths) <= positions(lengths, 4, True)


def test_saving_is_told_of_what_is_computed() -> None:
    assert positions([10, 6, 4, 1], 2, packed=False) == 2 * 4 + 2 * 10
    assert positions([10, 6, 4, 1], 2, packed=True) == 2 * 10 + 1
    assert saving([[10, 6, 4, 1], [5]], 2) == pytest.approx(1 - 26 / 33)


def uneven(tmp_path: Path, count: int = 24) -> str:
    """Return a file of short chats with a few long ones."""
    rows = styled_rows(count)
    for number, row in enumerate(rows):
        row["messages"][0]["content"] += " Please." * (30 if number % 6 == 0 else 0)
    return str(write_rows(tmp_path / "uneven.jsonl", rows))


def packing_job(make_job: JobMaker, tmp_path: Path, work: str, **changes: Any) -> dict[str, Any]:
    job = make_job(work=work, batch_size=8, max_seq_length=256, **changes)
    job["train"]["data"]["train"] = uneven(tmp_path)
    return job


def test_packed_training_learns_the_same(make_job: JobMaker, tmp_path: Path) -> None:
    plain, _ = run_here(packing_job(make_job, tmp_path, "plain", packing="off", dropout=0.0))
    packed, events = run_here(packing_job(make_job, tmp_path, "packed", packing="on", dropout=0.0))
    assert (plain["packed"], packed["packed"]) == (False, True) and events.of("packing")[0]["packed"]
    for name in ("steps", "tokens", "target_tokens"):
        assert packed[name] == plain[name]
    assert packed["loss"] == pytest.approx(plain["loss"], rel=1e-4)
    assert packed["adapter_digest"] != plain["adapter_digest"]


def test_a_packed_run_that_was_killed_ends_with_the_same_bits(make_job: JobMaker, tmp_path: Path) -> None:
    undisturbed, _ = run_here(packing_job(make_job, tmp_path, "undisturbed", packing="on"))
    job = packing_job(make_job, tmp_path, "killed", packing="on", checkpoint={"every_steps": 2, "keep": 2})
    process = start(job, tmp_path)
    read_until(process, "checkpoint")
    process.kill()
    process.wait(60)
    result, events = run_here(job)
    assert events.of("resumed")[0]["step"] >= 2
    assert result["adapter_digest"] == undisturbed["adapter_digest"]


def test_auto_packs_where_it_saves(make_job: JobMaker, tmp_path: Path) -> None:
    _, events = run_here(packing_job(make_job, tmp_path, "uneven", epochs=1, micro_batch_size=8))
    assert events.of("packing")[0]["packed"] and events.of("packing")[0]["saving"] >= 0.1
    even = make_job(work="even", rows=8, epochs=1, batch_size=1)
    assert run_here(even)[1].of("packing") == [{"event": "packing", "packed": False, "saving": 0.0}]


def test_sliding_windows_are_not_packed(make_job: JobMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not can_pack(tiny("Qwen2ForCausalLM", sliding_window=8, use_sliding_window=True, max_window_layers=1))
    assert can_pack(tiny("Qwen2ForCausalLM", sliding_window=8, use_sliding_window=False))
    monkeypatch.setattr("ratchet_litgpt.train.can_pack", lambda _gpt: False)
    with pytest.raises(JobError, match="set packing to auto") as caught:
        run_here(make_job(rows=4, packing="on"))
    assert caught.value.code == "InvalidInput"
    assert run_here(make_job(rows=4, work="auto"))[0]["packed"] is False


def each_alone(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    starts: torch.Tensor,
    _: torch.Tensor,
    *_sizes: int,
    **options: Any,
) -> torch.Tensor:
    """Attend as torch's kernel does, which runs on CUDA only: (tokens, heads, size), each sequence alone."""
    assert options["window_size"] == (-1, 0) and starts.dtype == torch.int32
    out = []
    for first, last in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
        parts = (part[first:last].transpose(0, 1) for part in (q, k, v))
        attend = torch.nn.functional.scaled_dot_product_attention
        out.append(attend(*parts, is_causal=True, scale=options["scale"]).transpose(0, 1))
    return torch.cat(out)


@pytest.fixture
def with_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the way of CUDA here, with the kernel's arithmetic written out."""
    monkeypatch.setattr(attention, "_varlen", lambda: each_alone)
    monkeypatch.setattr("ratchet_litgpt.model.runs_end_to_end", lambda *_: False)
    monkeypatch.setattr("ratchet_litgpt.model.has_varlen", lambda *_: True)


@pytest.mark.usefixtures("with_kernel")
@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_what_is_handed_to_the_kernel_gives_the_same(family: str, recompute: bool) -> None:
    gpt, samples = tiny(family), chats(LENGTHS)
    plain, packed = gradients(gpt, samples, False), gradients(gpt, samples, True, recompute)
    for one, other in zip(plain, packed, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
    assert not [layer for layer in gpt.transformer.h if "scaled_dot_product_attention" in vars(layer.attn)]


def test_places_begin_anew_with_each_chat_so_that_none_is_beyond_the_base() -> None:
    batch = collate([chats([3, 2]), chats([4])], CPU, packed=True)
    assert batch.places is not None and batch.chats is not None
    assert batch.places.tolist() == [[0, 1, 2, 0, 1], [0, 1, 2, 3, 0]]
    assert batch.chats.tolist() == [[0, 0, 0, 1, 1], [0, 0, 0, 0, -1]]


def test_bounds_are_those_of_chats_and_of_padding() -> None:
    bounds = chat_bounds(torch.tensor([[0, 0, 1, -1], [0, 1, 1, 1]]))
    assert bounds.starts.tolist() == [0, 2, 3, 4, 5, 8] and bounds.longest == 3


@pytest.mark.skipif(
    not torch.cuda.is_available(), reason="torch's kernel for sequences of any lengths runs on CUDA only"
)
def test_the_kernel_agrees_on_a_gpu() -> None:
    gpt, samples = tiny("Qwen2ForCausalLM"), chats(LENGTHS)
    device = torch.device("cuda")
    gpt = gpt.to(device, torch.bfloat16)
    gpt.cos, gpt.sin = gpt.rope_cache(device=device)
    packed = collate([samples[:4], samples[4:8]], device, packed=True)
    with_it = TokenLoss(gpt).hidden(packed.tokens, packed.chats, packed.places)
    mask = attention.same_chat(packed.chats) if packed.chats is not None else None
    x = gpt.transformer.wte(packed.tokens)
    for block in gpt.transformer.h:
        x = block(x, gpt.cos[packed.places], gpt.sin[packed.places], mask)
    torch.testing.assert_close(with_it, gpt.transformer.ln_f(x), rtol=0.05, atol=0.05)
