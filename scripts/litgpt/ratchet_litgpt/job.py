"""The job that the parent process writes: read, checked against `job.schema.json`, and its paths made whole."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError

from .errors import JobError
from .files import read_json

SCHEMA = Path(__file__).resolve().parent.parent / "job.schema.json"
# Narrower bases are for trials: they win little by it, and their few numbers are better exact.
BFLOAT16_WIDTH = 256


@dataclass(frozen=True)
class Job:
    """One piece of work; `spec` is the part of the job that is named after its kind."""

    kind: str
    key: str
    base: Path
    work: Path
    cache: Path
    device: torch.device
    dtype: torch.dtype
    threads: int | None
    seed: int
    lock: Path | None
    spec: dict[str, Any]


def read_job(path: Path) -> Job:
    """Return the job in a file, or raise InvalidInput that names the first field at fault."""
    try:
        raw = read_json(path)
    except OSError as error:
        raise JobError(
            "InvalidInput", f"The job file {path} cannot be read ({error.strerror}): pass its path."
        ) from error
    except ValueError as error:
        raise JobError("InvalidInput", f"The job file {path} is not JSON ({error}): write it again.") from error
    return parse_job(raw)


def parse_job(raw: Any) -> Job:
    """Return a checked job."""
    error = _first_error(raw)
    if error is not None:
        where = ".".join(map(str, error.absolute_path)) or "the job"
        raise JobError("InvalidInput", f"The job is wrong at {where} ({error.message[:200]}): correct that field.")
    if raw["kind"] != "prepare" and raw["kind"] not in raw:
        raise JobError("InvalidInput", f"The job has no {raw['kind']} section: add it.")
    device = _device(raw["device"])
    return Job(
        kind=raw["kind"],
        key=raw["key"],
        base=Path(raw["base"]).resolve(),
        work=Path(raw["work"]).resolve(),
        cache=Path(raw["cache"]).resolve(),
        device=device,
        dtype=_dtype(raw["precision"], device, Path(raw["base"])),
        threads=raw["threads"],
        seed=raw["seed"],
        lock=Path(raw["lock"]) if raw["lock"] else None,
        spec=raw.get(raw["kind"]) or {},
    )


def _first_error(raw: Any) -> ValidationError | None:
    """Return the first fault; of a union of kinds, the fault within the kind that the job names."""
    errors = sorted(Draft202012Validator(read_json(SCHEMA)).iter_errors(raw), key=_place)
    error = errors[0] if errors else None
    while error is not None and error.context:
        branches: dict[Any, list[ValidationError]] = {}
        for part in error.context:
            branches.setdefault(part.schema_path[0], []).append(part)
        named = [parts for parts in branches.values() if not any(list(part.path) == ["kind"] for part in parts)]
        error = min(named[0], key=_place) if named else min(error.context, key=_place)
    return error


def _place(error: ValidationError) -> list[str]:
    return [str(part) for part in error.absolute_path]


def _device(name: str) -> torch.device:
    if name == "cuda" and not torch.cuda.is_available():
        raise JobError("InvalidInput", "The job asks for cuda and this machine has none: set device to auto or cpu.")
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)


def _dtype(precision: str, device: torch.device, base: Path) -> torch.dtype:
    """Return the dtype of the frozen base: bfloat16 where the device has it, unless the job says otherwise."""
    if precision == "auto":
        precision = "bf16-true" if _computes_bfloat16(device) and _width(base) >= BFLOAT16_WIDTH else "32-true"
    return torch.bfloat16 if precision == "bf16-true" else torch.float32


def _computes_bfloat16(device: torch.device) -> bool:
    """Return whether the device multiplies faster in bfloat16 than in float32.

    Intel's AVX-512 BF16 without AMX does not: a Xeon did half as many products a second as in float32, an AMD EPYC 2.4
    times as many.
    """
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    able = torch.cpu.get_capabilities()
    is_intel = "intel" in str(able.get("cpu_name", "")).lower()
    return bool(able.get("amx_bf16") or (able.get("avx512_bf16") and not is_intel))


def _width(base: Path) -> int:
    """Return the hidden size of a base; nought where nothing tells."""
    try:
        return int(read_json(base / "config.json").get("hidden_size", 0))
    except (OSError, ValueError):
        return 0
