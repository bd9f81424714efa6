"""What every kind of job works with: its events, its stop, its base, and its data."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import torch
from litgpt.lora import GPT

from .base import Base
from .data import Dataset
from .events import Events
from .files import read_json, write_json
from .job import Job
from .lifetime import Stop
from .model import TokenLoss
from .prepared import Request, load_dataset


@dataclass(frozen=True)
class Context:
    """A job on its prepared base."""

    job: Job
    base: Base
    events: Events
    stop: Stop

    def load(self, path: Path, max_length: int, form: str = "chats") -> Dataset:
        """Return a dataset of `chats`, `pairs` or `judged` in the base's tokens, and tell what it holds."""
        request = Request(path, self.base.folder, _clock(self.job.work), max_length, self.job.cache, form)
        dataset = load_dataset(request, self.stop.check, self.events.warn)
        counts = dataset.counts
        self.events.emit(
            "data",
            rows=counts.rows,
            tokens=counts.tokens,
            target_tokens=counts.targets,
            truncated=counts.truncated,
            skipped=counts.skipped,
            encoded=dataset.encoded,
        )
        return dataset

    def longest(self, wanted: int) -> int:
        """Return the tokens after which a chat is cut, where `wanted` are and the base takes no more."""
        return min(wanted, int(self.base.hf_config.get("max_position_embeddings", 4096)))

    def loss_module(self, gpt: GPT) -> TokenLoss:
        """Return the model with its loss; with a bfloat16 base, what is computed is bfloat16 too."""
        return TokenLoss(gpt, mixed=self.job.dtype == torch.bfloat16)


def _clock(work: Path) -> datetime:
    """Return the day of the job's first start, at midnight, which templates may print: a resumed job sees the same
    text, and so does every job of one day."""
    path = work / "clock.json"
    if not path.is_file():
        write_json(path, {"started": datetime.now().isoformat()})
    started = datetime.fromisoformat(read_json(path)["started"])
    return started.replace(hour=0, minute=0, second=0, microsecond=0)
