"""The door between a rule and the library: logging, progress, and errors without a traceback on the console."""

import json
import logging
import math
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import InputError, Interrupted
from .jobs import interruptible
from .tables import remove_unfinished

logger = logging.getLogger("ionscape")

#: Exit code of a job that was stopped and goes on when it is run again (EX_TEMPFAIL of sysexits.h).
TRY_AGAIN = 75

#: Seconds between two progress lines.
INTERVAL = 5.0


@contextmanager
def door(snakemake: Any) -> Iterator[None]:
    """Runs a script's body: INFO lines are added to the rule's log and said on the console, tracebacks go to the log alone.

    An :class:`InputError` ends the job with its message; any other exception with one line and where its traceback is. So
    do signals, and the end of its Snakemake. What a job that was killed had begun to write is removed first.
    """
    path, to_file = Path(snakemake.log[0]), None
    wildcards = ", ".join(f"{name}={value}" for name, value in snakemake.wildcards.items())
    title = f"{snakemake.rule}[{wildcards}]" if wildcards else snakemake.rule
    to_console = logging.StreamHandler(sys.stderr)
    to_console.setFormatter(logging.Formatter(f"{title}: %(message)s"))
    logger.addHandler(to_console)
    logger.setLevel(logging.INFO)
    logging.captureWarnings(True)
    logging.raiseExceptions = False  # a log that cannot be written is no reason for tracebacks on the console
    to_file = None
    try:
        with interruptible():
            path.parent.mkdir(parents=True, exist_ok=True)
            to_file = logging.FileHandler(path, mode="a", encoding="utf-8")
            to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
            logging.getLogger().addHandler(to_file)
            _remove_unfinished(snakemake.output)
            yield
            _remove_unfinished(snakemake.output)  # where the disk was full or read-only at the start
    except InputError as error:
        logger.error("%s", error)
        sys.exit(1)
    except Interrupted as error:
        logger.warning("%s", error)
        sys.exit(TRY_AGAIN)
    except Exception as error:
        where = f" (traceback in {path})" if to_file else ""
        logger.error("%s%s", _in_words(error), where)
        if to_file:
            logger.removeHandler(to_console)
            logger.exception("traceback")
        sys.exit(1)


def _in_words(error: BaseException) -> str:
    """What failed; where that was the handling of another error, as a pool's end for want of memory, also the other."""
    words = f"{type(error).__name__}: {error}"
    first = None if error.__suppress_context__ else error.__context__
    return f"{words}, after {_in_words(first)}" if first else words


def _remove_unfinished(outputs: Iterable[str]) -> None:
    for output in outputs:
        remove_unfinished(output)


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
    """

    def __init__(self, epochs: int | None, path: Path, about: dict):
        self.epochs, self.path = epochs, path
        self.seconds: list[float] = []
        self.best = math.inf
        self._add({"started": time.time(), "epochs": epochs, **about})

    def __call__(self, row: dict) -> None:
        if self.epochs is None:
            logger.info("label %d/%d (%s)", row["done"], row["labels"], row["label"])
            self._add(row)
            return
        self.seconds.append(row["seconds"])
        self.best = min(self.best, row["validation_loss"])
        left = sum(self.seconds) / len(self.seconds) * (self.epochs - row["epoch"])
        memory = f", {row['memory_mb']:.0f} MiB on the GPU" if row["memory_mb"] else ""
        logger.info(
            "epoch %d/%d, train loss %.4f, validation loss %.4f (best %.4f), %.0f samples/s%s, %.0f s left",
            row["epoch"],
            self.epochs,
            row["train_loss"],
            row["validation_loss"],
            self.best,
            row["samples_per_second"],
            memory,
            left,
        )
        self._add({**row, "best": self.best, "seconds_left": left})

    def finished(self) -> None:
        """All outputs are there."""
        self._add({"finished": True})

    def _add(self, row: dict) -> None:
        with open(self.path, "a", encoding="utf-8") as stream:
            stream.write(json.dumps({"time": time.time(), **row}) + "\n")
