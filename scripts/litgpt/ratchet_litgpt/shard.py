"""Tokens on disk: written once, checked on opening, and mapped into memory rather than read."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any, overload

import torch
from safetensors.torch import load_file, save_file

from .chains import ChainFinder, above, roots
from .data import CHOSEN, LEARN, REJECTED, Counts, Sample
from .encode import Tokens
from .files import digests, read_json, sha256_file, write_folder, write_json

TENSORS = "tokens.safetensors"
MANIFEST = "manifest.json"
NAMED = 5
DIGEST_BYTES = 32


@dataclass
class ShardWriter:
    """Gathers rows whole, so that a later dataset can be cut at another length, and counts them as cut to `length`."""

    length: int
    chains: ChainFinder
    tokens: list[Tokens] = field(default_factory=list)
    learned: list[torch.Tensor] = field(default_factory=list)
    texts: list[bytes] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    targets: list[int] = field(default_factory=list)
    names: list[bytes] = field(default_factory=list)
    roles: list[int] = field(default_factory=list)
    rows: int = 0
    truncated: int = 0
    broken_turns: int = 0
    skipped: list[str] = field(default_factory=list)

    def add(
        self, name: str, text: bytes, tokens: Tokens, learned: torch.Tensor, weight: float, role: int = LEARN
    ) -> None:
        """Take one row; one whose learned tokens are all behind the cut is counted and named, and not kept.

        A pair is two rows that stay beside each other, whatever is left of them, and counts as one.
        """
        self.rows += role != REJECTED
        self.truncated += len(tokens.ids) > self.length
        targets = int(learned[1 : self.length].sum())
        if targets == 0:
            self.skipped.append(name)
            if role not in (CHOSEN, REJECTED):
                return
        self.chains.add(tokens.ids, learned, joins=role == LEARN)
        self.tokens.append(tokens)
        self.learned.append(learned)
        self.texts.append(text)
        self.weights.append(weight)
        self.targets.append(targets)
        self.names.append(name.encode())
        self.roles.append(role)

    def write(self, folder: Path, key: dict[str, Any]) -> None:
        """Write all rows into a folder, whole or not at all."""
        sizes = torch.tensor([len(tokens.ids) for tokens in self.tokens])
        tensors = {
            "ids": torch.cat([tokens.ids for tokens in self.tokens]),
            "starts": torch.cat([tokens.starts for tokens in self.tokens]),
            "learned": torch.cat(self.learned).to(torch.uint8),
            "bounds": torch.cat((torch.zeros(1, dtype=torch.long), sizes.cumsum(0))),
            "texts": torch.frombuffer(bytearray(b"".join(self.texts)), dtype=torch.uint8).view(-1, DIGEST_BYTES),
            "weights": torch.tensor(self.weights, dtype=torch.float64),
            "targets": torch.tensor(self.targets),
            "parents": self.chains.parents(),
            "names": torch.frombuffer(bytearray(b"".join(self.names)) or bytearray(1), dtype=torch.uint8),
            "name_bounds": torch.tensor([0, *accumulate(map(len, self.names))]),
            "roles": torch.tensor(self.roles, dtype=torch.uint8),
        }
        counts = Counts(
            self.rows,
            int(sizes.clamp(max=self.length).sum()),
            sum(self.targets),
            self.truncated,
            len(self.skipped),
            self.broken_turns,
        )

        def fill(aside: Path) -> None:
            save_file(tensors, aside / TENSORS)
            files = {TENSORS: sha256_file(aside / TENSORS)}
            about = {"key": key, "files": files, "counts": asdict(counts), "skipped": self.skipped[:NAMED]}
            write_json(aside / MANIFEST, about)

        write_folder(folder, fill)


class Shard(Sequence[Sample]):
    """The rows of a dataset, mapped from its file and cut to length as they are asked for."""

    def __init__(self, tensors: dict[str, torch.Tensor], counts: Counts, skipped: Sequence[str], length: int) -> None:
        self._tensors = tensors
        self._bounds: list[int] = tensors["bounds"].tolist()
        self._parents: list[int] = tensors["parents"].tolist()
        self.groups = roots(self._parents)
        self.counts = counts
        self.skipped = skipped
        self._length = length

    def __len__(self) -> int:
        return len(self._bounds) - 1

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> list[Sample]: ...
    def __getitem__(self, index: int | slice) -> Sample | list[Sample]:
        if isinstance(index, slice):
            return [self._sample(place) for place in range(*index.indices(len(self)))]
        return self._sample(range(len(self))[index])

    def texts(self) -> Iterator[bytes]:
        """Yield the digest of each row's text."""
        data = self._tensors["texts"].numpy().tobytes()
        yield from (data[at : at + DIGEST_BYTES] for at in range(0, len(data), DIGEST_BYTES))

    def tokens(self, row: int) -> Tokens:
        """Return the tokens of a row, uncut."""
        start, end = self._bounds[row], self._bounds[row + 1]
        return Tokens(self._tensors["ids"][start:end], self._tensors["starts"][start:end])

    def _sample(self, row: int) -> Sample:
        start = self._bounds[row]
        end = min(self._bounds[row + 1], start + self._length)
        ids, learned = self._tensors["ids"][start:end], self._tensors["learned"][start:end]
        weight, targets = float(self._tensors["weights"][row]), int(self._tensors["targets"][row])
        role = int(self._tensors["roles"][row])
        return Sample(ids, learned, weight, targets, self._name(row), role, row, tuple(above(row, self._parents)))

    def _name(self, row: int) -> str:
        first, end = self._tensors["name_bounds"][row : row + 2].tolist()
        return self._tensors["names"][first:end].numpy().tobytes().decode()


def open_shard(folder: Path, key: dict[str, Any] | None = None) -> Shard | None:
    """Return the shard in a folder, or None if none is there.

    Raises ValueError when it is damaged, or when its key is not the one that is asked for.
    """
    try:
        about = read_json(folder / MANIFEST)
        if (key is not None and about["key"] != key) or digests(folder, about["files"]) != about["files"]:
            raise ValueError("digest mismatch")
        counts, length = Counts(**about["counts"]), int(about["key"]["max_length"])
        return Shard(load_file(folder / TENSORS), counts, about["skipped"], length)
    except FileNotFoundError as error:
        if not folder.exists():
            return None
        raise ValueError("a file is gone") from error
    except (KeyError, TypeError) as error:
        raise ValueError("the manifest is damaged") from error
