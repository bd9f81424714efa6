"""What objectives cost: equal to TRL's own trainers, whatever the micro-batches, and nothing of the base is moved."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from litgpt.lora import GPT, Config, mark_only_lora_as_trainable
from safetensors.torch import load_file

from ratchet_litgpt import prefixes
from ratchet_litgpt.architecture import lit_from_hf, litgpt_config
from ratchet_litgpt.data import BAD, GOOD, LEARN, REPLAY, Sample
from ratchet_litgpt.model import TokenLoss, lora_fields, trainable, without_lora
from ratchet_litgpt.objectives.dpo import Dpo, Pair
from ratchet_litgpt.objectives.kto import Kto, cross
from ratchet_litgpt.objectives.objective import Figures, Objective, Pass, total
from ratchet_litgpt.objectives.sft import Sft

TRL = Path(__file__).resolve().parent / "fixtures" / "trl"
ABOUT: dict[str, Any] = json.loads((TRL / "expected.json").read_text(encoding="utf-8"))
CPU = torch.device("cpu")
LORA = {
    "rank": ABOUT["rank"],
    "alpha": ABOUT["alpha"],
    "dropout": 0.0,
    "targets": ["q", "k", "v", "o", "gate", "up", "down"],
}
LAYERS = {
    "attn.proj": "self_attn.o_proj",
    "mlp.fc_1": "mlp.gate_proj",
    "mlp.fc_2": "mlp.up_proj",
    "mlp.proj": "mlp.down_proj",
}


def tiny() -> GPT:
    """Return the model that TRL's figures are of, with its adapter."""
    config = Config(**litgpt_config(ABOUT["config"], "tiny"), **lora_fields(LORA))
    gpt = GPT(config)
    state = lit_from_hf(ABOUT["config"], config, load_file(TRL / "base.safetensors"))
    gpt.load_state_dict({**state, **as_litgpt(load_file(TRL / "adapter.safetensors"))}, strict=True)
    mark_only_lora_as_trainable(gpt)
    return gpt


