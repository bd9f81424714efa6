"""Fine-tune a LoRA: its loss weighted by token, and the same result however often it was killed."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from .architecture import State
from .attention import can_pack
from .checkpoint import find_checkpoint, save_checkpoint
from .context import Context
from .data import REPLAY, step_rows
from .early_stop import Patience
from .end_to_end import most_bytes, packing_pays, runs_end_to_end
from .errors import JobError, Stopped
from .files import digest_json, sha256_file
from .fitting import Fit, Fitting, heaviest, most_at_once
from .four_bits import refuse_four_bits
from .machine import keep_memory, peak_memory
from .model import build_model, learned_state, load_learned, save_adapter, trainable
from .objectives.answers import Remembered
from .objectives.load import load_objective
from .objectives.objective import Cost, Objective, Pass, total, totals
from .optimizer import AdamW
from .packing import saving
from .schedule import Schedule, make_schedule, steps_per_epoch
from .step_log import Made, StepLog, Told, speed

RECENT_STEPS = 10
STEPS_TO_LOOK_AT = 50


@dataclass
class Progress:
    """Where a run is and what it has seen; saved with each checkpoint."""

    step: int = 0
    seconds: float = 0.0
    tokens: int = 0
    target_tokens: int = 0
    recent: list[tuple[float, float]] = field(default_factory=list)
    best_loss: float | None = None
    best_step: int | None = None
    validated: int = 0
    patience: Patience = field(default_factory=Patience)
    fit: Fit | None = None
    threads: int = 0

    @staticmethod
    def of(saved: dict[str, Any]) -> "Progress":
        """Return what a checkpoint holds of it."""
        progress = Progress(**saved)
        progress.patience = Patience(**saved["patience"])
        progress.fit = Fit(**saved["fit"])
        return progress

    def loss(self) -> float:
        """Return the loss of the last steps: for sft in nats per target token."""
        return sum(total for total, _ in self.recent) / max(1, sum(count for _, count in self.recent))


def job_identity(context: Context) -> dict[str, Any]:
    """Return all that decides the adapter, and nothing else: settings, and digests of the base and of all data."""
    spec = context.job.spec
    data = {name: sha256_file(Path(path)) if path else None for name, path in spec["data"].items()}
    names = ("method", "tuning", "lora", "optim", "packing", "eval_every_steps", "early_stop", "restart")
    kept = {name: spec[name] for name in names}
    return {
        "base": context.base.digest,
        "seed": context.job.seed,
        "dtype": str(context.job.dtype),
        "data": data,
        **kept,
    }


def train(context: Context, identity: Mapping[str, Any]) -> dict[str, Any]:
    """Run the job to its end, from its newest checkpoint if it has one, and return the result."""
    job, spec = context.job, context.job.spec
    run = open_run(context, identity)
    run.remember_base(run.schedule.steps)
    run.resume()
    run.loop()
    state, loss = run.chosen()
    adapter = job.work / "adapter"
    adapter_digest = save_adapter(adapter, state, about_adapter(spec), context.base.digest)
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
        "stopped_early": run.over,
        "micro_batch_size": run.fitting.fit.size,
        "peak_memory_bytes": peak_memory(job.device),
    }


def open_run(context: Context, identity: Mapping[str, Any]) -> "Run":
    """Return the run that a job describes, with its rows loaded; `identity` is of its checkpoints."""
    spec = context.job.spec
    if spec["tuning"] == "qlora":
        refuse_four_bits(context.job.device)
    length = context.longest(spec["optim"]["max_seq_length"])
    objective = load_objective(context, length)
    if not objective.rows:
        raise JobError("NotEnoughData", f"There is nothing to learn by {spec['method']['kind']}: name its data.")
    context.stop.check()
    return Run(context, identity, objective, length)


def about_adapter(spec: dict[str, Any]) -> dict[str, Any]:
    """Return what an adapter's file says of it."""
    return {"tuning": "full"} if spec["tuning"] == "full" else dict(spec["lora"])


