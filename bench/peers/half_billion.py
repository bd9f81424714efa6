"""Make a base of half a billion random parameters and an adapter on it: `half_billion.py TINY_BASE FOLDER CACHE`.

FOLDER gets `base`, of the shape of Qwen 2.5 0.5B and with the tokenizer of TINY_BASE, and `adapter`, LoRA of rank 16 on
all linear layers. CACHE is where bases are converted.
"""

import json
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "litgpt"))

import torch
from ratchet_litgpt.base import prepare_base
from ratchet_litgpt.model import build_model, learned_state, save_adapter
from safetensors.torch import save_file
from trainer_data import TOKENIZER, random_weights

# https://huggingface.co/Qwen/Qwen2.5-0.5B-Instruct/blob/main/config.json
SIZES = {
    "hidden_size": 896,
    "intermediate_size": 4864,
    "num_hidden_layers": 24,
    "num_attention_heads": 14,
    "num_key_value_heads": 2,
    "max_window_layers": 24,
    "vocab_size": 151_936,
}
LORA = {"rank": 16, "alpha": 32, "dropout": 0.0, "targets": ["q", "k", "v", "o", "gate", "up", "down"]}


def main() -> None:
    """Write both."""
    tiny, folder, cache = (Path(argument) for argument in sys.argv[1:4])
    home = folder / "base"
    home.mkdir(parents=True)
    hf = {**json.loads((tiny / "config.json").read_text()), **SIZES}
    for name in TOKENIZER:
        shutil.copyfile(tiny / name, home / name)
    (home / "config.json").write_text(json.dumps(hf))
    weights = {name: tensor.bfloat16() for name, tensor in random_weights(hf).items()}
    save_file(weights, home / "model.safetensors", metadata={"format": "pt"})
    base = prepare_base(home, cache)
    gpt = build_model(base, LORA, 512, torch.bfloat16, torch.device("cpu"), seed=1)
    state = {name: torch.randn_like(tensor) * 0.01 for name, tensor in learned_state(gpt).items()}
    save_adapter(folder / "adapter", state, LORA, base.digest)


if __name__ == "__main__":
    main()
