"""Run one job of Ratchet's Python side: `run.py JOB.json`, events on stdout, log on stderr."""

import contextlib
import os
import sys
from pathlib import Path

from ratchet_litgpt.environment import prepare_environment
from ratchet_litgpt.imports import import_all


def run() -> int:
    """Return the exit code of the job named on the command line."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: run.py JOB.json\n")
        return 64
    prepare_environment()
    import_all()
    from ratchet_litgpt.main import main

    return main(Path(sys.argv[1]))


if __name__ == "__main__":
    code = run()
    with contextlib.suppress(OSError):
        sys.stderr.flush()
    os._exit(code)
