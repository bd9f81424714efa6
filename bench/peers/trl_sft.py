"""TRL's SFTTrainer on samples that are tokens already: `trl_sft.py BASE SAMPLES OUT MICRO BATCH DTYPE`.

Prints what `litgpt_lora.py` prints. Everything else goes to standard error.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import ClassVar

replies = os.dup(1)
os.dup2(2, 1)

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback, TrainerState
from trl import SFTConfig, SFTTrainer
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

IGNORED = -100
LINEAR = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def say(**fields: object) -> None:
    os.write(replies, (json.dumps({"at": time.time(), **fields}) + "\n").encode())


class Counted(DataCollatorForLanguageModeling):
    """TRL's own collator, which counts what is learned of each micro-batch."""

    seen: ClassVar[list[int]] = []

    def torch_call(self, examples: list[dict]) -> dict:
        self.seen.append(sum(label != IGNORED for example in examples for label in example["labels"]))
        return super().torch_call(examples)


class Told(TrainerCallback):
    """Tells of each step."""

    def __init__(self, accumulated: int) -> None:
        self.accumulated = accumulated

    def on_step_end(self, args: object, state: TrainerState, control: object, **rest: object) -> None:
        first = (state.global_step - 1) * self.accumulated
        say(step=state.global_step, targets=sum(Counted.seen[first : first + self.accumulated]))


def main() -> None:
    """Train one epoch with LoRA on all linear layers, like lengths together, as ours does."""
    base, samples, out = (Path(argument) for argument in sys.argv[1:4])
    micro, batch = (int(argument) for argument in sys.argv[4:6])
    tokenizer = AutoTokenizer.from_pretrained(base)
    config = SFTConfig(
        output_dir=str(out),
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=max(1, batch // micro),
        num_train_epochs=1,
        learning_rate=2e-4,
        train_sampling_strategy="group_by_length",
        logging_strategy="no",
        save_strategy="no",
        report_to=[],
        use_cpu=not torch.cuda.is_available(),
        bf16=sys.argv[6] == "bfloat16",
        gradient_checkpointing=False,
        max_length=None,
        dataloader_pin_memory=False,
    )
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32),
        args=config,
        train_dataset=Dataset.from_list(json.loads(samples.read_text())),
        processing_class=tokenizer,
        peft_config=LoraConfig(r=16, lora_alpha=32, target_modules=LINEAR, task_type="CAUSAL_LM"),
        callbacks=[Told(config.gradient_accumulation_steps)],
        data_collator=Counted(pad_token_id=tokenizer.pad_token_id or tokenizer.eos_token_id or 0),
    )
    trainer.train()


if __name__ == "__main__":
    main()
