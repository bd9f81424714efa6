"""Chats that begin alike go through the model together as far as they do, and learn what they learn by themselves."""

import random
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from litgpt.lora import GPT
from torch.nn.functional import scaled_dot_product_attention

from ratchet_litgpt import lanes
from ratchet_litgpt.causal import BLOCK, GRID, MOST, causal
from ratchet_litgpt.data import MicroBatch, Sample, collate
from ratchet_litgpt.end_to_end import lay
from ratchet_litgpt.lanes import split
from ratchet_litgpt.model import TokenLoss
from ratchet_litgpt.prefixes import LEAST, Piece, common, kin, pieces_of

from .test_end_to_end import normal
from .test_end_to_end import slopes as slopes_of
from .test_lanes import learning, said, slopes
from .test_packing import CPU, FAMILIES


def ids(count: int, seed: int) -> list[int]:
    return random.Random(seed).choices(range(120), k=count)


INSTRUCTIONS, OTHERS, QUESTION = ids(70, 1), ids(20, 2), ids(90, 3)
# Two answers to one question, one that ends where another goes on, one of other instructions twice, one of none, and
# one that is a beginning itself.
CHATS = [
    INSTRUCTIONS + QUESTION + ids(12, 4),
    INSTRUCTIONS + ids(5, 5),
    INSTRUCTIONS + QUESTION + ids(30, 6),
    ids(33, 7),
    OTHERS + ids(3, 8),
    OTHERS + ids(40, 9),
    INSTRUCTIONS,
    INSTRUCTIONS + ids(5, 5) + ids(9, 10),
]


def whole(pieces: Sequence[Piece], chats: Sequence[list[int]], at: int) -> list[int]:
    """Return the tokens of a piece and of all that it goes on from."""
    piece = pieces[at]
    own = chats[piece.chat][piece.start : piece.end]
    return own if piece.before is None else whole(pieces, chats, piece.before) + own


@pytest.mark.parametrize("grid", [1, 8, 64])
@pytest.mark.parametrize("seed", range(20))
def test_pieces_make_up_the_chats(grid: int, seed: int) -> None:
    chance = random.Random(seed)
    chats = CHATS if seed == 0 else []
    for _ in range(0 if seed == 0 else chance.randint(1, 12)):
        start = chance.choice(chats)[: chance.randint(0, 150)] if chats and chance.random() < 0.7 else []
        chats = [*chats, start + chance.choices(range(3), k=chance.randint(1, 60))]
    pieces = pieces_of(chats, grid)
    leaves = {}
    for at, piece in enumerate(pieces):
        assert piece.before is None or piece.before < at
        assert whole(pieces, chats, at) == chats[piece.chat][: piece.end]
        if piece.end == len(chats[piece.chat]):
            assert piece.chat not in leaves and piece.end > piece.start
            leaves[piece.chat] = at
        else:
            assert (piece.end - piece.start) % grid == 0 and piece.end - piece.start >= LEAST
            assert sum(one.before == at for one in pieces) >= 2
    assert sorted(leaves) == list(range(len(chats)))


def test_what_is_alike_is_there_once() -> None:
    pieces = pieces_of(CHATS)
    assert sum(one.end - one.start for one in pieces) < sum(map(len, CHATS)) - 4 * len(INSTRUCTIONS)
    deepest = [one for one in pieces if one.before is not None and pieces[one.before].before is not None]
    assert {one.chat for one in deepest} >= {0, 2}
    assert common([CHATS[0], CHATS[2]]) == len(INSTRUCTIONS) + len(QUESTION) and common([CHATS[3], CHATS[4]]) == 0


def tree(lengths: Sequence[int], before: Sequence[int | None], place: int) -> list[int]:
    """Return the rows of all that a piece sees."""
    first = sum(lengths[:place])
    own, earlier = list(range(first, first + lengths[place])), before[place]
    return own if earlier is None else tree(lengths, before, earlier) + own


@pytest.mark.parametrize("last", [3, BLOCK + 9, MOST])
def test_attention_sees_what_a_piece_goes_on_from(last: int) -> None:
    lengths, before = [40, BLOCK + 5, 7, last, 20], [None, 0, 1, 0, None]
    q, k, v = (normal(sum(lengths), heads, 8, seed=at) for at, heads in enumerate((6, 2, 2)))
    found = causal(q, k, v, lengths, 0.3, before)
    wanted = []
    for place, length in enumerate(lengths):
        rows = tree(lengths, before, place)
        one, keys, values = (part[rows].transpose(0, 1) for part in (q, k, v))
        keys, values = (part.repeat_interleave(3, 0) for part in (keys, values))
        all_rows = scaled_dot_product_attention(one, keys, values, is_causal=True, scale=0.3)
        wanted.append(all_rows.transpose(0, 1)[-length:])
    alone = torch.cat(wanted)
    torch.testing.assert_close(found, alone, rtol=1e-9, atol=1e-9)
    for one, other in zip(slopes_of(found, [q, k, v]), slopes_of(alone, [q, k, v]), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-8, atol=1e-8)


