"""What every kind of job works with: its events, its stop, its base, and the losses that it can measure."""

import resource
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import torch
from lightning.fabric import Fabric
from litgpt.lora import GPT

from .base import Base
from .data import Dataset, Sample, micro_batches
from .events import Events
from .files import read_json, write_json
from .job import Job
from .lifetime import Stop
from .model import RECOMPUTE_ABOVE, TokenLoss
from .prepared import Request, load_dataset


@dataclass(frozen=True)
class Context:
    """A job on its prepared base."""

    job: Job
    base: Base
    events: Events
    stop: Stop

    def load(self, path: Path, max_length: int) -> Dataset:
        """Return a dataset in the base's tokens, and tell what it holds."""
        request = Request(path, self.base.folder, _clock(self.job.work), max_length, self.job.cache)
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

    def fabric(self) -> Fabric:
        """Return Fabric on the job's one device; with a bfloat16 base, what is computed is bfloat16 too."""
        precision = "bf16-mixed" if self.job.dtype == torch.bfloat16 else "32-true"
        return Fabric(accelerator=self.job.device.type, devices=1, precision=precision)

    def loss_module(self, gpt: GPT) -> TokenLoss:
        """Return the model with its loss; a large one on a GPU recomputes activations rather than keeping them."""
        size = sum(parameter.numel() for parameter in gpt.parameters())
        return TokenLoss(gpt, recompute=self.job.device.type == "cuda" and size > RECOMPUTE_ABOVE)


@torch.no_grad()
def mean_loss(
    model: Callable[..., torch.Tensor],
    samples: Sequence[Sample],
    size: int,
    device: torch.device,
    stop: Callable[[], None],
) -> float:
    """Return the loss over all learned tokens of some samples, in nats per token, whatever the rows' weights."""
    total = torch.zeros((), dtype=torch.float64)
    for batch in micro_batches(samples, size, device):
        stop()
        total += model(batch.tokens, batch.labels, batch.weights)[1].double().cpu()
    return float(total) / sum(sample.targets for sample in samples)


def peak_memory(device: torch.device) -> int:
    """Return the most bytes held: of the GPU's memory, or of this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _clock(work: Path) -> datetime:
    """Return the day of the job's first start, at midnight, which templates may print: a resumed job sees the same
    text, and so does every job of one day."""
    path = work / "clock.json"
    if not path.is_file():
        write_json(path, {"started": datetime.now().isoformat()})
    started = datetime.fromisoformat(read_json(path)["started"])
    return started.replace(hour=0, minute=0, second=0, microsecond=0)
