"""Chats that go through the model side by side learn what they learn one after the other."""

import threading
import time
from collections.abc import Iterator

import pytest
import torch
from litgpt.lora import GPT

from ratchet_litgpt import lanes
from ratchet_litgpt.data import MicroBatch, collate
from ratchet_litgpt.end_to_end import lay
from ratchet_litgpt.fused import lora_layers
from ratchet_litgpt.lanes import balanced, each, lanes_of, split
from ratchet_litgpt.model import TokenLoss, fused, load_learned, trainable

from .test_packing import CPU, LENGTHS, LORA, chats, tiny


@pytest.fixture(autouse=True)
def two_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    monkeypatch.setattr(lanes, "WORTH", 0)
    yield
    torch.set_num_threads(before)


def batch_of(packed: bool) -> MicroBatch:
    samples = chats(LENGTHS)
    rows = [samples[:4], samples[4:8], samples[8:]] if packed else [[sample] for sample in samples]
    return collate(rows, CPU, packed)


def learning(family: str = "Qwen2ForCausalLM", dropout: float = 0.0) -> GPT:
    """Return a model whose LoRA says something: at first its B is zero."""
    gpt = fused(tiny(family, lora={**LORA, "dropout": dropout}))
    generator = torch.Generator().manual_seed(3)
    for _, layer in lora_layers(gpt):
        layer.lora_B.data.normal_(0, 0.1, generator=generator)
    return gpt


def said(loss: TokenLoss, batch: MicroBatch, **asked: bool) -> torch.Tensor:
    found: torch.Tensor = loss(batch.tokens, batch.labels, batch.chats, batch.places, batch.learned, **asked)
    return found


def slopes(gpt: GPT, losses: torch.Tensor) -> torch.Tensor:
    weights = torch.linspace(-1, 2, losses.numel()).view_as(losses)
    gpt.zero_grad()
    (losses * weights).sum().backward()
    return torch.cat([one.grad.flatten() for one in trainable(gpt) if one.grad is not None])


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("asked", [{}, {"against_base": True}])
def test_losses_and_gradients_are_those_of_one_thread(
    packed: bool, asked: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    gpt, batch = learning(), batch_of(packed)
    assert lanes_of(gpt, lay(batch.tokens.shape, batch.chats, batch.places)) == 2
    found = said(TokenLoss(gpt), batch, **asked)
    gradient = slopes(gpt, found)
    again = slopes(gpt, said(TokenLoss(gpt), batch, **asked))
    monkeypatch.setattr(lanes, "WORTH", 2**60)
    alone = said(TokenLoss(gpt), batch, **asked)
    torch.testing.assert_close(found, alone, rtol=1e-5, atol=1e-5)
    wanted = slopes(gpt, alone)
    torch.testing.assert_close(gradient, wanted, rtol=1e-4, atol=1e-5 * float(wanted.abs().max()))
    assert torch.equal(gradient, again)


def test_the_base_is_asked_side_by_side_too(monkeypatch: pytest.MonkeyPatch) -> None:
    gpt, batch = learning(), batch_of(packed=True)
    found = said(TokenLoss(gpt), batch, of_base=True)
    assert not found.requires_grad
    monkeypatch.setattr(lanes, "WORTH", 2**60)
    torch.testing.assert_close(found, said(TokenLoss(gpt), batch, of_base=True), rtol=1e-5, atol=1e-5)
    # And of another adapter it says the same.
    load_learned(gpt, {name: value * 2 for name, value in gpt.state_dict().items() if "lora_" in name})
    torch.testing.assert_close(found, said(TokenLoss(gpt), batch, of_base=True), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_shares_hold_every_chat_once(count: int) -> None:
    batch = batch_of(packed=True)
    laid = lay(batch.tokens.shape, batch.chats, batch.places)
    shares = split(learning(), laid, batch.learned, count)
    parts = [share.laid for share in shares if share.laid is not None]
    assert len(parts) == count and all(len(part.positions) == sum(part.lengths) for part in parts)
    assert torch.equal(torch.cat([part.positions for part in parts]).sort().values, laid.positions)
    order = torch.cat([share.places for share in shares if share.places is not None])
    assert torch.equal(torch.cat([share.at for share in shares])[order.argsort()], batch.learned)
    for share, part in zip(shares, parts, strict=True):
        assert bool(torch.isin(share.at, part.positions).all()) and bool((share.at.diff() > 0).all())


def test_the_dearest_go_where_there_is_least() -> None:
    assert balanced([1, 9, 2, 3, 4], 2) == [[0, 1], [2, 3, 4]]
    assert balanced([5], 2) == [[0], []]


def test_a_model_that_draws_or_learns_wholly_goes_in_one_thread() -> None:
    batch = batch_of(packed=True)
    laid = lay(batch.tokens.shape, batch.chats, batch.places)
    assert lanes_of(learning(), laid) == 2
    assert lanes_of(learning(dropout=0.1), laid) == 1
    assert lanes_of(tiny("Qwen2ForCausalLM"), laid) == 1
    torch.set_num_threads(64)
    assert lanes_of(learning(), laid) == lanes.MOST


def test_works_see_what_is_set_here_and_fail_only_once_all_have_ended() -> None:
    ended = threading.Event()

    def state() -> tuple[bool, bool, int]:
        return torch.is_grad_enabled(), torch.is_autocast_enabled("cpu"), torch.get_num_threads()

    def slow() -> tuple[bool, bool, int]:
        time.sleep(0.2)
        ended.set()
        return state()

    def fails() -> tuple[bool, bool, int]:
        raise MemoryError

    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert each([state, state]) == [(False, True, 1)] * 2
    assert each([state, state]) == [(True, False, 1)] * 2
    assert torch.get_num_threads() == 2
    torch.set_num_threads(8)
    assert each([state] * 4) == [(True, False, 2)] * 4 and each([state, state]) == [(True, False, 4)] * 2
    assert torch.get_num_threads() == 8
    with pytest.raises(MemoryError):
        each([fails, slow])
    assert ended.is_set()
