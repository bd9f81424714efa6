"""Run jobs in children of one process that has imported everything, so that a job begins within milliseconds.

Requests are lines on stdin, `{"id", "job": path, "log": path}`. Replies are lines on stdout: `{"id", "pid"}` when the
child runs, `{"id", "line"}` for each line that it writes, `{"id", "exit": code or null, "signal": name or null}` when
it has ended, `{"id", "refused": why}` when there is no child. On SIGTERM the server ends after its children, and when
stdin closes at once. A server that ends, in whatever way, ends its children: each watches a pipe that only it holds.
"""

import contextlib
import gc
import json
import os
import selectors
import signal
import traceback
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from .errors import EXIT_CODES
from .events import log
from .main import main

PIECE = 65536


@dataclass
class Child:
    """A running job, and our ends of its pipes."""

    id: str
    pid: int
    output: int
    lifeline: int
    pending: bytes = b""


class Server:
    """One thread that waits for requests, output and ends; it never starts another, so that it can always fork."""

    def __init__(self) -> None:
        self._replies = os.dup(1)
        os.dup2(2, 1)
        self._wake, self._wake_end = os.pipe()
        self._children: dict[int, Child] = {}
        self._selector = selectors.DefaultSelector()
        self._requests = b""
        self._ending = False

    def run(self) -> None:
        """Serve until stdin closes, or until the last child has ended after SIGTERM."""
        for handle in (self._wake, self._wake_end):
            os.set_blocking(handle, False)
        signal.set_wakeup_fd(self._wake_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda _signal, _frame: None)
        signal.signal(signal.SIGTERM, self._on_term)
        self._selector.register(0, selectors.EVENT_READ)
        self._selector.register(self._wake, selectors.EVENT_READ)
        while not self._ending or self._children:
            for key, _ in self._selector.select():
                if key.fd == 0:
                    data = os.read(0, PIECE)
                    if not data:
                        return
                    self._take_requests(data)
                elif key.fd == self._wake:
                    os.read(self._wake, PIECE)
                    self._reap()
                elif isinstance(key.data, Child) and key.data.pid in self._children:
                    self._relay(key.data)

    def _on_term(self, _signal: int, _frame: FrameType | None) -> None:
        self._ending = True

    def _take_requests(self, data: bytes) -> None:
        *whole, self._requests = (self._requests + data).split(b"\n")
        for line in filter(None, whole):
            self._start(json.loads(line))

    def _start(self, request: dict[str, Any]) -> None:
        output, output_end = os.pipe()
        lifeline_end, lifeline = os.pipe()
        try:
            pid = os.fork()
        except OSError as error:
            for handle in (output, output_end, lifeline_end, lifeline):
                os.close(handle)
            self._reply(id=request["id"], refused=str(error))
            return
        if pid == 0:
            self._be_child(request, lifeline_end, output_end, (output, lifeline))
        # Both sides do it, so that neither goes on before it is done.
        _lead_group(pid)
        os.close(output_end)
        os.close(lifeline_end)
        os.set_blocking(output, False)
        child = Child(request["id"], pid, output, lifeline)
        self._children[pid] = child
        self._selector.register(output, selectors.EVENT_READ, child)
        self._reply(id=child.id, pid=pid)

    def _be_child(self, request: dict[str, Any], stdin: int, stdout: int, unused: tuple[int, int]) -> None:
        """Run a job in this new process and end with its exit code; never returns."""
        code = EXIT_CODES["Bug"]
        try:
            _lead_group(0)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            # A brother's lifeline would keep him alive for as long as we hold it.
            held = [handle for child in self._children.values() for handle in (child.output, child.lifeline)]
            for handle in (*held, *unused, self._replies, self._wake, self._wake_end):
                os.close(handle)
            self._selector.close()
            log_file = os.open(request["log"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            for given, wanted in ((stdin, 0), (stdout, 1), (log_file, 2)):
                os.dup2(given, wanted)
                os.close(given)
            code = main(Path(request["job"]))
        except BaseException:
            log(traceback.format_exc())
        finally:
            log("")
            os._exit(code)

    def _relay(self, child: Child) -> bool:
        """Hand on what a child has written; false when there is no more for now."""
        try:
            data = os.read(child.output, PIECE)
        except BlockingIOError:
            return False
        if not data:
            self._selector.unregister(child.output)
            return False
        *whole, child.pending = (child.pending + data).split(b"\n")
        for line in whole:
            self._reply(id=child.id, line=line.decode(errors="replace"))
        return True

    def _reap(self) -> None:
        """Report the children that have ended, after all that they wrote."""
        for child in list(self._children.values()):
            pid, status = os.waitpid(child.pid, os.WNOHANG)
            if pid == 0:
                continue
            while child.output in self._selector.get_map() and self._relay(child):
                pass
            if child.output in self._selector.get_map():
                self._selector.unregister(child.output)
            os.close(child.output)
            os.close(child.lifeline)
            del self._children[child.pid]
            code = os.waitstatus_to_exitcode(status)
            killed = signal.Signals(-code).name if code < 0 else None
            self._reply(id=child.id, exit=None if killed else code, signal=killed)

    def _reply(self, **fields: Any) -> None:
        data = (json.dumps(fields) + "\n").encode()
        while data:
            data = data[os.write(self._replies, data) :]


def _lead_group(pid: int) -> None:
    # It may have ended, or have done it itself.
    with contextlib.suppress(OSError):
        os.setpgid(pid, pid)


def serve() -> None:
    """Serve requests until told to end."""
    server = Server()
    # What is there now stays: children would copy its pages only to look for garbage.
    gc.collect()
    gc.freeze()
    server.run()
