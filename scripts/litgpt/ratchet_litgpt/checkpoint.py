"""Checkpoints: folders `step-N` that are whole or absent, checked by digest, kept a few at a time."""

import io
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from .errors import JobError
from .files import digests, read_json, sha256_bytes, write_file, write_folder, write_json

STATE = "state.pt"
MANIFEST = "manifest.json"
_NAME = re.compile(r"step-(\d+)")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was read and found whole."""

    step: int
    path: Path
    state: dict[str, Any]


def save_checkpoint(
    folder: Path, step: int, job_digest: str, state: dict[str, Any], keep: int, about: Mapping[str, Any] | None = None
) -> Path:
    """Write `folder/step-N` and remove all but the newest `keep`.

    Args:
        folder: of all checkpoints of the job.
        step: updates made so far.
        job_digest: names what is trained; a checkpoint of another job is never resumed.
        state: tensors, numbers, texts, lists and dicts only, since it is read without running code.
        keep: how many stay.
        about: what the digest of the job is made of, for people.
    """
    buffer = io.BytesIO()
    torch.save(state, buffer)
    data = buffer.getvalue()

    def fill(aside: Path) -> None:
        write_file(aside / STATE, data)
        write_json(
            aside / MANIFEST, {"step": step, "job": job_digest, "about": about, "files": {STATE: sha256_bytes(data)}}
        )

    path = folder / f"step-{step}"
    write_folder(path, fill)
    for old in _newest_first(folder)[keep:]:
        shutil.rmtree(old, ignore_errors=True)
    return path


def find_checkpoint(folder: Path, job_digest: str, restart: bool, warn: Callable[[str], None]) -> Checkpoint | None:
    """Return the newest whole checkpoint of a job, or None to begin at step 0.

    Damaged ones are passed over with a warning; if nothing else is there, the job cannot know how far it was and
    fails, unless it asks for a restart. Those of another job are removed.
    """
    damaged = 0
    for path in _newest_first(folder):
        try:
            manifest = read_json(path / MANIFEST)
            if manifest["job"] != job_digest:
                warn(f"The checkpoint {path.name} belongs to other data or settings: it was set aside.")
                shutil.rmtree(path, ignore_errors=True)
                continue
            return Checkpoint(int(manifest["step"]), path, _read_state(path, manifest))
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, EOFError):
            warn(f"The checkpoint {path.name} is damaged: it was passed over.")
            damaged += 1
    if damaged and not restart:
        raise JobError(
            "CorruptCheckpoint", f"All checkpoints in {folder} are damaged: run again with restart set to true."
        )
    if damaged:
        shutil.rmtree(folder, ignore_errors=True)
    return None


def _read_state(path: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    if not manifest["files"] or digests(path, manifest["files"]) != manifest["files"]:
        raise ValueError("digest mismatch")
    state: dict[str, Any] = torch.load(path / STATE, map_location="cpu", weights_only=True)
    return state


def _newest_first(folder: Path) -> list[Path]:
    """Return the checkpoints, and remove what a killed process left half written."""
    if not folder.is_dir():
        return []
    for left in folder.glob(".step-*"):
        shutil.rmtree(left, ignore_errors=True)
    found = [(int(match[1]), path) for path in folder.iterdir() if (match := _NAME.fullmatch(path.name))]
    return [path for _, path in sorted(found, reverse=True)]
