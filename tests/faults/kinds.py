"""The kinds of fault: those of a job strike a live one, wait until it ended, and are lifted; others strike Snakemake."""

import contextlib
import os
import random
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from calls import Job, Snakemake
from run_folder import RUN, Run

#: Seconds after which a fault that a job did not notice is lifted.
PATIENCE = 120

#: Bytes of the small disk; all of a run's results take a third of it.
DISK = 64 << 20


def strike_by(number: signal.Signals) -> Callable[[Run, Job, random.Random], bool]:
    """A signal to the job. The rule is struck if the job lived when it came."""

    def strike(run: Run, job: Job, random_: random.Random) -> bool:
        try:
            job.process.send_signal(number)
        except psutil.NoSuchProcess:
            return False
        return job.ends(PATIENCE)

    return strike


def fill_disk(run: Run, job: Job, random_: random.Random) -> bool:
    """The results' disk has at most some KiB left while the job writes."""
    ballast = run.folder / "results/.ballast"
    with open(ballast, "wb") as stream:
        _fill(stream.fileno(), random_.choice((0, 0, 4096, 16384, 65536)))
        job.ends(PATIENCE)
    ballast.unlink()
    return True


def _fill(handle: int, left: int) -> None:
    """Until so many bytes are free, whatever others write or remove meanwhile."""
    size = 0
    for _ in range(3):
        room = os.fstatvfs(handle)
        more = room.f_bavail * room.f_bsize - left
        if more > 0:
            with contextlib.suppress(OSError):
                os.posix_fallocate(handle, size, more)
                size += more


def make_read_only(run: Run, job: Job, random_: random.Random) -> bool:
    """The results, but for logs and benchmarks, cannot be written while the job runs."""
    until = time.monotonic() + PATIENCE
    while not _remount(run.folder / "results", "ro"):  # busy while a file is being written
        if not job.alive or time.monotonic() > until:
            return False
        time.sleep(0.02)
    try:
        job.ends(PATIENCE)
    finally:
        _remount(run.folder / "results", "rw")
    return True


def limit_memory(run: Run, job: Job, random_: random.Random) -> bool:
    """The job gets no more address space than it has, and a little."""
    try:
        limit = job.process.memory_info().vms + random_.choice((0, 1 << 20, 16 << 20, 64 << 20))
        job.process.rlimit(psutil.RLIMIT_AS, (limit, limit))
    except psutil.NoSuchProcess:
        return False
    return job.ends(PATIENCE)


@dataclass(frozen=True)
class Fault:
    """Something that befalls a job.

    Attributes:
        strike: does it, waits until the job ended, lifts it. Returns whether the job lived.
        says: what the console must say of the jobs that fail; None where one may also end as if nothing had been (a
            SIGTERM that comes late), so that no failure is asked for.
        mounts: needs the results on a disk of their own, and befalls all jobs that run.
        latest: share of a job's life after which it would not notice.
        met_by_snakemake: may end Snakemake itself too, which has tracebacks of its own for that.
    """

    strike: Callable[[Run, Job, random.Random], bool]
    says: re.Pattern | None = None
    mounts: bool = False
    latest: float = 0.9
    met_by_snakemake: bool = False


#: Some libraries know no better than to crash, and Snakemake says by which signal.
OUT_OF_MEMORY = re.compile("memory|map segment|new thread|SystemError|Signals.SIG(SEGV|ABRT|BUS)", re.IGNORECASE)

JOB_FAULTS = {
    "SIGKILL": Fault(strike_by(signal.SIGKILL)),
    "SIGTERM": Fault(strike_by(signal.SIGTERM)),
    "disk full": Fault(fill_disk, re.compile("No space left on device"), mounts=True, latest=0.4, met_by_snakemake=True),
    "read-only": Fault(
        make_read_only, re.compile("Read-only file system|Write-protected"), mounts=True, latest=0.4, met_by_snakemake=True
    ),
    "out of memory": Fault(limit_memory, OUT_OF_MEMORY, met_by_snakemake=True),
}

#: Signals that end Snakemake itself; SIGINT as by Ctrl-C, to its jobs too.
SNAKEMAKE_FAULTS = {"SIGKILL": signal.SIGKILL, "SIGTERM": signal.SIGTERM, "Ctrl-C": signal.SIGINT}


def can_mount() -> bool:
    """Whether file systems may be mounted here: as root, in most containers not."""
    if os.geteuid():
        return False
    probe = Path(f"/tmp/ionscape-mount-{os.getpid()}")
    probe.mkdir()
    try:
        mounted = _mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", str(probe))
        if mounted:
            _unmount(probe)
        return mounted
    finally:
        probe.rmdir()


@contextmanager
def small_disk(run: Run) -> Iterator[None]:
    """The results lie on a disk of their own, which can be filled or made read-only; logs and benchmarks stay writable."""
    results = run.folder / "results"
    kept = run.folder / "results.kept"
    results.rename(kept)
    results.mkdir()
    nested = [run.folder / RUN / name for name in ("logs", "benchmarks")]
    assert _mount("-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(results))
    try:
        subprocess.run(["cp", "-a", f"{kept}/.", str(results)], check=True)
        for place in nested:
            place.mkdir(parents=True, exist_ok=True)
            assert _mount("--bind", str(place), str(place))
        yield
    finally:
        for place in nested:
            _unmount(place)
        _remount(results, "rw")
        subprocess.run(["rm", "-rf", str(kept)], check=True)
        subprocess.run(["cp", "-a", f"{results}/.", str(run.folder / "results.back")], check=True)
        _unmount(results)
        results.rmdir()
        (run.folder / "results.back").rename(results)


@contextmanager
def read_only(run: Run) -> Iterator[None]:
    """The results cannot be written."""
    results = run.folder / "results"
    assert _mount("--bind", str(results), str(results))
    try:
        assert _remount(results, "ro")
        yield
    finally:
        _unmount(results)


def _mount(*arguments: str) -> bool:
    return subprocess.run(["mount", *arguments], capture_output=True, check=False).returncode == 0


def _remount(place: Path, mode: str) -> bool:
    return _mount("-o", f"remount,bind,{mode}", str(place))


def _unmount(place: Path) -> None:
    subprocess.run(["umount", "--lazy", str(place)], capture_output=True, check=False)


def end_snakemake(run: Run, snakemake: Snakemake, number: signal.Signals, after: float) -> bool:
    """A signal to Snakemake after so many seconds. Returns whether it lived; all it started must end by itself."""
    until = time.monotonic() + after
    while snakemake.runs and time.monotonic() < until:
        time.sleep(0.02)
    struck = snakemake.send(number)
    snakemake.wait()
    return struck
