"""The held-out loss of the base and of the candidate, in one process and over the same tokens."""

from pathlib import Path
from typing import Any

import torch

from .attention import can_pack
from .context import Context
from .end_to_end import packing_pays
from .fitting import Fit, Fitting
from .model import build_model, load_learned, read_adapter, without_lora
from .objectives.objective import Pass, total
from .objectives.sft import Sft
from .packing import saving


def validate(context: Context) -> dict[str, Any]:
    """Return both losses in nats per target token; the candidate's is None when there is no adapter."""
    job, spec = context.job, context.job.spec
    length = context.longest(spec["max_seq_length"])
    dataset = context.load(Path(spec["data"]), length)
    about, state = read_adapter(Path(spec["adapter"]), context.base) if spec["adapter"] else (None, {})
    tuning = about.get("tuning", "lora") if about else "lora"
    gpt = build_model(context.base, about, length, job.dtype, job.device, job.seed, tuning)
    model = context.loss_module(gpt).eval()

    objective = Sft(dataset.samples)
    lengths = objective.lengths(objective.rows)
    size = spec["micro_batch_size"]
    fitting = Fitting(Fit(8 if size == "auto" else size), max(lengths), job.device, context.events)
    packed = can_pack(gpt) and packing_pays(gpt, saving([lengths], fitting.fit.size))

    @torch.no_grad()
    def loss() -> float:
        how = Pass(model, fitting.fit.size, job.device, packed)
        return total(objective, objective.rows, how, lambda _: context.stop.check()).loss

    with without_lora(gpt):
        base_loss = fitting.run(loss)
    if about:
        load_learned(gpt, state)
    return {
        "base_loss": base_loss,
        "candidate_loss": fitting.run(loss) if about else None,
        "target_tokens": dataset.counts.targets,
        "rows": dataset.counts.rows,
    }
