"""Datasets prepared once: rendered, encoded in batches, kept by digest, and opened by every later job as they are.

Whatever is kept lies under `<cache>/tokens/` and can be made again: to remove that folder forgets all of it.
"""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import torch

from .chains import ChainFinder
from .chat_template import load_chat_template, prints_time
from .data import Dataset
from .encode import Encoder, Rendered, Tokens, read_rendered
from .errors import JobError
from .files import digest_json, one_at_a_time, sha256_file
from .shard import Shard, ShardWriter, open_shard

# Raise it when what is rendered, encoded, learned or written changes.
VERSION = 4
FOLDER = "tokens"
KEPT_SHARDS = 12
REMEMBERED_SHARDS = 6
BATCH_ROWS = 512
BATCH_CHARACTERS = 2_000_000
TEMPLATE_FILES = ("tokenizer_config.json", "chat_template.jinja")


@dataclass(frozen=True)
class Request:
    """A file of `chats`, `pairs` or `judged` in the tokens of a base, each chat cut after `max_length` tokens."""

    data: Path
    base: Path
    now: datetime
    max_length: int
    cache: Path
    form: str = "chats"


def load_dataset(request: Request, check: Callable[[], None], warn: Callable[[str], None]) -> Dataset:
    """Return a dataset: opened, where an earlier job prepared it, with no call of the tokenizer.

    Args:
        request: what is wanted.
        check: called between rows; it may raise to stop.
        warn: is told what was left out and what was made again.
    """
    key = _key(request)
    home = request.cache / FOLDER / key["tokenizer"][:16]
    folder = home / digest_json(key)
    home.mkdir(parents=True, exist_ok=True)
    encoded = 0
    with one_at_a_time(home / ".lock", check):
        found = _open(folder, key, warn)
        if found is None:
            encoded = _prepare(request, key, folder, check)
            found = open_shard(folder, key)
        assert found is not None  # noqa: S101 - it was written a line ago
        os.utime(folder)
        _remove_oldest(home)
    _tell(found, request, warn)
    return Dataset(found, found.counts, found.groups, encoded)


def _key(request: Request) -> dict[str, Any]:
    """Return all that decides the tokens; the day only for a template that may print it."""
    if not request.data.is_file():
        raise JobError("InvalidInput", f"There is no dataset at {request.data}: build it again.")
    template = [request.base / name for name in TEMPLATE_FILES]
    return {
        "version": VERSION,
        "data": sha256_file(request.data),
        "tokenizer": sha256_file(request.base / "tokenizer.json"),
        "template": digest_json([sha256_file(path) if path.is_file() else None for path in template]),
        "day": request.now.date().isoformat() if prints_time(request.base) else None,
        "max_length": request.max_length,
        "form": request.form,
    }


def _prepare(request: Request, key: dict[str, Any], folder: Path, check: Callable[[], None]) -> int:
    """Write the shard and return how many texts were encoded; the others' tokens are those of earlier shards."""
    template = load_chat_template(request.base, request.now)
    encoder = Encoder(request.base, template)
    # The parent forbids it to whatever forks; a job does not.
    os.environ["TOKENIZERS_PARALLELISM"] = "true" if torch.get_num_threads() > 1 else "false"
    known = _Memory(folder.parent)
    writer = ShardWriter(request.max_length, ChainFinder(encoder.ends))
    encoded = 0
    for batch in _batches(read_rendered(request.data, template, request.form)):
        check()
        texts = [row.digest for row in batch]
        new = {text: row.text for row, text in zip(batch, texts, strict=True) if text not in known}
        made = dict(zip(new, encoder.encode(list(new.values())), strict=True))
        encoded += len(new)
        for row, text in zip(batch, texts, strict=True):
            tokens = made.get(text) or known[text]
            writer.broken_turns += row.broken_turns
            writer.add(row.row, text, tokens, encoder.learned(row, tokens), row.weight, row.role)
    if not writer.tokens:
        raise _nothing_left(request, writer)
    writer.write(folder, key)
    return encoded


class _Memory:
    """The tokens of texts in the newest shards of one tokenizer."""

    def __init__(self, home: Path) -> None:
        self._shards: list[Shard] = []
        self._places: dict[bytes, tuple[int, int]] = {}
        for folder in _newest_first(home)[:REMEMBERED_SHARDS]:
            with suppress(ValueError, OSError):
                found = open_shard(folder)
                if found is not None:
                    self._shards.append(found)
                    self._places.update((text, (len(self._shards) - 1, row)) for row, text in enumerate(found.texts()))

    def __contains__(self, text: bytes) -> bool:
        return text in self._places

    def __getitem__(self, text: bytes) -> Tokens:
        shard, row = self._places[text]
        return self._shards[shard].tokens(row)


def _batches(rows: Iterable[Rendered]) -> Iterator[list[Rendered]]:
    """Yield the rows in batches that bound what is in memory as text."""
    batch: list[Rendered] = []
    characters = 0
    for row in rows:
        batch.append(row)
        characters += len(row.text)
        if len(batch) == BATCH_ROWS or characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _open(folder: Path, key: dict[str, Any], warn: Callable[[str], None]) -> Shard | None:
    try:
        return open_shard(folder, key)
    except (ValueError, OSError):
        warn("The prepared tokens of this dataset are damaged: they are made again.")
        return None


def _nothing_left(request: Request, writer: ShardWriter) -> JobError:
    if writer.rows == 0:
        return JobError("NotEnoughData", f"{request.data.name} has no rows: rate more chats, then build again.")
    return JobError(
        "NotEnoughData",
        f"No row of {request.data.name} has a token to learn within {request.max_length} tokens: raise max_seq_length.",
    )


def _tell(shard: Shard, request: Request, warn: Callable[[str], None]) -> None:
    counts = shard.counts
    if counts.skipped:
        named = ", ".join(shard.skipped) + (", …" if counts.skipped > len(shard.skipped) else "")
        warn(
            f"{counts.skipped} rows were left out, whose answers lie behind {request.max_length} tokens: "
            f"raise max_seq_length to learn them too ({named})."
        )
    if counts.broken_turns:
        warn(f"{counts.broken_turns} turns were left out: the chat template rewrites earlier turns.")


def _newest_first(home: Path) -> list[Path]:
    found = [path for path in home.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return sorted(found, key=lambda path: (-path.stat().st_mtime_ns, path.name))


def _remove_oldest(home: Path) -> None:
    """Keep the shards used last, and nothing of what a killed process left half written."""
    for path in [*_newest_first(home)[KEPT_SHARDS:], *home.glob(".*.tmp"), *home.glob(".*.old")]:
        shutil.rmtree(path, ignore_errors=True)
