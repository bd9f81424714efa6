"""A process that trains imports what it trains with, and nothing that takes longer to import than torch."""

import json
import os
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import torch

from ratchet_litgpt.optimizer import AdamW

from .conftest import HERE, JobMaker, run_until

TRAIN = """
import sys
import threading
from pathlib import Path
from ratchet_litgpt.environment import prepare_environment
prepare_environment()
from ratchet_litgpt.imports import import_all
import_all()
print(threading.active_count(), file=sys.stderr)
from ratchet_litgpt import lanes
from ratchet_litgpt.main import main
lanes.WORTH = 0
code = main(Path(sys.argv[1]))
assert lanes._pool.cache_info().currsize == 1
absent = {"lightning", "torch._dynamo", "torch._inductor", "torch._decomp", "sympy"}
print(sorted(absent & sys.modules.keys()), file=sys.stderr)
import litgpt.utils
try:
    litgpt.utils.CSVLogger()
except ImportError as error:
    print(str(error)[:50], file=sys.stderr)
from lightning.fabric.loggers import CSVLogger
print(CSVLogger.__module__, file=sys.stderr)
sys.exit(code)
"""


def test_a_training_imports_neither_lightning_nor_a_compiler_and_both_are_there_afterwards(
    make_job: JobMaker, tmp_path: Path
) -> None:
    job = make_job(
        rows=16, val=2, threads=2, dropout=0.0, eval_every_steps=1, checkpoint={"every_steps": 1, "keep": 2}, epochs=1
    )
    run_until(job, 2)
    path = tmp_path / "job.json"
    path.write_text(json.dumps(job))
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, str(path)],
        cwd=HERE,
        capture_output=True,
        text=True,
        env={**os.environ, "RATCHET_STDIN": "ignore"},
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, done.stderr
    assert {"resumed", "validation", "checkpoint", "result"} <= {line["event"] for line in lines}
    imported, refused, real = done.stderr.splitlines()[-3:]
    assert imported == "[]"
    assert done.stderr.startswith("1\n")
    assert refused == "lightning.fabric.loggers.CSVLogger was left out wh"
    assert real == "lightning.fabric.loggers.csv_logs"


WAIT = """
import sys
from ratchet_litgpt.imports import BESIDES, COMPILED, _import_those_there
def compiled():
    files = {name: getattr(module, "__file__", None) or "" for name, module in list(sys.modules.items())}
    return {name for name, file in files.items() if file.endswith(".so")}
_import_those_there(COMPILED)
before = compiled()
_import_those_there(BESIDES)
print(sorted(compiled() - before), "torch" in sys.modules)
"""


def test_nothing_that_is_imported_besides_torchs_libraries_waits_for_them() -> None:
    done = subprocess.run([sys.executable, "-c", WAIT], cwd=HERE, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("[] False\n", 0), done.stderr


def test_steps_are_torchs_own_and_so_is_what_is_kept_of_them() -> None:
    torch.manual_seed(1)
    first, gradient = torch.randn(5, 3), torch.randn(4, 5, 3)
    ours, theirs = (torch.nn.Parameter(first.clone()) for _ in range(2))
    settings = {"lr": 0.1, "betas": (0.9, 0.95), "weight_decay": 0.02}
    made = [AdamW([ours], **settings), torch.optim.AdamW([theirs], **settings)]
    for number, slope in enumerate(gradient):
        for parameter, optimizer in zip((ours, theirs), made, strict=True):
            optimizer.zero_grad()
            parameter.grad = slope.clone()
            optimizer.step()
        if number == 1:
            made[0].load_state_dict(deepcopy(made[1].state_dict()))
    assert torch.equal(ours, theirs) and not torch.equal(ours, first)
    kept, wanted = (optimizer.state_dict()["state"][0] for optimizer in made)
    assert kept.keys() == wanted.keys() and all(torch.equal(kept[name], wanted[name]) for name in wanted)
