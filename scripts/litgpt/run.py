"""Run one job of Ratchet's Python side: `run.py JOB.json`, events on stdout, log on stderr."""

import os
import sys
from pathlib import Path

os.environ.update(
    HF_HUB_OFFLINE="1",
    TRANSFORMERS_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    TOKENIZERS_PARALLELISM="false",
    CUBLAS_WORKSPACE_CONFIG=":4096:8",
)
# Threads that wait by spinning slow a busy machine down many times over.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("GOMP_SPINCOUNT", "0")


def run() -> int:
    """Return the exit code of the job named on the command line."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: run.py JOB.json\n")
        return 64
    from ratchet_litgpt.main import main

    return main(Path(sys.argv[1]))


if __name__ == "__main__":
    code = run()
    sys.stderr.flush()
    os._exit(code)
