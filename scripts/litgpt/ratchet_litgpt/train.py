"""Fine-tune a LoRA: its loss weighted by token, and the same result however often it was killed."""

import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from .architecture import State
from .attention import can_pack
from .checkpoint import find_checkpoint, save_checkpoint
from .context import Context, mean_loss, peak_memory
from .data import Dataset, micro_batches, step_rows
from .errors import JobError, Stopped
from .files import digest_json, sha256_file
from .model import build_model, load_lora, lora_state, save_adapter, trainable
from .packing import WORTH, saving
from .schedule import Schedule, make_schedule, steps_per_epoch

RECENT_STEPS = 10
STEPS_TO_LOOK_AT = 50


@dataclass
class Progress:
    """Where a run is and what it has seen; saved with each checkpoint."""

    step: int = 0
    seconds: float = 0.0
    tokens: int = 0
    target_tokens: int = 0
    recent: list[tuple[float, int]] = field(default_factory=list)
    best_loss: float | None = None
    best_step: int | None = None
    validated: int = 0

    def loss(self) -> float:
        """Return the loss of the last steps, in nats per target token."""
        return sum(total for total, _ in self.recent) / max(1, sum(count for _, count in self.recent))


@dataclass(frozen=True)
class StepFigures:
    """What one step saw: its loss in nats per target token, its gradient's norm before clipping, its tokens."""

    loss: float
    loss_sum: float
    grad_norm: float
    tokens: int
    targets: int


def job_digest(context: Context) -> str:
    """Name what is trained: everything that decides the adapter, and nothing else."""
    spec = context.job.spec
    data = {name: sha256_file(Path(path)) if path else None for name, path in spec["data"].items()}
    kept = {name: spec[name] for name in ("lora", "optim", "packing", "eval_every_steps", "restart")}
    return digest_json(
        {"base": context.base.digest, "seed": context.job.seed, "dtype": str(context.job.dtype), "data": data, **kept}
    )


def train(context: Context, digest: str) -> dict[str, Any]:
    """Run the job to its end, from its newest checkpoint if it has one, and return the result."""
    job, spec = context.job, context.job.spec
    optim = spec["optim"]
    length = min(optim["max_seq_length"], int(context.base.hf_config.get("max_position_embeddings", 4096)))
    dataset = context.load(Path(spec["data"]["train"]), length)
    val = context.load(Path(spec["data"]["val"]), length) if spec["data"]["val"] else None
    context.stop.check()
    run = Run(context, digest, dataset, val, length)
    run.resume()
    run.loop()
    state, loss = run.chosen()
    adapter = job.work / "adapter"
    adapter_digest = save_adapter(adapter, state, spec["lora"], context.base.digest)
    progress = run.progress
    return {
        "adapter": str(adapter),
        "adapter_digest": adapter_digest,
        "steps": progress.step,
        "loss": progress.loss(),
        "val_loss": loss,
        "best_step": progress.best_step,
        "tokens": progress.tokens,
        "target_tokens": progress.target_tokens,
        "seconds": round(progress.seconds, 3),
        "packed": run.packed,
        "peak_memory_bytes": peak_memory(job.device),
    }


