"""The line protocol: one JSON event per line on the stdout that the parent reads; everything else goes to stderr."""

import contextlib
import json
import math
import os
import sys
from typing import Any

from .errors import EXIT_PARENT_GONE


class Events:
    """Writes events to a stream of its own, so that a library's print cannot break the protocol."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def emit(self, event: str, **fields: Any) -> None:
        """Write one event in one call; a parent that no longer reads ends the process."""
        line = json.dumps({"event": event, **{key: _finite(value) for key, value in fields.items()}}) + "\n"
        data = line.encode()
        try:
            while data:
                data = data[os.write(self._handle, data) :]
        except BrokenPipeError:
            os._exit(EXIT_PARENT_GONE)

    def warn(self, message: str) -> None:
        """Say what went differently from what was asked, without ending the job."""
        self.emit("warning", message=message)


def log(text: str) -> None:
    """Write to the log, stderr; a disk too full for that keeps no job from telling why it failed, nor from ending."""
    with contextlib.suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()


def claim_stdout() -> Events:
    """Keep the process's stdout for events, and send whatever else is printed to stderr."""
    sys.stdout.flush()
    handle = os.dup(1)
    os.dup2(2, 1)
    return Events(handle)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
