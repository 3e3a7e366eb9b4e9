"""Runs as no instrument should write them: each ends in the right image or in one clear error, never in a wrong image."""

import gzip
import os
import random
import signal
import socket
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from attempts import Outcome
from mutations import ARCHIVES, MUTATIONS, bit_flips, pack, unpacked
from plain_reading import COLUMNS, GRID, right_image

from ionscape.data.example.chromatography import simulate_runs
from ionscape.data.example.library import LIBRARY, read_library
from ionscape.data.run_facts import run_facts
from ionscape.data.run_file import RunFile
from ionscape.errors import InputError
from ionscape.images.render import render

#: Seconds that one file may take, and characters that a message may have on a line.
SECONDS, LINE = 10, 2000

ROOT = Path(__file__).parents[2]


def quiet(_done: int, _total: int) -> None:
    """No progress."""


@contextmanager
def at_most(seconds: int):
    def stop(_number, _frame):
        raise TimeoutError(f"took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def read(path: Path) -> np.ndarray | str:
    """The image, or what a user is told; any other exception is a defect and goes on."""
    run = RunFile(path, COLUMNS)
    with at_most(SECONDS):
        try:
            image = render(run, GRID)
            run_facts(run, GRID)
        except InputError as error:
            return str(error)
    return image


def problem_of(path: Path, right: np.ndarray | None) -> str | None:
    """What is wrong with how a file was read; right: the plain reading's image, None where it refuses the file."""
    try:
        found = read(path)
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    if isinstance(found, str):
        if right is not None:
            return f"refused a good file: {found[:300]}"
        if str(InputError(path.name)) not in found or max(map(len, found.splitlines())) > LINE:
            return f"no clear message: {found[:300]}"
        return None
    if right is None:
        return "an image of a file that is no run"
    return None if np.array_equal(found, right) else "another image"


def mutated_csvs(bases: list[bytes], count: int, seed: int, folder: Path, progress=quiet) -> list[Outcome]:
    """So many CSVs, every mutation in turn, now and then two, and every sixth one in an archive; an outcome each mutation.

    Args:
        bases: good CSVs with columns time, mass and intensity; folder: for the files, those with a problem are left there.
    """
    outcomes = {change.__name__: Outcome(f"CSV: {change.__name__.replace('_', ' ')}") for change in (*MUTATIONS, *ARCHIVES)}
    for number in range(count):
        rng = random.Random(f"{seed} {number}")
        change = MUTATIONS[number % len(MUTATIONS)]
        content = change(rng, rng.choice(bases))
        if rng.random() < 0.2 and len(content) > 100:
            content = bit_flips(rng, content)
        name, suffix, right = change.__name__, "", None
        if number % 6 == 5:
            wrap = ARCHIVES[number // 6 % len(ARCHIVES)]
            suffix = rng.choice([".gz", ".zst"])
            packed = wrap(rng, pack(content, suffix))
            name, content, known = wrap.__name__, packed, unpacked(packed, suffix)
            right = None if known is None else right_image(known)
        else:
            right = right_image(content)
        path = folder / f"run{number}.csv{suffix}"
        path.write_bytes(content)
        problem = problem_of(path, right)
        outcomes[name].add(problem and f"{path.name}: {problem}")
        if not problem:
            path.unlink()
        progress(number + 1, count)
    return list(outcomes.values())


def strange_paths(folder: Path) -> list[Outcome]:
    """What is no file, or not the one that its name says: an error each, at once."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "folder.csv").mkdir()
    os.mkfifo(folder / "fifo.csv")
    os.mkfifo(folder / "fifo.mzML")
    (folder / "dangling.csv").symlink_to("nowhere.csv")
    (folder / "loop.csv").symlink_to("loop.csv")
    (folder / "endless.csv").symlink_to("/dev/zero")
    (folder / "folder.cdf").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket.csv"))
    (folder / "plain.csv.gz").write_bytes(b"time,mass,intensity\n1,2,3\n2,2,3\n")
    (folder / "packed.csv").write_bytes(gzip.compress(b"time,mass,intensity\n1,2,3\n2,2,3\n"))
    (folder / "text.cdf").write_bytes(b"time,mass,intensity\n1,2,3\n2,2,3\n")
    (folder / "text.mzML").write_bytes(b"time,mass,intensity\n1,2,3\n2,2,3\n")
    (folder / "none.csv.zst").write_bytes(b"")
    outcomes = []
    for path in [*sorted(folder.iterdir()), folder / "missing.csv", folder / ("long" * 100 + ".csv"), folder / "nul\0.csv"]:
        outcome = Outcome(f"path: {path.name[:20]!a}")
        problem = problem_of(path, None)
        outcome.add(problem and f"{path.name[:50]!a}: {problem}")
        outcomes.append(outcome)
    return outcomes


def simulated(runs: int, rows: int) -> list[bytes]:
    """Good CSVs: every n-th row of simulated runs."""
    library = read_library(LIBRARY)
    contents = []
    for run in simulate_runs(library, runs, seed=7):
        table = np.stack([run.time, run.mass, run.intensity], axis=1)
        lines = [
            f"{time:.4f},{mass},{intensity}" for time, mass, intensity in table[:: max(len(table) // rows, 1)].tolist()
        ]
        contents.append(b"\n".join([b"time,mass,intensity", *(line.encode() for line in lines), b""]))
    return contents