class Run:
    """One training run: the model, its optimizer, and the loop over steps."""

    def __init__(self, context: Context, digest: str, dataset: Dataset, val: Dataset | None, length: int) -> None:
        job = context.job
        optim = job.spec["optim"]
        self.context = context
        self.digest = digest
        self.dataset = dataset
        self.val = val
        self.progress = Progress()
        self.best: State = {}
        self.schedule: Schedule = make_schedule(len(dataset.samples), optim)
        self.per_epoch = steps_per_epoch(len(dataset.samples), optim["batch_size"])
        self.gpt = build_model(context.base, job.spec["lora"], length, job.dtype, job.device, job.seed)
        torch.manual_seed(job.seed)
        self.parameters = trainable(self.gpt)
        self.optimizer = torch.optim.AdamW(
            self.parameters,
            lr=optim["learning_rate"],
            betas=(optim["beta1"], optim["beta2"]),
            weight_decay=optim["weight_decay"],
        )
        self.packed = self._decide_packing()
        self.fabric = context.fabric()
        self.model = self.fabric.setup_module(context.loss_module(self.gpt), move_to_device=False)
        self.rng = _rng_state(job.device)

    def _decide_packing(self) -> bool:
        """Return whether rows hold several chats, by the job or by what its first steps would save; and tell it."""
        job = self.context.job
        wish, optim = job.spec["packing"], job.spec["optim"]
        if wish != "off" and not can_pack(self.gpt):
            if wish == "on":
                raise JobError(
                    "InvalidInput", "This base has sliding windows, which cannot be packed: set packing to auto."
                )
            wish = "off"
        looked_at = min(self.per_epoch, STEPS_TO_LOOK_AT)
        steps = [step_rows(self.dataset, job.seed, step, optim["batch_size"]) for step in range(looked_at)]
        saved = saving([[len(sample) for sample in rows] for rows in steps], optim["micro_batch_size"])
        packed = wish == "on" or (wish == "auto" and saved >= WORTH)
        self.context.events.emit("packing", packed=packed, saving=round(saved, 4))
        return packed

    def resume(self) -> None:
        """Go on from the newest whole checkpoint of this job, if there is one."""
        spec, events = self.context.job.spec, self.context.events
        found = find_checkpoint(self.folder, self.digest, spec["restart"], events.warn)
        if found is None:
            return
        state = found.state
        load_lora(self.gpt, state["lora"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.best = state["best"]
        self.progress = Progress(**state["progress"])
        self.rng = state["rng"]
        events.emit("resumed", step=self.progress.step)

    def loop(self) -> None:
        """Make the steps that are left, with a validation and a checkpoint at their times."""
        self.model.train()
        _set_rng_state(self.rng, self.context.job.device)
        every = self.context.job.spec["checkpoint"]["every_steps"]
        saved = self.progress.step
        try:
            while True:
                self._validate_if_due()
                if self.progress.step == self.schedule.steps:
                    return
                if self.progress.step % every == 0 and self.progress.step != saved:
                    self._save()
                self._step()
        except Stopped:
            self._save()
            raise

    def chosen(self) -> tuple[State, float | None]:
        """Return the adapter to keep, the best on held-out chats if there are any, and its loss on them."""
        if self.best:
            return self.best, self.progress.best_loss
        return lora_state(self.gpt), None

    @property
    def folder(self) -> Path:
        return self.context.job.work / "checkpoints"

    def _step(self) -> None:
        """Make one step and tell about it; the counts change only once the step is whole."""
        started = time.monotonic()
        progress, step = self.progress, self.progress.step
        rate = self.schedule.rate(step)
        figures = self._update(rate)
        self.rng = _rng_state(self.context.job.device)
        took = time.monotonic() - started
        progress.step = step + 1
        progress.seconds += took
        progress.tokens += figures.tokens
        progress.target_tokens += figures.targets
        progress.recent = [*progress.recent, (figures.loss_sum, figures.targets)][-RECENT_STEPS:]
        self.context.events.emit(
            "step",
            step=progress.step,
            steps=self.schedule.steps,
            epoch=round(progress.step / self.per_epoch, 4),
            loss=figures.loss,
            learning_rate=rate,
            grad_norm=figures.grad_norm,
            tokens=figures.tokens,
            target_tokens=figures.targets,
            tokens_per_second=round(figures.tokens / max(took, 1e-9), 1),
            eta_seconds=round((self.schedule.steps - progress.step) * progress.seconds / progress.step, 1),
        )

    def _update(self, rate: float) -> StepFigures:
        """Sum the gradients of the step's rows as of one batch, clip them, and update the LoRA."""
        job = self.context.job
        optim = job.spec["optim"]
        rows = step_rows(self.dataset, job.seed, self.progress.step, optim["batch_size"])
        scale = sum(row.weight * row.targets for row in rows)
        self.optimizer.zero_grad(set_to_none=True)
        sums = torch.zeros(2, dtype=torch.float64)
        for batch in micro_batches(rows, optim["micro_batch_size"], job.device, self.packed):
            losses = self.model(batch.tokens, batch.labels, batch.weights, batch.chats, batch.places)
            self.fabric.backward(losses[0] / scale)
            sums += losses.detach().double().cpu()
            self.context.stop.check(self.progress.step)
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, optim["grad_clip"] or float("inf"))
        if not (torch.isfinite(sums).all() and torch.isfinite(norm)):
            raise JobError(
                "Diverged", f"The loss is no longer finite at step {self.progress.step + 1}: lower learning_rate."
            )
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        targets = sum(row.targets for row in rows)
        return StepFigures(
            loss=float(sums[1]) / targets,
            loss_sum=float(sums[1]),
            grad_norm=float(norm),
            tokens=sum(len(row.ids) for row in rows),
            targets=targets,
        )

    def _validate_if_due(self) -> None:
        """Validate at every `eval_every_steps`, or epoch, and at the end; a run stopped meanwhile does it again."""
        progress = self.progress
        every = self.context.job.spec["eval_every_steps"] or self.per_epoch
        due = progress.step % every == 0 or progress.step == self.schedule.steps
        if self.val is not None and due and progress.validated < progress.step:
            self._validate(self.val)
            progress.validated = progress.step

    def _validate(self, val: Dataset) -> None:
        """Measure the held-out loss and keep the adapter if it is the best so far."""
        progress, job, stop = self.progress, self.context.job, self.context.stop
        self.model.eval()
        size = job.spec["optim"]["micro_batch_size"]
        loss = mean_loss(self.model, val.samples, size, job.device, lambda: stop.check(progress.step))
        self.model.train()
        if progress.best_loss is None or loss < progress.best_loss:
            progress.best_loss, progress.best_step = loss, progress.step
            self.best = lora_state(self.gpt)
        self.context.events.emit("validation", step=progress.step, loss=loss, target_tokens=val.counts.targets)

    def _save(self) -> None:
        """Write a checkpoint of the last whole step."""
        state = {
            "lora": lora_state(self.gpt),
            "optimizer": self.optimizer.state_dict(),
            "best": self.best,
            "progress": asdict(self.progress),
            "rng": self.rng,
        }
        keep = self.context.job.spec["checkpoint"]["keep"]
        path = save_checkpoint(self.folder, self.progress.step, self.digest, state, keep)
        self.context.events.emit("checkpoint", step=self.progress.step, path=str(path))


def _rng_state(device: torch.device) -> list[torch.Tensor]:
    """Return the generators that dropout draws from."""
    states = [torch.get_rng_state()]
    return [*states, torch.cuda.get_rng_state(device)] if device.type == "cuda" else states


def _set_rng_state(states: list[torch.Tensor], device: torch.device) -> None:
    torch.set_rng_state(states[0])
    if device.type == "cuda" and len(states) > 1:
        torch.cuda.set_rng_state(states[1], device)
