"""Progress lines of a job, in its log and for `make status`."""

import json
import logging
import math
import time
from collections.abc import Callable
from pathlib import Path

logger = logging.getLogger("ionscape")


#: Seconds between two progress lines.
INTERVAL = 5.0


class Progress:
    """Logs ``what done/total, seconds left`` at most every few seconds, and at the end."""

    def __init__(self, what: str):
        self.what = what
        self.started = self.last = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self.last < INTERVAL and done < total:
            return
        self.last = now
        left = (now - self.started) / done * (total - done)
        logger.info("%s %d/%d%s", self.what, done, total, f", {left:.0f} s left" if done < total else "")


class FitProgress:
    """A fit's progress: a line an epoch, or a label, in the log, and as JSON in a file that ``make status`` reads.

    Args:
        epochs: of the whole training; None for a family without.
        path: JSON lines; a job that starts adds one with ``started``, every epoch or label its row and ``seconds_left``;
            one with ``finished`` says that all outputs are there.
        about: facts of the job for the first line.
        then: called after each epoch.
    """

    def __init__(self, epochs: int | None, path: Path, about: dict, then: Callable[[], None] = lambda: None):
        self.epochs, self.path, self.then = epochs, path, then
        self.seconds: list[float] = []
        self.best = math.inf
        self._add({"started": time.time(), "epochs": epochs, **about})

    def __call__(self, row: dict) -> None:
        if self.epochs is None:
            logger.info("label %d/%d (%s)", row["done"], row["labels"], row["label"])
            self._add(row)
            return
        self.seconds.append(row["seconds"])
        loss = row["validation_loss"]  # None without a validation part
        self.best = self.best if loss is None else min(self.best, loss)
        left = sum(self.seconds) / len(self.seconds) * (self.epochs - row["epoch"])
        memory = f", {row['memory_mb']:.0f} MiB on the GPU" if row["memory_mb"] else ""
        logger.info(
            "epoch %d/%d, train loss %.4f%s, %.0f samples/s%s, %.0f s left",
            row["epoch"],
            self.epochs,
            row["train_loss"],
            "" if loss is None else f", validation loss {loss:.4f} (best {self.best:.4f})",
            row["samples_per_second"],
            memory,
            left,
        )
        self._add({**row, "best": None if loss is None else self.best, "seconds_left": left})
        self.then()

    def finished(self) -> None:
        """All outputs are there."""
        self._add({"finished": True})

    def _add(self, row: dict) -> None:
        with open(self.path, "a", encoding="utf-8") as stream:
            stream.write(json.dumps({"time": time.time(), **row}) + "\n")
