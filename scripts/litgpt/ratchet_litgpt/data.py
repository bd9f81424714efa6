"""From rows of chats to token ids and labels, and from those to the batches of a step."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from .chat_template import ChatTemplate, clean_messages, learned_spans
from .errors import JobError
from .model import IGNORED
from .schedule import steps_per_epoch


@dataclass(frozen=True)
class Sample:
    """One chat. `labels[t]` is the token to say after `ids[:t + 1]`, or IGNORED where nothing is learned."""

    ids: tuple[int, ...]
    labels: tuple[int, ...]
    weight: float
    targets: int


@dataclass(frozen=True)
class Dataset:
    """Samples, with what it took to make them: rows read, rows cut to length, rows without a token to learn."""

    samples: tuple[Sample, ...]
    rows: int
    truncated: int
    skipped: int
    broken_turns: int

    @property
    def tokens(self) -> int:
        return sum(len(sample.ids) for sample in self.samples)

    @property
    def target_tokens(self) -> int:
        return sum(sample.targets for sample in self.samples)


@dataclass(frozen=True)
class MicroBatch:
    """Rows padded to one length: tokens and labels (B, T), weights (B,)."""

    tokens: torch.Tensor
    labels: torch.Tensor
    weights: torch.Tensor


def load_dataset(
    path: Path, tokenizer: Tokenizer, template: ChatTemplate, max_length: int, check: Callable[[], None]
) -> Dataset:
    """Return the samples of a JSONL file.

    Args:
        path: rows of `{"id", "messages", "learn", "tools"?, "weight"?}`.
        tokenizer: of the base, with truncation and padding off.
        template: of the base.
        max_length: tokens after which a chat is cut.
        check: called between rows; it may raise to stop.
    """
    samples: list[Sample] = []
    rows = truncated = broken = 0
    for number, row in _read_rows(path):
        check()
        rows += 1
        try:
            sample, was_cut, lost = encode_row(row, tokenizer, template, max_length)
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise JobError(
                "InvalidInput", f"Line {number} of {path.name} is no chat row ({error!r}): build it again."
            ) from error
        truncated += was_cut
        broken += lost
        if sample is not None:
            samples.append(sample)
    if not samples:
        raise JobError(
            "NotEnoughData", f"No row of {path.name} has a token to learn: rate more chats, then build again."
        )
    return Dataset(tuple(samples), rows, truncated, rows - len(samples), broken)


def encode_row(
    row: dict[str, Any], tokenizer: Tokenizer, template: ChatTemplate, max_length: int
) -> tuple[Sample | None, bool, int]:
    """Return a row's sample, or None if nothing of it can be learned; whether it was cut; and its broken turns."""
    messages = clean_messages(row["messages"])
    for index in row["learn"]:
        if messages[index]["role"] != "assistant":
            raise TypeError(f"learn names message {index}, which is not the assistant's")
    text, spans, broken = learned_spans(template, messages, row["learn"], row.get("tools"))
    encoded = tokenizer.encode(text, add_special_tokens=False)
    said = [any(s.start <= at < s.end for s in spans) for at, _ in encoded.offsets]
    cut = len(encoded.ids) > max_length
    ids = encoded.ids[:max_length]
    labels = [token if keep else IGNORED for token, keep in zip(ids[1:], said[1:], strict=False)] + [IGNORED]
    targets = sum(label != IGNORED for label in labels)
    weight = float(row.get("weight", 1.0))
    if targets == 0 or weight <= 0:
        return None, cut, broken
    return Sample(tuple(ids), tuple(labels), weight, targets), cut, broken


def step_rows(dataset: Dataset, seed: int, step: int, batch_size: int) -> list[Sample]:
    """Return the samples of a step: a pure function of the seed and the step, so that a resumed run sees the same."""
    per_epoch = steps_per_epoch(len(dataset.samples), batch_size)
    epoch, place = divmod(step, per_epoch)
    generator = torch.Generator().manual_seed((seed * 1_000_003 + epoch) % 2**63)
    order = torch.randperm(len(dataset.samples), generator=generator).tolist()
    return [dataset.samples[index] for index in order[place * batch_size : (place + 1) * batch_size]]


def micro_batches(samples: Sequence[Sample], size: int, device: torch.device) -> Iterator[MicroBatch]:
    """Yield the samples in padded batches, like lengths together."""
    by_length = sorted(samples, key=lambda sample: (len(sample.ids), sample.ids))
    for start in range(0, len(by_length), size):
        yield collate(by_length[start : start + size], device)


def collate(samples: Sequence[Sample], device: torch.device) -> MicroBatch:
    """Return samples padded on the right; causal attention never looks at the padding."""
    width = max(len(sample.ids) for sample in samples)
    tokens = torch.zeros(len(samples), width, dtype=torch.long)
    labels = torch.full((len(samples), width), IGNORED)
    for row, sample in enumerate(samples):
        tokens[row, : len(sample.ids)] = torch.tensor(sample.ids)
        labels[row, : len(sample.ids)] = torch.tensor(sample.labels)
    weights = torch.tensor([sample.weight for sample in samples])
    return MicroBatch(tokens.to(device), labels.to(device), weights.to(device))


def load_tokenizer(folder: Path) -> Tokenizer:
    """Return the base's tokenizer, which neither cuts nor pads."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _read_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
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
