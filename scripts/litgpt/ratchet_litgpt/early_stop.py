"""When a run has learned what it can: the held-out loss no longer falls."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass
class Patience:
    """The held-out loss that has to be beaten, and how many validations in a row did not."""

    bar: float | None = None
    stale: int = 0

    def see(self, loss: float, settings: Mapping[str, Any]) -> bool:
        """Take a held-out loss; return whether it is over: `patience` of them in a row, none lower by `min_delta`."""
        if self.bar is None or loss < self.bar - settings["min_delta"]:
            self.bar, self.stale = loss, 0
        else:
            self.stale += 1
        return bool(self.stale >= settings["patience"])