class Run:
    """One training run: the model, its optimizer, and the loop over steps."""

    def __init__(self, context: Context, identity: Mapping[str, Any], objective: Objective[Any], length: int) -> None:
        job = context.job
        optim = job.spec["optim"]
        self.context = context
        self.identity = identity
        self.digest = digest_json(identity)
        self.objective = objective
        self.progress = Progress()
        self.best: State = {}
        self.schedule: Schedule = make_schedule(len(objective.rows), optim)
        self.per_epoch = steps_per_epoch(len(objective.rows), optim["batch_size"])
        self.gpt = build_model(
            context.base, job.spec["lora"], length, job.dtype, job.device, job.seed, job.spec["tuning"]
        )
        torch.manual_seed(job.seed)
        self.parameters = trainable(self.gpt)
        self.optimizer = AdamW(
            self.parameters,
            lr=optim["learning_rate"],
            betas=(optim["beta1"], optim["beta2"]),
            weight_decay=optim["weight_decay"],
        )
        self.packed = self._decide_packing()
        self.model = context.loss_module(self.gpt)
        self.rng = _rng_state(job.device)
        self.log = StepLog(objective, job.device)
        self.over = False
        self.heaviest, longest = heaviest(objective.rows, lambda row: objective.lengths([row]))
        self.fitting = Fitting(Fit(1), longest, job.device, context.events)

    def _decide_packing(self) -> bool:
        """Return whether rows hold several chats, by the job or by what its first steps would save; and tell it."""
        job = self.context.job
        wish, optim = job.spec["packing"], job.spec["optim"]
        if not self.objective.packs:
            wish = "off"
        if wish != "off" and not can_pack(self.gpt):
            if wish == "on":
                raise JobError(
                    "InvalidInput", "This base has sliding windows, which cannot be packed: set packing to auto."
                )
            wish = "off"
        looked_at = min(self.per_epoch, STEPS_TO_LOOK_AT)
        lengths = [self.objective.lengths(self.rows_of(step)) for step in range(looked_at)]
        size = optim["micro_batch_size"]
        # What fits is not known yet, and must not decide: a run that goes on elsewhere packs the same.
        if size == "auto":
            longest = max(max(of_step) for of_step in lengths)
            size = most_at_once(job.device, optim["batch_size"], longest)
        saved = saving(lengths, size)
        packed = wish == "on" or (wish == "auto" and packing_pays(self.gpt, saved))
        self.context.events.emit("packing", packed=packed, saving=round(saved, 4))
        return packed

    def remember_base(self, steps: int) -> None:
        """Where all weights learn, ask the base for all that so many steps compare with it, before it is gone.

        A run that goes on asks again: the same base, in the same batches, says the same.
        """
        job, objective = self.context.job, self.objective
        if job.spec["tuning"] != "full":
            return
        how, known = self._pass(packed=False), Remembered()
        known.add(objective.compared(objective.held), how)
        known.add(objective.compared([self.heaviest, self.heaviest]), how)
        for step in range(steps):
            self.context.stop.check()
            known.add(objective.compared(self.rows_of(step)), how)
        objective.remember(known)
        if any(getattr(row, "role", None) == REPLAY for row in objective.rows):
            self.context.events.warn(
                "No base is left where all weights learn: its answers are learned without replay_kl."
            )

    def resume(self) -> None:
        """Go on from the newest whole checkpoint of this job; without one, find how much goes through at once."""
        spec, events = self.context.job.spec, self.context.events
        found = find_checkpoint(self.folder, self.digest, spec["restart"], events.warn)
        if found is None:
            self.choose_fit()
            return
        state = found.state
        load_learned(self.gpt, state["lora"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.best = state["best"]
        self.progress = Progress.of(state["progress"])
        self.rng = state["rng"]
        self.fitting.fit = self.progress.fit or self.fitting.fit
        # Sums on a CPU are split by threads, so that their number is a matter of bits.
        torch.set_num_threads(self.progress.threads or torch.get_num_threads())
        events.emit("resumed", step=self.progress.step)
        self.log.load(state["curve"], events)
        self.fitting.tell()

    def choose_fit(self, tried: bool = False) -> None:
        """Run the largest micro-batch there can be, and throw away what came of it.

        Args:
            tried: whether it is run also where it is sure to fit.
        """
        optim = self.context.job.spec["optim"]
        self.model.train()
        most = None if tried else self._most_bytes()
        self.fitting.choose(optim["micro_batch_size"], optim["batch_size"], self._trial, self._undo, most)
        self._set_recompute()
        # Any other run may find less memory free: what was found here is what this one goes on with.
        if optim["micro_batch_size"] == "auto" or self.fitting.fit != Fit(
            min(optim["micro_batch_size"], optim["batch_size"])
        ):
            self._save()

    def _most_bytes(self) -> int | None:
        """Return what the longest sequence takes at its most, where that is known beforehand."""
        job = self.context.job
        known = job.spec["tuning"] == "lora" and runs_end_to_end(self.gpt)
        # A row of a pair, or one that is compared with the base, goes through more than once, but not at once.
        times = 2 if self.objective.asks_base else 1
        return times * most_bytes(self.gpt, self.fitting.longest, job.dtype) if known else None

    def measure(self, count: int) -> tuple[list[float], list[Sequence[Any]]]:
        """Return the seconds and the rows of each of the first steps, which are made and not told of."""
        seconds, rows = [], []
        for step in range(count):
            started = time.monotonic()
            made = self._update(self.schedule.rate(step))
            # Reading waits for the device.
            made.sums.cpu()
            self.progress.step = made.step
            seconds.append(time.monotonic() - started)
            rows.append(made.rows)
        return seconds, rows

    def _trial(self) -> None:
        self._set_recompute()
        rows = [self.heaviest] * self.fitting.fit.size

        def learn(cost: Cost) -> None:
            cost.loss.backward()
            self.context.stop.check()

        # One row many times stands for many that have nothing in common.
        prefixes, self.model.prefixes = self.model.prefixes, False
        try:
            totals(self.objective, rows, self._pass(self.packed), learn)
        finally:
            self.model.prefixes = prefixes

    def _undo(self) -> None:
        """Put back what a forward and a backward pass change."""
        self.optimizer.zero_grad(set_to_none=True)
        _set_rng_state(self.rng, self.context.job.device)

    def _set_recompute(self) -> None:
        self.model.recompute = self.fitting.fit.recompute

    def loop(self) -> None:
        """Make the steps that are left, with a validation and a checkpoint at their times."""
        self.model.train()
        keep_memory(self.context.job.device)
        _set_rng_state(self.rng, self.context.job.device)
        every = self.context.job.spec["checkpoint"]["every_steps"]
        saved = self.progress.step
        self.log.begin()
        try:
            while True:
                self._validate_if_due()
                if self.progress.step == self.schedule.steps or self.over:
                    self._tell()
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
        return learned_state(self.gpt), None

    @property
    def folder(self) -> Path:
        return self.context.job.work / "checkpoints"

    def _step(self) -> None:
        """Make one step and tell about it when that is due; the counts change only once the step is whole."""
        made = self._update(self.schedule.rate(self.progress.step))
        self.rng = _rng_state(self.context.job.device)
        self.progress.step = made.step
        if self.log.add(made):
            self._tell()

    def _tell(self) -> None:
        """Tell of all steps that were not told of yet."""
        for told in self.log.take():
            self._tell_step(told)

    def _tell_step(self, told: Told) -> None:
        progress, figures, step = self.progress, told.figures, told.made.step
        progress.seconds += told.seconds
        progress.tokens += figures.tokens
        progress.target_tokens += figures.targets
        progress.recent = [*progress.recent, (figures.loss_sum, figures.count)][-RECENT_STEPS:]
        self.context.events.emit(
            "step",
            step=step,
            steps=self.schedule.steps,
            epoch=round(step / self.per_epoch, 4),
            loss=figures.loss,
            learning_rate=told.made.rate,
            grad_norm=told.norm,
            tokens=figures.tokens,
            target_tokens=figures.targets,
            tokens_per_second=speed(told),
            memory_bytes=told.memory,
            eta_seconds=round((self.schedule.steps - step) * progress.seconds / step, 1),
            **figures.more,
        )

    def _update(self, rate: float) -> Made:
        """Sum the gradients of the step's rows as of one batch, clip them, and update what learns."""
        optim = self.context.job.spec["optim"]
        rows = self.rows_of(self.progress.step)
        sums = self.fitting.run(lambda: self._gradients(rows), self._undo)
        norm = torch.nn.utils.clip_grad_norm_(self.parameters, optim["grad_clip"] or float("inf"))
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        return Made(self.progress.step + 1, rate, rows, sums, norm)

    def rows_of(self, step: int) -> list[Any]:
        """Return the rows of a step."""
        job, objective = self.context.job, self.objective
        return step_rows(objective.rows, job.seed, step, job.spec["optim"]["batch_size"], objective.groups)

    def _gradients(self, rows: Sequence[Any]) -> torch.Tensor:
        """Return the sums of the costs of one step's rows, and leave the gradients micro-batch by micro-batch."""
        self._set_recompute()
        divisor = self.objective.divisor(rows)
        self.optimizer.zero_grad(set_to_none=True)

        def learn(cost: Cost) -> None:
            (cost.loss / divisor).backward()
            self.context.stop.check(self.progress.step)

        return totals(self.objective, rows, self._pass(self.packed), learn)

    def _pass(self, packed: bool) -> Pass:
        device, lays = self.context.job.device, runs_end_to_end(self.gpt)
        return Pass(self.model, self.fitting.fit.size, device, packed, lays)

    def _validate_if_due(self) -> None:
        """Validate at every `eval_every_steps`, or epoch, and at the end; a run stopped meanwhile does it again."""
        progress = self.progress
        every = self.context.job.spec["eval_every_steps"] or self.per_epoch
        due = progress.step % every == 0 or progress.step == self.schedule.steps
        if self.objective.held and due and progress.validated < progress.step:
            self._validate()
            progress.validated = progress.step

    @torch.no_grad()
    def _validate(self) -> None:
        """Measure the held-out loss and keep the adapter if it is the best so far."""
        self._tell()
        progress, stop, held = self.progress, self.context.stop, self.objective.held
        self.model.eval()
        figures = self.fitting.run(
            lambda: total(self.objective, held, self._pass(self.packed), lambda _: stop.check(progress.step))
        )
        self.model.train()
        loss = figures.loss
        if progress.best_loss is None or loss < progress.best_loss:
            progress.best_loss, progress.best_step = loss, progress.step
            self.best = learned_state(self.gpt)
        self.context.events.emit(
            "validation", step=progress.step, loss=loss, target_tokens=figures.targets, **figures.more
        )
        self._stop_early(loss)
        self.log.begin()

    def _stop_early(self, loss: float) -> None:
        """End the run where the held-out loss has not fallen for as long as the job says."""
        settings, progress = self.context.job.spec["early_stop"], self.progress
        if settings is None or not progress.patience.see(loss, settings):
            return
        self.over = progress.step < self.schedule.steps
        if self.over:
            self.context.events.emit("early_stop", step=progress.step, best_step=progress.best_step)

    def _save(self) -> None:
        """Write a checkpoint of the last whole step."""
        self._tell()
        started = time.monotonic()
        self.progress.fit, self.progress.threads = self.fitting.fit, torch.get_num_threads()
        state = {
            "lora": learned_state(self.gpt),
            "optimizer": self.optimizer.state_dict(),
            "best": self.best,
            "progress": asdict(self.progress),
            "rng": self.rng,
            "curve": self.log.state(),
        }
        keep = self.context.job.spec["checkpoint"]["keep"]
        path = save_checkpoint(self.folder, self.progress.step, self.digest, state, keep, self.identity)
        seconds = round(time.monotonic() - started, 4)
        self.context.events.emit("checkpoint", step=self.progress.step, path=str(path), seconds=seconds)


def _rng_state(device: torch.device) -> list[torch.Tensor]:
    """Return the generators that dropout draws from."""
    states = [torch.get_rng_state()]
    return [*states, torch.cuda.get_rng_state(device)] if device.type == "cuda" else states


def _set_rng_state(states: list[torch.Tensor], device: torch.device) -> None:
    torch.set_rng_state(states[0])
    if device.type == "cuda" and len(states) > 1:
        torch.cuda.set_rng_state(states[1], device)