def batch_of(packed: bool) -> MicroBatch:
    """Return the chats, of which tokens are learned that several have as well."""
    samples = []
    for number, one in enumerate(CHATS):
        learned = torch.arange(len(one)) % 3 == 1
        learned[-1] = True
        samples.append(Sample(torch.tensor(one, dtype=torch.int32), learned, 1.0 + number % 3, int(learned[1:].sum())))
    rows = [samples[:3], samples[3:6], samples[6:]] if packed else [[sample] for sample in samples]
    return collate(rows, CPU, packed)


def apart(gpt: GPT, recompute: bool = False, mixed: bool = False) -> TokenLoss:
    loss = TokenLoss(gpt, recompute, mixed)
    loss.prefixes = False
    return loss


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
def test_losses_and_gradients_are_those_of_chats_apart(family: str, packed: bool) -> None:
    gpt, batch = learning(family), batch_of(packed)
    found, wanted = said(TokenLoss(gpt), batch), said(apart(gpt), batch)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    slope, exact = slopes(gpt, found), slopes(gpt, wanted)
    torch.testing.assert_close(slope, exact, rtol=1e-4, atol=1e-5 * float(exact.abs().max()))


@pytest.mark.parametrize(("recompute", "asked"), [(True, {}), (False, {"against_base": True})])
def test_so_are_those_that_are_computed_again_or_against_the_base(recompute: bool, asked: dict[str, bool]) -> None:
    gpt, batch = learning(), batch_of(packed=True)
    found, wanted = said(TokenLoss(gpt, recompute), batch, **asked), said(apart(gpt, recompute), batch, **asked)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    slope, exact = slopes(gpt, found), slopes(gpt, wanted)
    torch.testing.assert_close(slope, exact, rtol=1e-4, atol=1e-5 * float(exact.abs().max()))


def test_in_bfloat16_it_errs_as_chats_apart_do() -> None:
    gpt, batch = learning(), batch_of(packed=True)
    exact = slopes(gpt, said(apart(gpt), batch))
    together, by_itself = (
        slopes(gpt, said(loss, batch)) for loss in (TokenLoss(gpt, mixed=True), apart(gpt, mixed=True))
    )
    assert (together - exact).norm() < 1.3 * (by_itself - exact).norm()
    assert not torch.equal(together, by_itself)


def test_positions_that_are_shared_are_computed_once(attended: list[tuple[Any, ...]]) -> None:
    gpt, batch = learning(), batch_of(packed=True)
    said(TokenLoss(gpt), batch)
    said(apart(gpt), batch)
    pieces = pieces_of(CHATS)
    layers = gpt.config.n_layer
    seen = [len(q) for q, *_ in attended]
    assert seen == [sum(one.end - one.start for one in pieces)] * layers + [sum(map(len, CHATS))] * layers


def test_with_dropout_each_chat_has_its_own(attended: list[tuple[Any, ...]]) -> None:
    said(TokenLoss(learning(dropout=0.1)), batch_of(packed=True))
    assert {len(q) for q, *_ in attended} == {sum(map(len, CHATS))}


def test_threads_have_chats_that_are_alike_together() -> None:
    families = [{chat for chat, _ in family} for family in kin(CHATS)]
    assert {3} in families and {5} in families
    assert [{0, 2} <= one for one in families].count(True) == [{1, 7} <= one for one in families].count(True) == 1
    batch = batch_of(packed=True)
    laid = lay(batch.tokens.shape, batch.chats, batch.places)
    at = torch.arange(len(laid.positions))[laid.positions >= 0]
    parts = split(learning(), laid, laid.positions[at], 2, batch.tokens)
    found = [sorted(laid_chat(part, CHATS, batch)) for part in parts]
    assert sorted(chat for one in found for chat in one) == list(range(len(CHATS)))
    assert any({0, 2} <= set(one) for one in found) and any({1, 7} <= set(one) for one in found)


def laid_chat(part: lanes.Share, chats: Sequence[list[int]], batch: MicroBatch) -> list[int]:
    assert part.laid is not None
    return [chats.index(one) for one in part.laid.tokens_of(batch.tokens)]


def test_side_by_side_it_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    gpt, batch = learning(), batch_of(packed=True)
    wanted = said(apart(gpt), batch)
    exact = slopes(gpt, wanted)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    monkeypatch.setattr(lanes, "WORTH", 0)
    try:
        found = said(TokenLoss(gpt), batch)
        slope, again = slopes(gpt, found), slopes(gpt, said(TokenLoss(gpt), batch))
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(slope, exact, rtol=1e-4, atol=1e-5 * float(exact.abs().max()))
    assert torch.equal(slope, again)


def test_in_bfloat16_what_is_shared_is_whole_multiples(attended: list[tuple[Any, ...]]) -> None:
    said(TokenLoss(learning(), mixed=True), batch_of(packed=True))
    _, _, _, lengths, _, before = attended[0]
    assert before is not None and any(one is not None for one in before)
    assert all(lengths[one] % GRID == 0 for one in before if one is not None)
