"""The door between a rule and the library: logging, and errors without a traceback on the console."""

import logging
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import InputError, Interrupted
from ..files.atomic import remove_unfinished
from .signals import interruptible

logger = logging.getLogger("ionscape")


#: Exit code of a job that was stopped and goes on when it is run again (EX_TEMPFAIL of sysexits.h).
TRY_AGAIN = 75


@contextmanager
def door(snakemake: Any) -> Iterator[None]:
    """Runs a script's body: INFO lines are added to the rule's log and said on the console, tracebacks go to the log alone.

    An :class:`InputError` ends the job with its message; any other exception with one line and where its traceback is. So
    do signals, and the end of its Snakemake. What a job that was killed had begun to write is removed first.
    """
    path = Path(snakemake.log[0])
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
