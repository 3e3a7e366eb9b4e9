"""A call of Snakemake in the background, and the live processes of its jobs."""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

#: Seconds that a call may take; the longest take a fifth.
LIMIT = 600


@dataclass(frozen=True)
class Job:
    """A live process of a rule's script."""

    rule: str
    process: psutil.Process

    @property
    def alive(self) -> bool:
        try:
            return self.process.is_running() and self.process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def ends(self, seconds: float) -> bool:
        """Whether it ends within so many."""
        until = time.monotonic() + seconds
        while self.alive and time.monotonic() < until:
            time.sleep(0.02)
        return not self.alive


class Snakemake:
    """A call of Snakemake in the background, in a process group of its own; what it says goes to a file.

    Args:
        said: the file; environment: its variables; before: a shell's commands before it, such as ``ulimit -v 1000``.
    """

    def __init__(self, folder: Path, said: Path, arguments: tuple[str, ...], environment: dict[str, str], before: str = ""):
        self.path, self.until, self.hung = said, time.monotonic() + LIMIT, False
        command = [sys.executable, "-m", "snakemake", *arguments]
        if before:
            command = ["bash", "-c", f'{before}; exec "$@"', "bash", *command]
        with open(said, "w") as stream:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self.path.read_text(errors="replace")

    @property
    def runs(self) -> bool:
        return self.process.poll() is None and time.monotonic() < self.until

    def send(self, number: signal.Signals) -> bool:
        """Signals Snakemake alone, or with Ctrl-C its jobs too, as a terminal does. Returns whether it was alive."""
        if not self.runs:
            return False
        if number == signal.SIGINT:
            os.killpg(self.process.pid, number)
        else:
            self.process.send_signal(number)
        return True

    def wait(self) -> int:
        """Its exit code. One that does not end is killed with its jobs."""
        try:
            return self.process.wait(max(0, self.until - time.monotonic()))
        except subprocess.TimeoutExpired:
            self.hung = True
            os.killpg(self.process.pid, signal.SIGKILL)
            return self.process.wait()

    def problems(self, allowed: bool = False) -> list[str]:
        """Tracebacks on the console, and that it did not end.

        Args:
            allowed: not those of Snakemake's own code, its lines before a script included, which nothing here can turn
                into a message.
        """
        problems = [f"{self.path}: it did not end in {LIMIT} s"] if self.hung else []
        for trace in re.split(r"^(?=Traceback )", self.said, flags=re.MULTILINE)[1:]:
            ours = re.search(r'File "[^"]*/(scripts/ionscape|workflow/scripts|workflow/rules)/', trace)
            if ours or not allowed:
                problems.append(f"{self.path}: traceback: {_excerpt(trace)}")
        return problems


def _excerpt(trace: str) -> str:
    """The error's line."""
    lines = [line for line in trace.splitlines()[1:80] if re.match(r"[A-Za-z.]+(Error|Exception|Interrupt)\b", line)]
    return lines[0] if lines else trace[:200]
