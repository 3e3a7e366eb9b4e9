"""What keeps a long job from being lost or left behind: signals, its Snakemake's life, and one job a folder."""

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

logger = logging.getLogger("ionscape")

#: Schedulers announce the end with one of these; Ctrl-C is the last.
SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)

#: Seconds between two looks whether Snakemake lives.
LOOK = 1.0


class Stopping:
    """Asked whether the job is to stop: a signal came, or its Snakemake is gone. Call it between steps."""

    def __init__(self) -> None:
        self.reason: str | None = None

    def __call__(self) -> bool:
        return self.reason is not None


@contextmanager
def stoppable() -> Iterator[Stopping]:
    """Signals are noted instead of ending the process; so is the death of a Snakemake that started it.

    A killed Snakemake leaves its jobs running, and its jobs' own Snakemake processes too: all ancestors are watched.
    """
    stopping = Stopping()

    def note(number, _frame) -> None:
        stopping.reason = signal.Signals(number).name

    def watch() -> None:
        while not over.wait(LOOK):
            gone = [parent for parent in parents if not parent.is_running() or parent.status() == psutil.STATUS_ZOMBIE]
            if gone:
                stopping.reason = f"Snakemake (process {gone[-1].pid}) is gone"
                return

    parents = [parent for parent in psutil.Process().parents() if _is_snakemake(parent)]
    over = threading.Event()
    before = {number: signal.signal(number, note) for number in SIGNALS}
    threading.Thread(target=watch, daemon=True).start()
    try:
        yield stopping
    finally:
        over.set()
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_snakemake(process: psutil.Process) -> bool:
    try:
        return any(os.path.basename(word) == "snakemake" for word in process.cmdline()[:3])
    except psutil.Error:
        return False


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Waits until no other job works in the folder: one that a killed Snakemake left behind may still be ending."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        logger.info("waiting for another job that works in %s", folder)
        started = time.monotonic()
        lock.acquire()
        logger.info("it ended after %.0f s", time.monotonic() - started)
    try:
        yield
    finally:
        lock.release()
