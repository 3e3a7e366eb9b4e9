"""The door between a rule and the library: logging, progress, and errors without a traceback on the console."""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import InputError

logger = logging.getLogger("ionscape")

#: Seconds between two progress lines.
INTERVAL = 5.0


@contextmanager
def door(snakemake: Any) -> Iterator[None]:
    """Runs a script's body: INFO lines go to the rule's log and the console, tracebacks to the log alone.

    An :class:`InputError` ends the job with its message; any other exception with one line and where its traceback is.
    """
    path = Path(snakemake.log[0])
    path.parent.mkdir(parents=True, exist_ok=True)
    wildcards = ", ".join(f"{name}={value}" for name, value in snakemake.wildcards.items())
    title = f"{snakemake.rule}[{wildcards}]" if wildcards else snakemake.rule
    to_file = logging.FileHandler(path, mode="w", encoding="utf-8")
    to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    to_console = logging.StreamHandler(sys.stderr)
    to_console.setFormatter(logging.Formatter(f"{title}: %(message)s"))
    logging.getLogger().addHandler(to_file)
    logging.captureWarnings(True)
    logger.addHandler(to_console)
    logger.setLevel(logging.INFO)
    try:
        yield
    except InputError as error:
        logger.error("%s", error)
        sys.exit(1)
    except Exception as error:
        logger.error("%s: %s (traceback in %s)", type(error).__name__, error, path)
        logger.removeHandler(to_console)
        logger.exception("traceback")
        sys.exit(1)


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


class EpochProgress:
    """Logs a fit's progress: an epoch of ``epochs`` with its losses and the seconds left, or a label that is done."""

    def __init__(self, epochs: int | None):
        self.epochs = epochs
        self.seconds = 0.0

    def __call__(self, row: dict) -> None:
        if self.epochs is None:
            logger.info("label %d/%d (%s)", row["done"], row["labels"], row["label"])
            return
        self.seconds += row["seconds"]
        logger.info(
            "epoch %d/%d, train loss %.4f, validation loss %.4f, %.0f s left",
            row["epoch"],
            self.epochs,
            row["train_loss"],
            row["validation_loss"],
            self.seconds / row["epoch"] * (self.epochs - row["epoch"]),
        )
