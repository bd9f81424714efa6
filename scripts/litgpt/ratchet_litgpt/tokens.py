"""One row of a dataset as the model sees it: its tokens, and which of them are learned."""

from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from .chat_template import load_chat_template
from .encode import Encoder, Tokens, find_row, render_row
from .job import Job


def show_tokens(job: Job) -> dict[str, Any]:
    """Return a row's token ids, the text of each, and whether it is learned; the texts together are the whole chat."""
    spec = job.spec
    template = load_chat_template(job.base, datetime.now().replace(hour=0, minute=0, second=0, microsecond=0))
    number, row = find_row(Path(spec["data"]), spec["row"])
    rendered = render_row(row, number, Path(spec["data"]).name, template)
    encoder = Encoder(job.base, template)
    tokens = encoder.encode([rendered.text])[0]
    learned, fault = encoder.mark(rendered, tokens)
    length = spec["max_seq_length"]
    return {
        "row": str(row.get("id", number)),
        "line": number,
        "weight": rendered.weight,
        "ids": tokens.ids.tolist(),
        "pieces": pieces(rendered.text, tokens),
        "learned": learned.tolist(),
        "kept": len(tokens.ids) if length is None else min(length, len(tokens.ids)),
        "broken_turns": rendered.broken_turns,
        "fault": fault.message if fault else None,
    }


def pieces(text: str, tokens: Tokens) -> list[str]:
    """Return the text of each token; of several that share a character, the last has it and the others have none."""
    starts = [0, *tokens.starts.tolist()[1:], len(text)]
    return [text[start:end] for start, end in pairwise(starts)]
