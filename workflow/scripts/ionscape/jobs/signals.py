"""What ends a long job in order: signals, the death of its Snakemake, or of one of its threads."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import psutil

from ..errors import Interrupted

#: Schedulers announce the end with one of these; Ctrl-C is the last.
SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)

#: Seconds between two looks whether Snakemake is there.
LOOK = 1.0


class Stopping:
    """Asked between steps why the job is to stop: a signal came, or a Snakemake that started it is gone.

    A killed Snakemake leaves its jobs running, and its jobs' own Snakemake processes too: all ancestors are watched.
    """

    def __init__(self) -> None:
        self.reason: str | None = None
        self.snakemakes = [parent for parent in psutil.Process().parents() if "snakemake" in _called(parent)]
        # The outermost runs a job for another, which died before this process looked.
        self.is_orphan = bool(self.snakemakes) and "subprocess" in _called(self.snakemakes[-1])

    def __call__(self) -> str | None:
        """The reason; None to go on. It takes some 0.1 ms."""
        if self.is_orphan:
            return "Snakemake is gone"
        gone = [process.pid for process in self.snakemakes if not _is_alive(process)]
        return f"Snakemake (process {gone[-1]}) is gone" if gone else self.reason

    def note(self, number: int, _frame: FrameType | None) -> None:
        """Signal handler."""
        self.reason = self.reason or signal.Signals(number).name


def or_stop(progress: Callable[[int, int], None], stopping: Callable[[], str | None]) -> Callable[[int, int], None]:
    """A progress callback that ends a job that is to stop: it raises Interrupted with the reason."""

    def call(done: int, total: int) -> None:
        if reason := stopping():
            raise Interrupted(f"{reason}: stopped at {done} of {total}; nothing was written")
        progress(done, total)

    return call


def _called(process: psutil.Process) -> list[str]:
    """``snakemake``, by whatever path or as a module, and what follows it; nothing for other programs."""
    try:
        words = process.cmdline()
    except psutil.Error:
        return []
    names = [os.path.basename(word) for word in words[:3]]
    return ["snakemake", *words[names.index("snakemake") + 1 :]] if "snakemake" in names else []


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def interruptible() -> Iterator[None]:
    """Signals, and the death of a Snakemake that started it, end what runs in the main thread: it raises Interrupted.

    So does the death of a thread, as for want of memory: what waits for it, such as a pool's results, would do so for ever.
    For jobs that keep nothing; :func:`stoppable` within it is for those that choose when to stop.
    """
    stopping = Stopping()

    def interrupt(number: int, frame: FrameType | None) -> None:
        stopping.note(number, frame)
        raise Interrupted(f"{stopping()}: stopped; nothing is left half-written, run again")

    def watch() -> None:
        while not ended.wait(LOOK):
            if stopping():
                os.kill(os.getpid(), signal.SIGTERM)
                return

    def miss(thread: threading.ExceptHookArgs) -> None:
        kind, error = thread.exc_type, thread.exc_value
        if kind is SystemExit or error is None:
            return
        stopping.reason = f"a thread died ({kind.__name__}: {str(error) or 'out of memory'})"
        os.kill(os.getpid(), signal.SIGTERM)
        logging.getLogger().error("a thread died", exc_info=(kind, error, thread.exc_traceback))  # for the log alone

    ended = threading.Event()
    before = {number: signal.signal(number, interrupt) for number in SIGNALS}
    if stopping.snakemakes:
        threading.Thread(target=watch, daemon=True).start()
    hook, threading.excepthook = threading.excepthook, miss
    try:
        yield
    finally:
        ended.set()
        threading.excepthook = hook
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def stoppable() -> Iterator[Stopping]:
    """Signals are noted instead of ending the process, and so is the death of a Snakemake that started it."""
    stopping = Stopping()
    before = {number: signal.signal(number, stopping.note) for number in SIGNALS}
    try:
        yield stopping
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def end_with(parent: int) -> None:
    """Called first in a worker process: it ends when the process that started it is gone, as after a SIGKILL."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
