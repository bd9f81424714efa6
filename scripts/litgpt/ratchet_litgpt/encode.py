"""From rows of chats to tokens, and which of those are learned."""

import hashlib
import json
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jinja2
import torch
from tokenizers import Tokenizer

from .chat_template import ChatTemplate, Span, clean_messages, learned_spans
from .data import BAD, CHOSEN, GOOD, LEARN, REJECTED, REPLAY
from .errors import JobError


@dataclass(frozen=True)
class Rendered:
    """A row as the text that its chat template makes of it, with the characters to learn."""

    row: str
    text: str
    spans: tuple[Span, ...]
    broken_turns: int
    weight: float
    role: int = LEARN

    @property
    def digest(self) -> bytes:
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).digest()


@dataclass(frozen=True)
class Tokens:
    """A text's token ids and the character at which each begins, which never falls, both (T,) and int32."""

    ids: torch.Tensor
    starts: torch.Tensor


class Encoder:
    """A base's tokenizer, which neither cuts nor pads, and the tokens that may end a turn."""

    def __init__(self, folder: Path, template: ChatTemplate) -> None:
        self.tokenizer = load_tokenizer(folder)
        found = (self.tokenizer.token_to_id(mark) for mark in template.end_marks)
        self.ends = frozenset(token for token in found if token is not None)

    def encode(self, texts: Sequence[str]) -> list[Tokens]:
        """Return the tokens of some texts, all encoded in one call."""
        return [
            Tokens(
                torch.tensor(encoding.ids, dtype=torch.int32),
                torch.tensor([start for start, _ in encoding.offsets], dtype=torch.int32),
            )
            for encoding in self.tokenizer.encode_batch(list(texts), add_special_tokens=False)
        ]

    def learned(self, rendered: Rendered, tokens: Tokens) -> torch.Tensor:
        """Return which tokens are learned, (T,) and bool; raise the fault that `mark` finds."""
        learned, fault = self.mark(rendered, tokens)
        if fault is not None:
            raise fault
        return learned

    def mark(self, rendered: Rendered, tokens: Tokens) -> tuple[torch.Tensor, JobError | None]:
        """Return which tokens are learned, (T,) and bool, and why the row cannot be learned from, if so."""
        learned = torch.zeros(len(tokens.ids), dtype=torch.bool)
        starts = tokens.starts.tolist()
        fault, said = None, 0
        for span in rendered.spans:
            first, end = bisect_left(starts, span.start), bisect_left(starts, span.end)
            learned[first:end] = True
            # Nobody says the first token of all.
            said += end - max(first, 1)
            if first == end or int(tokens.ids[end - 1]) not in self.ends:
                fault = _never_ends(rendered)
        if rendered.weight <= 0 or said <= 0:
            fault = _nothing_to_learn(rendered)
        return learned, fault


def read_rendered(path: Path, template: ChatTemplate, form: str = "chats") -> Iterator[Rendered]:
    """Yield the rows of a JSONL file as text: of `pairs` the better answer, then the worse one.

    Args:
        path: of `chats` `{"id", "messages", "learn", "tools"?, "weight"?}`, of `pairs` `{"id", "prompt", "chosen",
            "rejected", "tools"?}`, of `judged` `{"id", "prompt", "answer", "good", "tools"?}`, one a line.
        template: of the base.
        form: `chats`, `pairs` or `judged`.
    """
    for number, row in read_rows(path):
        if form == "chats":
            yield render_row(row, number, path.name, template)
            continue
        answers = (
            {"chosen": CHOSEN, "rejected": REJECTED}
            if form == "pairs"
            else {"answer": GOOD if row.get("good") else BAD}
        )
        for answer, role in answers.items():
            chat = _answered(row, answer, number, path.name)
            yield replace(render_row(chat, number, path.name, template), role=role)


def _answered(row: dict[str, Any], answer: str, number: int, file: str) -> dict[str, Any]:
    """Return the chat in which a prompt has one of its answers, which alone is learned."""
    try:
        prompt = row["prompt"]
        return {**row, "messages": [*prompt, row[answer]], "learn": [len(prompt)], "weight": 1.0}
    except (KeyError, TypeError) as error:
        raise _no_row(number, file, error) from error


def render_row(row: dict[str, Any], number: int, file: str, template: ChatTemplate) -> Rendered:
    """Return a row as text, with what of it is learned.

    Args:
        row: `{"id", "messages", "learn", "tools"?, "weight"?}`.
        number: its line, counted from 1.
        file: the name of its file.
        template: of the base.
    """
    try:
        name = f"{row.get('id', number)} ({file}, line {number})"
        messages = clean_messages(row["messages"])
        for index in row["learn"]:
            if messages[index]["role"] != "assistant":
                raise TypeError(f"learn names message {index}, which is not the assistant's")
        text, spans, broken = learned_spans(template, messages, row["learn"], row.get("tools"))
        weight = float(row.get("weight", 1.0))
        role = REPLAY if row.get("meta", {}).get("signal") == "replay" else LEARN
    except jinja2.TemplateError as error:
        raise JobError(
            "InvalidInput", f"The base's chat template refuses row {name} ({error}): leave that chat out."
        ) from error
    except (KeyError, TypeError, IndexError, AttributeError, ValueError) as error:
        raise _no_row(number, file, error) from error
    return Rendered(name, text, tuple(spans), broken, weight, role)


def _no_row(number: int, file: str, error: Exception) -> JobError:
    return JobError("InvalidInput", f"Line {number} of {file} is no chat row ({error!r}): build it again.")


def find_row(path: Path, row: str | None) -> tuple[int, dict[str, Any]]:
    """Return a row by its id, or the first one, and the number of its line."""
    for number, found in read_rows(path):
        if row is None or str(found.get("id", number)) == row:
            return number, found
    wanted = "row" if row is None else f"row {row[:200]}"
    raise JobError("InvalidInput", f"There is no {wanted} in {path.name}: its ids stand in that file.")


def _nothing_to_learn(rendered: Rendered) -> JobError:
    why = ", since the chat template rewrites its answers" if rendered.broken_turns else ""
    return JobError("InvalidInput", f"Row {rendered.row} has no token to learn{why}: leave it out and build again.")


def _never_ends(rendered: Rendered) -> JobError:
    return JobError(
        "InvalidInput",
        f"The answer in row {rendered.row} loses its end-of-turn token, so that the model would not learn to stop: "
        "use a base whose chat template ends a turn with a token of its tokenizer.",
    )


def load_tokenizer(folder: Path) -> Tokenizer:
    """Return the base's tokenizer, which neither cuts nor pads."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the rows of a JSONL file, each with the number of its line."""
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, json.loads(line)
    except FileNotFoundError as error:
        raise JobError("InvalidInput", f"There is no dataset at {path}: build it again.") from error
    except ValueError as error:
        raise JobError(
            "InvalidInput", f"The dataset {path} has a line that is not JSON ({error}): build it again."
        ) from error
