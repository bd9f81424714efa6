"""Stock `litgpt finetune_lora` on samples that are tokens already: `litgpt_lora.py CHECKPOINT SAMPLES OUT MICRO BATCH DTYPE`.

Prints a line of JSON for each step: when it ended, and how many learned tokens it had. Everything else goes to standard
error.
"""

import json
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

replies = os.dup(1)
os.dup2(2, 1)

import torch
from litgpt.args import EvalArgs, TrainArgs
from litgpt.data import DataModule, get_sft_collate_fn
from litgpt.finetune.lora import setup
from litgpt.prompts import Default, PromptStyle
from torch.utils.data import DataLoader, Dataset

IGNORED = -100


class Samples(Dataset):
    """Tokens and labels, in the shape of LitGPT's own dataset."""

    def __init__(self, samples: list[dict]) -> None:
        self.data = [{"instruction": "", "output": ""} for _ in samples]
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, place: int) -> dict:
        sample = self.samples[place]
        size = len(sample["input_ids"])
        return {
            "input_ids": torch.tensor(sample["input_ids"]),
            "labels": torch.tensor(sample["labels"]),
            "token_counts": {"raw": size, "raw_plus_prompt_template": size},
        }


@dataclass
class Prepared(DataModule):
    """A data module of what is prepared, which loads batches as LitGPT's JSON module does."""

    path: Path
    accumulated: int
    prompt_style: PromptStyle = field(default_factory=Default)
    batch_size: int = 1

    def connect(self, tokenizer: object = None, batch_size: int = 1, max_seq_length: int | None = None) -> None:
        self.batch_size = batch_size

    def prepare_data(self) -> None:
        pass

    def train_dataloader(self) -> DataLoader:
        samples = json.loads(self.path.read_text())
        return self._loader(samples, Told(self.accumulated, -(-len(samples) // self.batch_size)))

    def val_dataloader(self) -> DataLoader:
        return self._loader(json.loads(self.path.read_text())[:2], get_sft_collate_fn())

    def _loader(self, samples: list[dict], collate: object) -> DataLoader:
        generator = torch.Generator().manual_seed(42)
        return DataLoader(Samples(samples), self.batch_size, shuffle=True, generator=generator, collate_fn=collate)


class Told:
    """Collates as LitGPT does, and tells of each step once the micro-batch after it is asked for."""

    def __init__(self, accumulated: int, batches: int) -> None:
        self.accumulated = accumulated
        self.batches = batches
        self.seen: list[int] = []
        self.collate = get_sft_collate_fn()

    def __call__(self, samples: list[dict]) -> dict:
        if self.seen and len(self.seen) % self.accumulated == 0:
            say(step=len(self.seen) // self.accumulated, targets=sum(self.seen[-self.accumulated :]))
        if len(self.seen) == self.batches:
            # The epoch is over; what follows it is not measured.
            os._exit(0)
        self.seen.append(sum(int((sample["labels"] != IGNORED).sum()) for sample in samples))
        return self.collate(samples)


def say(**fields: object) -> None:
    os.write(replies, (json.dumps({"at": time.time(), **fields}) + "\n").encode())


def main() -> None:
    """Train one epoch with LoRA on all linear layers, as ours does."""
    checkpoint, samples, out = (Path(argument) for argument in sys.argv[1:4])
    micro, batch = (int(argument) for argument in sys.argv[4:6])
    setup(
        checkpoint,
        out_dir=out,
        # The former is what it does by itself.
        precision="bf16-mixed" if sys.argv[6] == "bfloat16" else "32-true",
        devices=1,
        lora_r=16,
        lora_alpha=32,
        lora_dropout=0.0,
        lora_query=True,
        lora_key=True,
        lora_value=True,
        lora_projection=True,
        lora_mlp=True,
        data=Prepared(samples, batch // micro),
        train=TrainArgs(
            save_interval=100_000, log_interval=1, global_batch_size=batch, micro_batch_size=micro, lr_warmup_steps=1, epochs=1
        ),
        eval=EvalArgs(interval=100_000, max_new_tokens=1, max_iters=1, final_validation=False),
    )


if __name__ == "__main__":
    main()
