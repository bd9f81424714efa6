"""The objective that a job names, with its rows in the base's tokens."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..context import Context
from ..data import BAD, CHOSEN, GOOD, REJECTED, Dataset, Sample
from ..errors import JobError
from .dpo import Dpo, Pair
from .kto import Kto
from .objective import Objective
from .sft import Sft


def load_objective(context: Context, length: int) -> Objective[Any]:
    """Return what the job learns, with its rows in the base's tokens, none longer than `length`."""
    method = context.job.spec["method"]
    load = _Loader(context, length)
    match method["kind"]:
        case "dpo":
            pairs, held = load.pairs("pairs"), load.pairs("val_pairs")
            chats = _without(load.chats("train"), pairs)
            settings = (method["beta"], method["sft_weight"], method["replay_kl"])
            return Dpo([*pairs, *chats], held or load.chats("val"), *settings)
        case "kto":
            weights = {GOOD: method["desirable_weight"], BAD: method["undesirable_weight"]}
            judged, after = load.judged("judged"), load.judged("val_judged")
            return Kto(judged, after, method["beta"], weights, length, method["sft_weight"])
        case _:
            found = load.dataset("train")
            return Sft(found.samples, load.chats("val"), found.groups, method["replay_kl"])


class _Loader:
    """Opens the files of a job's data, by the name that the job gives them; none is no rows."""

    def __init__(self, context: Context, length: int) -> None:
        self._context = context
        self._length = length

    def dataset(self, name: str) -> Dataset:
        return self._context.load(Path(self._context.job.spec["data"][name]), self._length)

    def chats(self, name: str) -> Sequence[Sample]:
        return self._load(name, "chats")

    def judged(self, name: str) -> Sequence[Sample]:
        return self._load(name, "judged")

    def pairs(self, name: str) -> list[Pair]:
        """Return the pairs of which both answers have something left to learn."""
        samples = list(self._load(name, "pairs"))
        found = [Pair(*two) for two in zip(samples[::2], samples[1::2], strict=True)]
        assert all((two.chosen.role, two.rejected.role) == (CHOSEN, REJECTED) for two in found)  # noqa: S101
        whole = [two for two in found if two.chosen.targets and two.rejected.targets]
        if found and not whole:
            raise JobError(
                "NotEnoughData", f"No pair has both answers within {self._length} tokens: raise max_seq_length."
            )
        return whole

    def _load(self, name: str, form: str) -> Sequence[Sample]:
        path = self._context.job.spec["data"][name]
        return self._context.load(Path(path), self._length, form).samples if path else []


def _without(chats: Sequence[Sample], pairs: Sequence[Pair]) -> list[Sample]:
    """Return the chats that are not learned already as the better answer of a pair."""
    known = {_tokens(pair.chosen) for pair in pairs}
    return [chat for chat in chats if _tokens(chat) not in known]


def _tokens(sample: Sample) -> bytes:
    return bytes(sample.ids.numpy().tobytes())
