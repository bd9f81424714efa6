"""The held-out loss of the base and of the candidate, in one process and over the same tokens."""

from pathlib import Path
from typing import Any

from .context import Context, mean_loss
from .model import build_model, load_lora, read_adapter, without_lora


def validate(context: Context) -> dict[str, Any]:
    """Return both losses in nats per target token; the candidate's is None when there is no adapter."""
    job, spec = context.job, context.job.spec
    length = min(spec["max_seq_length"], int(context.base.hf_config.get("max_position_embeddings", 4096)))
    dataset = context.load(Path(spec["data"]), length)
    about, state = read_adapter(Path(spec["adapter"]), context.base) if spec["adapter"] else (None, {})
    gpt = build_model(context.base, about, length, job.dtype, job.device, job.seed)
    load_lora(gpt, state)
    model = context.fabric().setup_module(context.loss_module(gpt).eval(), move_to_device=False)

    def loss() -> float:
        return mean_loss(model, dataset.samples, spec["micro_batch_size"], job.device, context.stop.check)

    with without_lora(gpt):
        base_loss = loss()
    return {
        "base_loss": base_loss,
        "candidate_loss": loss() if about else None,
        "target_tokens": dataset.counts.targets,
        "rows": dataset.counts.rows,
    }
