"""When a job ends early: the parent is gone, a stop is asked for, or another process holds what it needs."""

import fcntl
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from .errors import EXIT_PARENT_GONE, JobError, Stopped
from .events import Events, log

WAIT_EVENT_SECONDS = 5.0
POLL_SECONDS = 0.1
WAIT_LIMIT_SECONDS = 3600.0


class Stop:
    """Remembers that SIGTERM or SIGINT came; long work asks it between two pieces."""

    def __init__(self) -> None:
        self._asked = False

    def listen(self) -> None:
        """Take over both signals."""
        signal.signal(signal.SIGTERM, self._on_signal)
        signal.signal(signal.SIGINT, self._on_signal)

    def ask(self) -> None:
        """Ask for a stop."""
        self._asked = True

    def check(self, step: int = 0) -> None:
        """Raise Stopped when a stop has been asked for."""
        if self._asked:
            raise Stopped(step)

    def _on_signal(self, _signal: int, _frame: FrameType | None) -> None:
        self.ask()


def end_with_parent(before: Callable[[], None] = lambda: None) -> None:
    """End this process at once when its stdin closes, as it does when the parent dies, however busy it is.

    Args:
        before: what is done first.
    """

    def watch() -> None:
        try:
            while os.read(0, 4096):
                pass
        except OSError:
            pass
        log("the parent is gone\n")
        before()
        os._exit(EXIT_PARENT_GONE)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


@contextmanager
def hold(path: Path, events: Events, stop: Stop, limit: float = WAIT_LIMIT_SECONDS) -> Iterator[None]:
    """Hold an exclusive lock on a file, telling every few seconds that it is still waited for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        _take(file.fileno(), path, events, stop, limit)
        yield


def _take(handle: int, path: Path, events: Events, stop: Stop, limit: float) -> None:
    started = time.monotonic()
    told = -WAIT_EVENT_SECONDS
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            stop.check()
        waited = time.monotonic() - started
        if waited >= limit:
            raise JobError("GpuBusy", f"Another job has held {path} for {limit:.0f} s: let it end, then run again.")
        if waited - told >= WAIT_EVENT_SECONDS:
            events.emit("waiting", **{"for": "lock"})
            told = waited
        time.sleep(POLL_SECONDS)
