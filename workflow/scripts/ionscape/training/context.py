"""What a fit is given beside samples and settings."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import Interrupted


def _silent(row: dict) -> None:
    """Nobody looks."""


def _goes_on() -> None:
    """Nobody stops it."""


@dataclass(frozen=True)
class FitContext:
    """What surrounds a fit.

    Attributes:
        labels: names of the logits.
        threads: CPU threads that it may use.
        progress: called with a row of the family's history: of an epoch, or of a label (:meth:`fitted`).
        checkpoint: the file that a family with epochs keeps its state in and goes on from; None keeps none.
        stopping: asked between steps why to stop; None goes on.
        last_epoch: after which a fit without a validation part ends, the schedule being that of all epochs; None: the last.
    """

    labels: list[str]
    threads: int = 1
    progress: Callable[[dict], None] = _silent
    checkpoint: Path | None = None
    stopping: Callable[[], str | None] = _goes_on
    last_epoch: int | None = None

    def fitted(self, done: int) -> None:
        """So many labels are fitted, of a family that fits one after the other. Raises Interrupted if it is to stop."""
        self.progress({"label": self.labels[done - 1], "done": done, "labels": len(self.labels)})
        if reason := self.stopping():
            raise Interrupted(f"{reason}: stopped after label {done} of {len(self.labels)}")
