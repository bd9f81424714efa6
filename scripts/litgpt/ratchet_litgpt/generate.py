"""Greedy answers of a model in memory, with a key-value cache, for the checks that need no server."""

from collections import defaultdict
from collections.abc import Sequence

import torch
from litgpt.model import GPT


@torch.inference_mode()
def greedy(model: GPT, prompts: Sequence[list[int]], end: int, limit: int) -> list[list[int]]:
    """Return what the model says after each prompt, without the end token.

    Args:
        model: on any device, in eval mode.
        prompts: token ids, one list per prompt; prompts of one length run as one batch.
        end: the id that ends an answer.
        limit: the most tokens to generate.
    """
    by_length: dict[int, list[int]] = defaultdict(list)
    for index, prompt in enumerate(prompts):
        by_length[len(prompt)].append(index)
    answers: list[list[int]] = [[] for _ in prompts]
    for length, indexes in sorted(by_length.items()):
        tokens = torch.tensor([prompts[index] for index in indexes], device=model.cos.device)
        for index, answer in zip(indexes, _run(model, tokens, length, end, limit), strict=True):
            answers[index] = answer
    return answers


def _run(model: GPT, tokens: torch.Tensor, length: int, end: int, limit: int) -> list[list[int]]:
    """Decode one batch of prompts (B, T) of one length."""
    device = tokens.device
    total = min(length + limit, model.max_seq_length)
    model.set_kv_cache(len(tokens), max_seq_length=total, device=device, dtype=model.transformer.wte.weight.dtype)
    spoken: list[torch.Tensor] = []
    done = torch.zeros(len(tokens), dtype=torch.bool, device=device)
    position = torch.arange(length, device=device)
    step = tokens
    for at in range(length, total):
        step = model(step, position)[:, -1].argmax(-1, keepdim=True)
        spoken.append(step)
        done |= step[:, 0] == end
        if done.all():
            break
        position = torch.tensor([at], device=device)
    model.clear_kv_cache()
    rows = torch.cat(spoken, dim=1).tolist() if spoken else [[] for _ in tokens]
    return [row[: row.index(end)] if end in row else row for row in rows]
