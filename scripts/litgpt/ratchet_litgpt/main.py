"""Run one job: read it, take its locks, dispatch on its kind, and end with the exit code of what happened.

All heavy modules are imported here, and nothing starts threads or a GPU before `main` is called, so that a process
that has imported this module may fork a child per job.
"""

import os
import traceback
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from .base import check_base, prepare_base
from .context import Context
from .errors import EXIT_STOPPED, JobError, Stopped, classify
from .estimate import estimate
from .events import Events, claim_stdout, log
from .export import export
from .files import digest_json, read_json, sha256_file, write_json
from .job import Job, read_job
from .lifetime import Stop, end_with_parent, hold
from .machine import usable_threads
from .tokens import show_tokens
from .train import job_identity, train
from .validate import validate


def main(job_path: Path) -> int:
    """Run the job in a file and return the process's exit code."""
    events = claim_stdout()
    stop = Stop()
    stop.listen()
    if os.environ.get("RATCHET_STDIN") != "ignore":
        end_with_parent()
    try:
        job = read_job(job_path)
        events.emit("result", **run_job(job, events, stop))
        return 0
    except Stopped as stopped:
        events.emit("stopped", step=stopped.step)
        return EXIT_STOPPED
    except BaseException as error:
        log(traceback.format_exc())
        failure = classify(error)
        events.emit("error", code=failure.code, message=failure.message)
        return failure.exit_code


def run_job(job: Job, events: Events, stop: Stop) -> dict[str, Any]:
    """Run one checked job under its locks and return its result."""
    torch.set_num_threads(job.threads or usable_threads())
    # What `use_deterministic_algorithms` does besides is to import torch's compiler, to tell it too.
    torch.set_deterministic_debug_mode("warn")
    # All that is read was written before; filling it first costs a twentieth of a step.
    torch.utils.deterministic.fill_uninitialized_memory = False
    events.emit(
        "started",
        kind=job.kind,
        pid=os.getpid(),
        device=_device_name(job.device),
        torch=torch.__version__,
        litgpt=version("litgpt"),
    )
    job.work.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        held.enter_context(hold(job.work / ".lock", events, stop))
        if job.lock:
            held.enter_context(hold(job.lock, events, stop))
        stop.check()
        if job.kind == "tokens":
            return show_tokens(job)
        if job.kind == "prepare":
            check_base(job.base)
            if job.spec.get("without_weights"):
                return {}
        context = Context(job, prepare_base(job.base, job.cache), events, stop)
        return _dispatch(context)


def _dispatch(context: Context) -> dict[str, Any]:
    match context.job.kind:
        case "train":
            return _train_once(context)
        case "estimate":
            _require_data(context)
            return estimate(context)
        case "validate":
            return validate(context)
        case "export":
            return export(context)
        case _:
            return {"path": str(context.base.prepared), "base_digest": context.base.digest}


def _train_once(context: Context) -> dict[str, Any]:
    """Return the result that an earlier attempt left, if its adapter is whole; train otherwise."""
    _require_data(context)
    path = context.job.work / "result.json"
    identity = job_identity(context)
    digest = digest_json(identity)
    try:
        found: dict[str, Any] = read_json(path)
        whole = found["job_digest"] == digest
        if whole and sha256_file(Path(found["adapter"]) / "adapter.safetensors") == found["adapter_digest"]:
            return found
    except (OSError, ValueError, KeyError):
        pass
    result = {**train(context, identity), "job_digest": digest}
    write_json(path, result)
    return result


def _require_data(context: Context) -> None:
    for path in filter(None, context.job.spec["data"].values()):
        if not Path(path).is_file():
            raise JobError("InvalidInput", f"There is no dataset at {path}: build it again.")


def _device_name(device: torch.device) -> str:
    return f"cuda: {torch.cuda.get_device_name(device)}" if device.type == "cuda" else "cpu"
