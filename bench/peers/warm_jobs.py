"""The peer of the orchestration bench: one warm process that runs job files back to back, with nothing around them.

Lines on stdin are paths of jobs as JSON; each is answered by one line: `{"seconds", "result"}`, or `{"error"}`.
"""

import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "litgpt"))

from ratchet_litgpt.environment import prepare_environment

prepare_environment()

from ratchet_litgpt.events import Events
from ratchet_litgpt.job import read_job
from ratchet_litgpt.lifetime import Stop
from ratchet_litgpt.main import run_job

replies = os.dup(1)
os.dup2(2, 1)
events = Events(os.open(os.devnull, os.O_WRONLY))


def reply(**fields: object) -> None:
    os.write(replies, (json.dumps(fields) + "\n").encode())


reply(ready=True)
for line in sys.stdin:
    started = time.monotonic()
    try:
        result = run_job(read_job(Path(json.loads(line))), events, Stop())
        reply(seconds=time.monotonic() - started, result=result)
    except Exception as error:
        reply(error=str(error))
os._exit(0)
