"""What a run has left: fingerprints of its results, and a census of what must not grow."""

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import psutil
import pyarrow.parquet as pq

#: Files that hold times, or how often something was started: only that they are there is compared.
TIMED = re.compile(r"(^|/)(logs|benchmarks)/|/report/(jobs\.png|trainings\.html|provenance\.html)$|predict\.(log|tsv)$")

#: Files that are there or not: a lock that nobody holds, Snakemake's own, and the state of a training that failed when it
#: was forced again, so that its earlier outputs were restored; it goes on from there when it is forced the next time.
KEPT = (".lock", ".ballast", ".snakemake_timestamp", "checkpoint.safetensors")

#: Columns of history.parquet that are no seconds.
REPEATABLE = ("epoch", "rate", "train_loss", "validation_loss", "recomputed")

#: What joblib and its worker processes name after their process in shared memory.
SHARED = re.compile(r"(?:joblib_memmapping_folder_|sem\.loky-|loky-)(\d+)")


def results_of(folder: Path) -> Iterator[Path]:
    """All paths of what a run makes."""
    yield from (folder / "results").rglob("*")


def fingerprints(folder: Path) -> dict[str, str]:
    """Path → SHA-256 of every result in a run folder; of a history only what is no time; of what holds times ``there``."""
    found = {}
    for path in results_of(folder):
        name = path.relative_to(folder).as_posix()
        if path.name in KEPT or not path.is_file():
            continue
        if TIMED.search(name):
            found[name] = "there"
        else:
            found[name] = _fingerprint(path)
    return found


def _fingerprint(path: Path) -> str:
    content = path.read_bytes()
    if path.name == "history.parquet":
        try:
            content = repr(pq.read_table(path, columns=list(REPEATABLE)).to_pydict()).encode()
        except (OSError, ValueError) as error:
            return f"cannot be read: {error}"
    return hashlib.sha256(content).hexdigest()


def census(folder: Path, temporary: Path, cache: Path) -> dict[str, int]:
    """How much there is of what must not grow, however often a run is disturbed.

    Args:
        folder: of the run; temporary: its TMPDIR; cache: what Snakemake keeps of the user's.
    """
    state = folder / ".snakemake"
    slots = list(Path("/tmp").glob(f"ionscape-{os.getuid()}/*.lock"))
    shared = [match for match in map(SHARED.match, os.listdir("/dev/shm")) if match]
    return {
        "files of the run": sum(path.is_file() for path in results_of(folder)),
        "files in .snakemake": _files(state) - _files(state / "log") - _files(state / "scripts"),
        "scripts of killed Snakemakes": _files(state / "scripts"),
        "temporary files": sum(not path.name.startswith(("torchinductor", "snakemake")) for path in temporary.iterdir()),
        "temporary folders of killed Snakemakes": len(list(temporary.glob("snakemake*"))),
        "caches of killed Snakemakes": len(list(cache.glob("**/snakemake-runtime-cache/*"))),
        "shared memory of dead processes": sum(not psutil.pid_exists(int(match[1])) for match in shared),
        "GPU slots taken": sum(_is_locked(path) for path in slots),
    }


def _files(folder: Path) -> int:
    return sum(path.is_file() for path in folder.rglob("*"))


def _is_locked(path: Path) -> bool:
    with open(path, "rb") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
