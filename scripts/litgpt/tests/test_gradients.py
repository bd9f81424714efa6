"""The gradient of a step is that of its rows as one big batch, however they are split, packed or weighted."""

import dataclasses

import pytest
import torch

from ratchet_litgpt.data import Sample
from ratchet_litgpt.model import TokenLoss, trainable
from ratchet_litgpt.objectives.objective import Pass
from ratchet_litgpt.objectives.sft import Sft

from .test_packing import CPU, chats, tiny

WORST = 1e-5


def one_big_batch(samples: list[Sample]) -> list[torch.Tensor]:
    """Return the gradients by LitGPT's own forward over all rows padded, all logits at once, in float64."""
    gpt = tiny("Qwen2ForCausalLM").double()
    width = max(map(len, samples))
    tokens, labels = torch.zeros(len(samples), width, dtype=torch.long), torch.zeros(len(samples), width).long()
    factors = torch.zeros(len(samples), width, dtype=torch.float64)
    for row, sample in enumerate(samples):
        tokens[row, : len(sample)] = sample.ids
        labels[row, : len(sample) - 1] = sample.ids[1:]
        factors[row, : len(sample) - 1] = sample.learned[1:].double() * sample.weight
    losses = torch.nn.functional.cross_entropy(gpt(tokens).flatten(0, 1), labels.flatten(), reduction="none")
    ((losses * factors.flatten()).sum() / factors.sum()).backward()
    return [parameter.grad.clone() for parameter in trainable(gpt) if parameter.grad is not None]


def in_parts(samples: list[Sample], size: int, packed: bool, recompute: bool) -> list[torch.Tensor]:
    gpt = tiny("Qwen2ForCausalLM")
    objective, how = Sft(samples), Pass(TokenLoss(gpt, recompute), size, CPU, packed)
    divisor = objective.divisor(samples)
    for cost in objective.costs(samples, how):
        (cost.loss / divisor).backward()
    return [parameter.grad.clone() for parameter in trainable(gpt) if parameter.grad is not None]


@pytest.mark.parametrize("seed", range(12))
def test_any_split_gives_the_gradient_of_the_whole(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    count = int(torch.randint(1, 14, (), generator=generator))
    lengths = torch.randint(2, 60, (count,), generator=generator).tolist()
    weights = (torch.rand(count, generator=generator) * 5 + 0.01).tolist()
    samples = [
        dataclasses.replace(one, weight=weight) for one, weight in zip(chats(lengths, seed), weights, strict=True)
    ]
    whole = one_big_batch(samples)
    scale = max(float(one.abs().max()) for one in whole)
    for size in sorted({1, 2, 1 + seed, count}):
        for packed in (False, True):
            parts = in_parts(samples, size, packed, recompute=bool(size % 2))
            assert len(parts) == len(whole) > 0
            worst = max(float((one - other).abs().max()) for one, other in zip(parts, whole, strict=True))
            assert worst <= WORST * scale, (size, packed, worst / scale)
