"""Make what the trainers of the bench share: `trainer_data.py TINY_BASE ROWS FOLDER`.

FOLDER gets `base` (a random Qwen2 model in Hugging Face layout, with the tokenizer of TINY_BASE), `lit` (the same for
LitGPT), `answers.json` (a sample for each learned answer, as LitGPT takes them) and `chats.json` (a sample for each chat,
as TRL takes them). Both hold the same learned tokens.
"""

import json
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "litgpt"))

import torch
import yaml
from datetime import datetime
from safetensors.torch import save_file

from ratchet_litgpt.architecture import lit_from_hf, litgpt_config, make_config
from ratchet_litgpt.chat_template import load_chat_template
from ratchet_litgpt.encode import Encoder, read_rendered

# As many parameters outside the embeddings as two cores train in seconds; the vocabulary is what makes a head costly.
SIZES = {
    "hidden_size": 384,
    "intermediate_size": 1024,
    "num_hidden_layers": 8,
    "num_attention_heads": 6,
    "num_key_value_heads": 2,
    "max_position_embeddings": 2048,
    "max_window_layers": 8,
    "vocab_size": 16_384,
    "torch_dtype": "float32",
}
TOKENIZER = ("tokenizer.json", "tokenizer_config.json", "generation_config.json")
IGNORED = -100


def main() -> None:
    """Write everything into FOLDER."""
    tiny, rows, folder = (Path(argument) for argument in sys.argv[1:4])
    base, lit = folder / "base", folder / "lit"
    hf = {**json.loads((tiny / "config.json").read_text()), **SIZES}
    weights = random_weights(hf)
    for home in (base, lit):
        home.mkdir(parents=True)
        for name in TOKENIZER:
            shutil.copyfile(tiny / name, home / name)
        (home / "config.json").write_text(json.dumps(hf))
    save_file(weights, base / "model.safetensors", metadata={"format": "pt"})
    fields = litgpt_config(hf, "bench")
    state = lit_from_hf(hf, make_config(fields), weights)
    torch.save({name: tensor.clone() for name, tensor in state.items()}, lit / "lit_model.pth")
    (lit / "model_config.yaml").write_text(yaml.safe_dump(fields))
    write_samples(rows, base, folder)


def random_weights(hf: dict) -> dict[str, torch.Tensor]:
    """Return tensors under the names that transformers gives them."""
    torch.manual_seed(1)
    width, inner = hf["hidden_size"], hf["intermediate_size"]
    kv = width // hf["num_attention_heads"] * hf["num_key_value_heads"]
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": (hf["vocab_size"], width)}
    for layer in range(hf["num_hidden_layers"]):
        name = f"model.layers.{layer}"
        shapes |= {f"{name}.self_attn.{side}_proj.weight": (kv, width) for side in "kv"}
        shapes |= {f"{name}.self_attn.{side}_proj.bias": (kv,) for side in "kv"}
        shapes |= {f"{name}.self_attn.{side}_proj.weight": (width, width) for side in "qo"}
        shapes |= {f"{name}.self_attn.q_proj.bias": (width,)}
        shapes |= {f"{name}.mlp.{side}_proj.weight": (inner, width) for side in ("gate", "up")}
        shapes |= {f"{name}.mlp.down_proj.weight": (width, inner)}
        shapes |= {f"{name}.{norm}_layernorm.weight": (width,) for norm in ("input", "post_attention")}
    shapes["model.norm.weight"] = (width,)
    return {name: torch.ones(shape) if "norm" in name else torch.randn(shape) * 0.02 for name, shape in shapes.items()}


def write_samples(rows: Path, base: Path, folder: Path) -> None:
    """Write the rows as each peer takes them; the last row of a chat holds the whole chat."""
    template = load_chat_template(base, datetime(2026, 1, 1))
    encoder = Encoder(base, template)
    answers, chats = [], {}
    for row in read_rendered(rows, template):
        tokens = encoder.encode([row.text])[0]
        learned = encoder.learned(row, tokens)
        end = int(learned.nonzero()[-1]) + 1
        ids = tokens.ids[:end].tolist()
        labels = [token if said else IGNORED for token, said in zip(ids, learned[:end].tolist(), strict=True)]
        answers.append({"input_ids": ids, "labels": labels})
        chat = chats.setdefault(row.row.split("/")[0], {"input_ids": [], "labels": []})
        before = chat["labels"] + [IGNORED] * (len(ids) - len(chat["labels"]))
        chat["input_ids"] = ids
        chat["labels"] = [new if new != IGNORED else old for new, old in zip(labels, before, strict=True)]
    learned_in = [sum(label != IGNORED for sample in found for label in sample["labels"]) for found in (answers, [*chats.values()])]
    if learned_in[0] != learned_in[1]:
        raise SystemExit(f"The samples differ in what is learned: {learned_in}")
    (folder / "answers.json").write_text(json.dumps(answers))
    (folder / "chats.json").write_text(json.dumps([*chats.values()]))
    print(json.dumps({"answers": len(answers), "chats": len(chats), "targets": learned_in[0], "lengths": sorted(len(chat["input_ids"]) for chat in chats.values())}))


if __name__ == "__main__":
    main()
