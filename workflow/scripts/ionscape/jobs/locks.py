"""One job a folder."""

import fcntl
import logging
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from ..errors import Interrupted
from .signals import Stopping

logger = logging.getLogger("ionscape")


#: A file in a folder that one job at a time works in.
LOCK = ".lock"


@contextmanager
def alone_in(folder: Path, stopping: Stopping) -> Iterator[None]:
    """Waits until no other job works in the folder: one that a killed Snakemake left behind may still be ending.

    What a job that died was writing there is removed.

    Raises Interrupted if the job is to stop while it waits.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        logger.info("waiting for another job that works in %s", folder)
        started = time.monotonic()
        try:
            lock.acquire(cancel_check=lambda: bool(stopping()))
        except Timeout:
            raise Interrupted(f"{stopping()}: stopped while waiting for another job that works in {folder}") from None
        logger.info("it ended after %.0f s", time.monotonic() - started)
    try:
        _remove_temporary(folder)
        yield
    finally:
        lock.release()


def tidy(folder: Path) -> None:
    """Removes what a job of :func:`alone_in` that died was writing there, unless another works there."""
    if not (folder / LOCK).exists():
        return
    with suppress(Timeout), FileLock(folder / LOCK, timeout=0):
        _remove_temporary(folder)


def _remove_temporary(folder: Path) -> None:
    for left in folder.glob(".*.tmp"):
        shutil.rmtree(left, ignore_errors=True)


def is_locked(path: Path) -> bool:
    try:
        with open(path, "rb") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
