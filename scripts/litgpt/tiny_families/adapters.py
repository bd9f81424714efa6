"""A random adapter on a tiny family."""

from typing import Any

import numpy as np
import torch
from litgpt.lora import GPT, Config

from ratchet_litgpt.architecture import State, litgpt_config
from ratchet_litgpt.fused import lora_layers
from ratchet_litgpt.model import drop_targets, lora_fields

TARGETS = ["q", "k", "v", "o", "gate", "up", "down"]


def random_adapter(hf: dict[str, Any], targets: list[str]) -> tuple[dict[str, Any], State]:
    """Return what `adapter.json` says of an adapter, and its tensors. The same arguments give the same."""
    about = {"rank": 3, "alpha": 7.0, "dropout": 0.0, "targets": targets}
    with torch.device("meta"):
        gpt = GPT(Config(**litgpt_config(hf, "tiny"), **lora_fields(about)))
        drop_targets(gpt, about)
    random = np.random.RandomState(7)
    state = {}
    for name, layer in sorted(lora_layers(gpt)):
        for part in ("lora_A", "lora_B"):
            values = random.standard_normal(tuple(getattr(layer, part).shape)) * 0.1
            state[f"{name}.{part}"] = torch.from_numpy(values).float()
    return about, state
