"""What the learning bench asks of Python, in one warm process: jobs of ours, stock LitGPT, and greedy answers of both.

Lines on stdin are requests as JSON; each is answered by one line: `{"result"}`, or `{"error"}`.
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts" / "litgpt"
sys.path.insert(0, str(SCRIPTS))

from ratchet_litgpt.environment import prepare_environment

prepare_environment()

import litgpt.__main__ as stock
import torch
from litgpt import GPT, Config, Tokenizer
from litgpt.prompts import PromptStyle, load_prompt_style
from ratchet_litgpt.events import Events
from ratchet_litgpt.generate import greedy
from ratchet_litgpt.job import read_job
from ratchet_litgpt.lifetime import Stop
from ratchet_litgpt.lit_checkpoint import lit_checkpoint
from ratchet_litgpt.main import run_job
from tiny_base.facts import CLOSINGS, OPENINGS
from tiny_base.score import answers_of
from tiny_base.world import every_question

LONGEST = 64
replies = os.dup(1)
os.dup2(2, 1)
events = Events(os.open(os.devnull, os.O_WRONLY))
torch.set_num_threads(1)


def words(_: dict[str, Any]) -> dict[str, Any]:
    """Return every question of the world, and what answers can open and close with."""
    return {"questions": every_question(), "openings": OPENINGS, "closings": CLOSINGS}


def job(request: dict[str, Any]) -> dict[str, Any]:
    """Run a job file of ours."""
    return run_job(read_job(Path(request["job"])), events, Stop())


def answer(request: dict[str, Any]) -> list[str]:
    """Return the greedy answers of a base, with an adapter or without."""
    adapter = Path(request["adapter"]) if request["adapter"] else None
    return answers_of(Path(request["base"]), request["prompts"], Path(request["cache"]), adapter)


def checkpoint(request: dict[str, Any]) -> str:
    """Return the folder of a base as LitGPT wants it."""
    return str(lit_checkpoint(Path(request["base"]), Path(request["cache"])))


def finetune(request: dict[str, Any]) -> dict[str, Any]:
    """Run `litgpt finetune_lora` in a fork of this process, which has imported it, and say how it ended."""
    log = Path(request["log"])
    child = os.fork()
    if child == 0:
        os._exit(_as_command(["litgpt", "finetune_lora", *request["arguments"]], log))
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return {"code": code, "error": None if code == 0 else next((line for line in reversed(lines) if line.strip()), "")}


def stock_answer(request: dict[str, Any]) -> list[str]:
    """Return the greedy answers of a folder that LitGPT wrote, each prompt in the style that stands there."""
    folder = Path(request["checkpoint"])
    style = load_prompt_style(folder)
    model = GPT(Config.from_file(folder / "model_config.yaml"))
    model.load_state_dict(torch.load(folder / "lit_model.pth", map_location="cpu", weights_only=True))
    return _say(model.float().eval(), Tokenizer(folder), style, request["prompts"])


def _say(model: GPT, tokenizer: Tokenizer, style: PromptStyle, prompts: Sequence[str]) -> list[str]:
    ids = [tokenizer.encode(style.apply(prompt)).tolist() for prompt in prompts]
    with torch.inference_mode():
        return [tokenizer.decode(torch.tensor(said)) for said in greedy(model, ids, tokenizer.eos_id, LONGEST)]


def _as_command(arguments: list[str], log: Path) -> int:
    """Be the command, with its output in the log; return its exit code."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.argv = arguments
    try:
        stock.main()
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else 1
    except BaseException as error:
        os.write(output, f"{type(error).__name__}: {error}\n".encode())
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def reply(**fields: object) -> None:
    os.write(replies, (json.dumps(fields) + "\n").encode())


HANDLERS = {
    "words": words,
    "job": job,
    "answer": answer,
    "checkpoint": checkpoint,
    "finetune": finetune,
    "stock_answer": stock_answer,
}

reply(result="ready")
for line in sys.stdin:
    try:
        asked = json.loads(line)
        reply(result=HANDLERS[asked["do"]](asked))
    except Exception as error:
        reply(error=f"{type(error).__name__}: {error}")
os._exit(0)