def as_litgpt(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return PEFT's tensors by LitGPT's names, which has the three parts of attention in one."""
    found = {}
    for block in range(ABOUT["config"]["num_hidden_layers"]):
        here, there = f"transformer.h.{block}", f"model.layers.{block}"
        for side in "AB":
            for lit, peft in LAYERS.items():
                found[f"{here}.{lit}.lora_{side}"] = tensors[f"{there}.{peft}.lora_{side}.weight"]
            parts = [tensors[f"{there}.self_attn.{part}_proj.lora_{side}.weight"] for part in "qkv"]
            found[f"{here}.attn.qkv.lora_{side}"] = torch.cat(parts)
    return found


def sample(prompt: list[int], answer: list[int], role: int = LEARN, weight: float = 1.0) -> Sample:
    learned = torch.tensor([False] * len(prompt) + [True] * len(answer))
    return Sample(torch.tensor(prompt + answer, dtype=torch.int32), learned, weight, len(answer), role=role)


def pairs() -> list[Pair]:
    return [
        Pair(sample(row["prompt_ids"], row["chosen_ids"]), sample(row["prompt_ids"], row["rejected_ids"]))
        for row in ABOUT["pairs"]
    ]


def judged(name: str) -> list[Sample]:
    return [
        sample(row["prompt_ids"], row["completion_ids"], GOOD if row["label"] else BAD) for row in ABOUT["judged"][name]
    ]


def dpo(sft_weight: float, rows: Sequence[Pair | Sample]) -> Dpo:
    return Dpo(rows, [], ABOUT["beta"], sft_weight)


def kto(rows: Sequence[Sample], sft_weight: float = 0) -> Kto:
    weights = {GOOD: ABOUT["desirable_weight"], BAD: ABOUT["undesirable_weight"]}
    return Kto(rows, [], ABOUT["beta"], weights, 64, sft_weight)


def learn(
    gpt: GPT, objective: Objective[Any], size: int, lays: bool = False
) -> tuple[Figures, dict[str, torch.Tensor]]:
    """Return the figures of all rows as one step, and the gradient of each parameter."""
    gpt.zero_grad()
    divisor = objective.divisor(objective.rows)
    how = Pass(TokenLoss(gpt), size, CPU, lays=lays)
    figures = total(objective, objective.rows, how, lambda cost: (cost.loss / divisor).backward())
    found = {name: p.grad.clone() for name, p in gpt.named_parameters() if p.requires_grad and p.grad is not None}
    assert len(found) == len(trainable(gpt))
    return figures, found


OBJECTIVES: dict[str, Any] = {
    "dpo": lambda: dpo(0, pairs()),
    "dpo_sft": lambda: dpo(ABOUT["sft_weight"], pairs()),
    "kto_near": lambda: kto(judged("kto_near")),
    "kto_far": lambda: kto(judged("kto_far")),
}
METRICS = {"chosen_reward": "rewards/chosen", "rejected_reward": "rewards/rejected", "accuracy": "rewards/accuracies"}


@pytest.mark.parametrize("way", ["padded", "end to end", "what is alike once"])
@pytest.mark.parametrize("size", [1, 2, 3, 8])
@pytest.mark.parametrize("name", OBJECTIVES)
def test_losses_rewards_and_gradients_are_those_of_trl(
    name: str, size: int, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefixes, "LEAST", 2 if way == "what is alike once" else 2**20)
    figures, gradients = learn(tiny(), OBJECTIVES[name](), size, lays=way != "padded")
    expected = ABOUT["found"][name]
    assert figures.loss == pytest.approx(expected["loss"], rel=1e-5)
    for ours, theirs in METRICS.items():
        if ours in figures.more:
            assert figures.more[ours] == pytest.approx(expected[theirs], abs=1e-5), ours
    if "kl" in expected:
        assert figures.more["divergence"] == pytest.approx(expected["kl"], abs=1e-5)
    wanted = load_file(TRL / "gradients.safetensors")
    known = as_litgpt({key.removeprefix(f"{name}/"): value for key, value in wanted.items()} | own(wanted, name))
    assert max(float(value.abs().max()) for value in known.values()) > 0.01
    for key, value in known.items():
        torch.testing.assert_close(gradients[key], value, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [1, 3])
def test_good_answers_are_said_again_beside_kto(size: int) -> None:
    rows = judged("kto_far")
    plain, _ = learn(tiny(), kto(rows), size)
    both, gradients = learn(tiny(), kto(rows, 0.5), size)
    assert both.loss == pytest.approx(plain.loss + 0.5 * plain.more["token_loss"], rel=1e-5)
    said, alone = learn(tiny(), Sft([row for row in rows if row.role == GOOD]), size)
    assert plain.more["token_loss"] == pytest.approx(said.loss, rel=1e-5)
    _, judging = learn(tiny(), kto(rows), size)
    for name, value in gradients.items():
        torch.testing.assert_close(value, judging[name] + 0.5 * alone[name], rtol=1e-4, atol=1e-5)


def test_what_fills_rows_is_not_computed_nor_is_a_prompt_twice(
    attended: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    sums = []
    for lays, least in ((False, 2**20), (True, 2**20), (True, 2)):
        monkeypatch.setattr(prefixes, "LEAST", least)
        attended.clear()
        learn(tiny(), dpo(0, pairs()), 8, lays)
        sums.append(sum(len(q) for q, *_ in attended))
    padded, laid, shared = sums
    assert padded > laid > shared


def own(tensors: dict[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    return {key.split("/")[1]: value for key, value in tensors.items() if key.split("/")[0] == name}


def test_one_batch_went_away_from_the_base_and_one_did_not() -> None:
    found = ABOUT["found"]
    assert found["kto_near"]["kl"] == 0 and found["kto_far"]["kl"] > 0.3


def test_chats_beside_pairs_add_their_tokens_to_the_share_of_plain_learning() -> None:
    gpt, chats = tiny(), [sample([1, 2, 3], [4, 5, 6, 7], weight=2.0), sample([9, 8], [7])]
    rows = pairs()
    alone, _ = learn(gpt, dpo(0, rows), 4)
    figures, gradients = learn(gpt, dpo(0.5, [*rows, *chats]), 4)
    _, preferred = learn(gpt, dpo(0, rows), 4)
    plain = [pair.chosen for pair in rows] + chats
    how = Pass(TokenLoss(gpt), 4, CPU)
    sft = Sft(plain)
    _, spoken = learn(gpt, sft, 4)
    assert figures.more["preference_loss"] == pytest.approx(alone.loss, rel=1e-5)
    assert figures.more["token_loss"] == pytest.approx(total(sft, plain, how, lambda _: None).loss, rel=1e-5)
    for name, value in gradients.items():
        expected = preferred[name] * len(rows) / (len(rows) + len(chats)) + 0.5 * spoken[name]
        torch.testing.assert_close(value, expected, rtol=1e-4, atol=1e-6)


def replayed() -> list[Sample]:
    return [sample([1, 2, 3], [4, 5, 6, 7], REPLAY, 2.0), sample([9, 8], [7], REPLAY)]


def by_hand(gpt: GPT, rows: Sequence[Sample], replay_kl: float) -> torch.Tensor:
    """Return the loss of replayed rows with the divergence written out, one row at a time."""
    cost = torch.zeros(())
    for row in rows:
        ids, at = row.ids[None].long(), row.learned.nonzero().flatten() - 1
        now = gpt(ids)[0, at].log_softmax(-1)
        with without_lora(gpt), torch.no_grad():
            base = gpt(ids)[0, at].log_softmax(-1)
        spoken = -now[torch.arange(len(at)), ids[0, at + 1]]
        gone = torch.nn.functional.kl_div(now, base, reduction="none", log_target=True).sum(-1)
        cost = cost + row.weight * (spoken + replay_kl * gone).sum()
    return cost / sum(row.weight * row.targets for row in rows)


@pytest.mark.parametrize("size", [1, 2])
def test_what_the_base_said_costs_the_divergence_from_it(size: int) -> None:
    gpt, rows = tiny(), replayed()
    _, found = learn(gpt, Sft(rows, replay_kl=0.5), size)
    gpt.zero_grad()
    by_hand(gpt, rows, 0.5).backward()
    expected = {name: p.grad for name, p in gpt.named_parameters() if p.grad is not None}
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-5, atol=1e-6)
    _, plain = learn(gpt, Sft(rows), size)
    assert any(not torch.allclose(plain[name], found[name], rtol=1e-2) for name in found)


def test_a_model_that_is_still_its_base_has_not_gone_from_it() -> None:
    gpt = tiny()
    for name, parameter in gpt.named_parameters():
        if name.endswith("lora_B"):
            parameter.data.zero_()
    figures, found = learn(gpt, Sft(replayed(), replay_kl=1.0), 4)
    assert figures.more["replay_divergence"] == pytest.approx(0, abs=1e-6)
    assert learn(gpt, Sft(replayed()), 4)[0].more == {}
    _, plain = learn(gpt, Sft(replayed()), 4)
    for name, value in plain.items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-6)


def test_replayed_rows_beside_pairs_keep_their_divergence() -> None:
    gpt = tiny()
    settings = (ABOUT["beta"], 0.5)
    with_it, _ = learn(gpt, Dpo([*pairs(), *replayed()], [], *settings, 1.0), 4)
    without, _ = learn(gpt, Dpo([*pairs(), *replayed()], [], *settings), 4)
    assert with_it.more["token_loss"] == pytest.approx(without.more["token_loss"], rel=1e-6)
    assert with_it.loss > without.loss + 0.01


def test_held_out_chats_stand_in_where_there_are_no_pairs() -> None:
    chats = [sample([1, 2, 3], [4, 5, 6, 7]), sample([9, 8], [7])]
    figures, _ = learn(tiny(), dpo(0.5, chats), 4)
    assert figures.loss == pytest.approx(figures.more["token_loss"])


def test_a_prompt_takes_the_answer_of_its_neighbour() -> None:
    crossed = cross(sample([1, 2, 3], [4, 5]), sample([6], [7, 8, 9]), 5)
    assert crossed.ids.tolist() == [1, 2, 3, 7, 8] and crossed.learned.tolist() == [0, 0, 0, 1, 1]
    assert crossed.targets == 2


def test_a_judged_answer_alone_has_no_neighbour_to_measure_by() -> None:
    figures, _ = learn(tiny(), kto(judged("kto_far")[:1]), 4)
    assert figures.more["divergence"] == 0 and "rejected_reward" not in figures.more
