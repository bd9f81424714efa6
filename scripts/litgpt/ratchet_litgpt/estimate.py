"""What a training would take, by some of its steps: made on the real base and rows, and thrown away."""

from typing import Any

from .context import Context
from .errors import JobError
from .machine import free_memory, held_memory, peak_memory
from .packing import positions
from .train import Run, open_run

# The first step allocates what later ones find, and is not counted.
MEASURED_STEPS = 4
LOOKED_AT_STEPS = 200
# A validation has no backward pass, which takes about twice as long as the forward one.
FORWARD_SHARE = 1 / 3


def estimate(context: Context) -> dict[str, Any]:
    """Return steps, tokens, seconds and bytes of the training that the job describes, and whether it fits."""
    device = context.job.device
    free = free_memory(device)
    before = held_memory(device)
    run = open_run(context, {"kind": "estimate"})
    objective = run.objective
    try:
        run.remember_base(min(MEASURED_STEPS, run.schedule.steps))
        run.choose_fit(tried=True)
        seconds, made = run.measure(min(MEASURED_STEPS, run.schedule.steps))
        reason = None
    except JobError as error:
        if error.code != "OutOfMemory":
            raise
        seconds, made, reason = [], [], error.message
    counted = slice(1, None) if len(seconds) > 1 else slice(None)
    computed = sum(_positions(run, rows) for rows in made[counted])
    per_position = sum(seconds[counted]) / max(1, computed)
    every = _shown(run)
    steps = run.schedule.steps
    held = _positions(run, objective.held) if objective.held else 0
    validations = -(-steps // (context.job.spec["eval_every_steps"] or run.per_epoch)) + 1
    training = per_position * steps * sum(_positions(run, rows) for rows in every) / len(every)
    return {
        "device": device.type,
        "rows": len(objective.rows),
        "steps": steps,
        "epochs": round(steps / run.per_epoch, 4),
        "tokens": round(steps * sum(_tokens(run, rows) for rows in every) / len(every)),
        "longest": run.fitting.longest,
        "seconds": None if reason else round(training + per_position * FORWARD_SHARE * held * validations, 3),
        "tokens_per_second": None
        if reason
        else round(sum(_tokens(run, rows) for rows in made[counted]) / sum(seconds[counted]), 1),
        "peak_memory_bytes": peak_memory(device),
        "free_memory_bytes": None if free is None else free + before,
        "fits": reason is None,
        "reason": reason,
        "micro_batch_size": run.fitting.fit.size,
        "recompute": run.fitting.fit.recompute,
        "packed": run.packed,
    }


def _shown(run: Run) -> list[list[Any]]:
    """Return the rows of the steps that stand for all."""
    count = min(run.schedule.steps, LOOKED_AT_STEPS)
    return [run.rows_of(step) for step in range(count)]


def _lengths(run: Run, rows: Any) -> list[int]:
    return run.objective.lengths(rows)


def _positions(run: Run, rows: Any) -> int:
    return positions(_lengths(run, rows), run.fitting.fit.size, run.packed)


def _tokens(run: Run, rows: Any) -> int:
    return sum(_lengths(run, rows))
