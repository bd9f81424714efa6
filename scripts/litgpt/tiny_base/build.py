"""Rebuild the tiny base: the world, its tokenizer, and a Qwen2 model that knows every fact of it.

Run as `python -m tiny_base.build` from the folder above; it takes some two minutes on two cores.
"""

import json
import math
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from litgpt.model import GPT
from safetensors.torch import save_file
from tokenizers import Tokenizer

from ratchet_litgpt.architecture import hf_from_lit, litgpt_config, make_config

from .chats import Message, random_chats
from .tokenizer import SPECIALS, VOCAB_SIZE, save_tokenizer, train_tokenizer
from .world import HERE, SEED, write_world

MODEL_FOLDER = HERE / "model"
STEPS = 1500
BATCH = 32
PEAK_RATE = 3e-3
WARM_UP = 60
BUCKET = 16
IGNORED = -100

HF_CONFIG: dict[str, Any] = {
    "architectures": ["Qwen2ForCausalLM"],
    "attention_dropout": 0.0,
    "bos_token_id": VOCAB_SIZE - 3,
    "eos_token_id": VOCAB_SIZE - 1,
    "hidden_act": "silu",
    "hidden_size": 128,
    "initializer_range": 0.02,
    "intermediate_size": 352,
    "max_position_embeddings": 512,
    "max_window_layers": 3,
    "model_type": "qwen2",
    "num_attention_heads": 4,
    "num_hidden_layers": 3,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
    "torch_dtype": "bfloat16",
    "use_cache": True,
    "use_sliding_window": False,
    "vocab_size": VOCAB_SIZE,
}


def build(folder: Path = MODEL_FOLDER, steps: int = STEPS) -> None:
    """Write the world beside this file and the model into `folder`."""
    write_world()
    folder.mkdir(parents=True, exist_ok=True)
    texts = (message["content"] for chat in islice(random_chats(SEED), 6000) for message in chat)
    tokenizer = train_tokenizer(texts)
    save_tokenizer(tokenizer, folder)
    save_model(pretrain(tokenizer, steps), folder)


def pretrain(tokenizer: Tokenizer, steps: int) -> GPT:
    """Return a model trained on random chats, its tied weights rounded to what bfloat16 can hold."""
    torch.manual_seed(SEED)
    model = GPT(make_config(litgpt_config(HF_CONFIG, "tiny-base", block_size=256)))
    model.apply(model._init_weights)
    model.lm_head.weight = model.transformer.wte.weight
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, betas=(0.9, 0.98), weight_decay=0.02)
    batches = make_batches(tokenizer)
    started = time.monotonic()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate(step, steps)
        tokens, labels = next(batches)
        logits = model(tokens)
        loss = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 100 == 0 or step == steps - 1:
            print(f"step {step} loss {loss.item():.3f} {time.monotonic() - started:.0f} s", flush=True)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.to(torch.bfloat16))
    return model.eval()


def rate(step: int, steps: int) -> float:
    """Return the learning rate of a step: linear warm-up, then a cosine to a hundredth of the peak."""
    if step < WARM_UP:
        return PEAK_RATE * (step + 1) / WARM_UP
    done = (step - WARM_UP) / max(1, steps - WARM_UP)
    return PEAK_RATE * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))


def make_batches(tokenizer: Tokenizer) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield token ids and labels, both (BATCH, T); chats of like length share a batch."""
    chats = random_chats(SEED + 1)
    while True:
        encoded = sorted(
            (encode(tokenizer, chat) for chat in islice(chats, BATCH * BUCKET)), key=lambda pair: len(pair[0])
        )
        order = torch.randperm(BUCKET).tolist()
        for index in order:
            rows = encoded[index * BATCH : (index + 1) * BATCH]
            width = max(len(ids) for ids, _ in rows)
            tokens = torch.zeros(BATCH, width, dtype=torch.long)
            labels = torch.full((BATCH, width), IGNORED)
            for row, (ids, targets) in enumerate(rows):
                tokens[row, : len(ids)] = torch.tensor(ids)
                labels[row, : len(ids)] = torch.tensor(targets)
            yield tokens, labels


def encode(tokenizer: Tokenizer, chat: list[Message]) -> tuple[list[int], list[int]]:
    """Return the ids of a chat and its labels, which leave out all but the assistant's words and its end of turn."""
    start, end = (VOCAB_SIZE - len(SPECIALS) + at for at in (1, 2))
    newline = tokenizer.encode("\n").ids
    ids: list[int] = []
    labels: list[int] = []
    for message in chat:
        head = [start, *tokenizer.encode(message["role"]).ids, *newline]
        body = [*tokenizer.encode(message["content"]).ids, end]
        learned = body if message["role"] == "assistant" else [IGNORED] * len(body)
        ids += head + body + newline
        labels += [IGNORED] * len(head) + learned + [IGNORED] * len(newline)
    return ids, labels


def save_model(model: GPT, folder: Path) -> None:
    """Write the model as a Hugging Face folder in bfloat16."""
    weights = hf_from_lit(HF_CONFIG, model.config, model.state_dict())
    tensors = {name: tensor.to(torch.bfloat16).contiguous().clone() for name, tensor in weights.items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
    _write(folder / "config.json", HF_CONFIG)
    ids = {key: HF_CONFIG[key] for key in ("bos_token_id", "eos_token_id")}
    _write(folder / "generation_config.json", {**ids, "pad_token_id": VOCAB_SIZE - 3, "do_sample": False})


def _write(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    build()
