"""Runs to be answered for: which files they are, and what is read of them. They have no labels, and need no metadata."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .dataset import resolve_inside
from .errors import InputError
from .export import Exported
from .images import render
from .instruments import READERS
from .run_facts import RunFacts, run_facts, unlike
from .runs import read_run
from .tables import read_rows

#: Ends of the names of files that are taken for runs when a folder is given, in lower case.
ENDS = (".csv", ".csv.gz", ".csv.zst", *READERS)

#: In a folder of runs, the file that may say more about them.
METADATA = "metadata.csv"


@dataclass(frozen=True)
class NewRun:
    """A file to be answered for: its sample_id, its path, its side flag (0 or 1)."""

    sample_id: str
    path: Path
    side: int = 0


@dataclass(frozen=True)
class ReadRuns:
    """What was read of new runs, in their order; a run that cannot be read has a problem, and an empty image.

    Attributes:
        runs: all of them.
        images: float32 [n, masses, times], METHOD steps 1–3.
        facts: of each, None with a problem.
        problems: of each the reason why it cannot be answered for, or None.
        warnings: of each what of it is unlike the training runs.
    """

    runs: list[NewRun]
    images: np.ndarray
    facts: list[RunFacts | None]
    problems: list[str | None]
    warnings: list[list[str]]

    @property
    def fine(self) -> np.ndarray:
        """Rows without a problem, int [k]."""
        return np.flatnonzero([problem is None for problem in self.problems])


def find_runs(new: str | Path | Sequence[str | Path], side: dict[str, str] | None) -> list[NewRun]:
    """The runs in a folder, or the files given, or both.

    A folder's ``metadata.csv`` says which they are (``features_path``, and optionally ``sample_id`` and the side column);
    without one it is every CSV, mzML and netCDF file in it and its folders. The sample_id of a file is its name without the
    end, or its path where that would not tell two apart.

    Args:
        side: the model's side column and the value that means 1; without it, or without metadata, the flag is 0.

    Raises:
        InputError: nothing is there, no run in it, or a path that leaves the folder.
    """
    entries = [new] if isinstance(new, str | Path) else list(new)
    found: list[tuple[str | None, Path, str, int]] = []  # sample_id if one is given, path, name within what was given, side
    for entry in map(Path, entries):
        if entry.is_dir():
            found += _in_folder(entry, side)
        elif entry.exists():
            found.append((None, entry, entry.as_posix(), 0))
        else:
            raise InputError(f"new: {str(entry)!r} is neither a folder nor a file (looked in {Path.cwd()})")
    names = [given or _stem(path.name) for given, path, _, _ in found]
    twice = {name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else set()
    ids = [within if name in twice else name for name, (_, _, within, _) in zip(names, found, strict=True)]
    if len(set(ids)) < len(ids):
        repeated = next(sample for sample in ids if ids.count(sample) > 1)
        raise InputError(f"new: {repeated!r} is given more than once")
    return [NewRun(sample, path, flag) for sample, (_, path, _, flag) in zip(ids, found, strict=True)]


def find_new(model: str | None, new: str | list[str] | None) -> list[NewRun]:
    """The runs that ``snakemake predict`` is to answer for, when the workflow is parsed.

    Raises:
        InputError: one of the two without the other, ``model`` is no exported folder, or what :func:`find_runs` raises.
    """
    if model is None:
        raise InputError("model: is missing; name the exported folder that is to predict: --config model=FOLDER new=…")
    if not (Path(model) / "model.json").is_file():
        raise InputError(f"model: {model!r} is no exported folder, it has no model.json (looked in {Path.cwd()})")
    if new is None:
        raise InputError("new: is missing; name the runs to answer for: --config model=… new=FOLDER-OR-FILES")
    return find_runs(new, None)


def _in_folder(folder: Path, side: dict[str, str] | None) -> list[tuple[str | None, Path, str, int]]:
    if (folder / METADATA).is_file():
        header, rows = read_rows(folder / METADATA, "the metadata", ["features_path"])
        column = side["column"] if side and side["column"] in header else None
        found = []
        for line, row in enumerate(rows, start=2):
            try:
                path = resolve_inside(folder, row["features_path"])
            except InputError as error:
                raise InputError(f"{folder / METADATA}, line {line}, column 'features_path': {error}") from error
            flag = int(column is not None and row[column].strip() == side["positive"])
            found.append((row.get("sample_id"), path, row["features_path"], flag))
        return found
    paths = sorted(path for path in folder.rglob("*") if path.name.lower().endswith(ENDS) and not path.name.startswith("."))
    if not paths:
        raise InputError(f"new: {folder} holds no run: no file ends in {', '.join(ENDS)}")
    within = [path.relative_to(folder).as_posix() for path in paths]
    return [(None, resolve_inside(folder, name), name, 0) for name in within]


def _stem(name: str) -> str:
    end = max((end for end in ENDS if name.lower().endswith(end)), key=len, default="")
    return name[: len(name) - len(end)] or name


def read_runs(runs: list[NewRun], exported: Exported, threads: int, progress: Callable[[int, int], None]) -> ReadRuns:
    """Reads and renders runs as the model's own were; a run that cannot be used does not stop the others.

    Args:
        threads: runs read at a time; progress: called with (runs read, runs).
    """
    grid, columns, known = exported.grid, exported.facts["columns"], exported.facts["known"]
    images = np.zeros((len(runs), grid.masses, grid.times), dtype=np.float32)

    def read(row: int) -> tuple[RunFacts | None, str | None]:
        path = runs[row].path
        try:
            run = read_run(path, columns)
            try:
                images[row] = render(run, grid)
            except InputError as error:
                raise InputError(f"{path}: {error}") from error
            return run_facts(run, grid), None
        except InputError as error:
            return None, str(error)

    facts, problems = [], []
    with ThreadPoolExecutor(threads) as pool:
        for done, (told, problem) in enumerate(pool.map(read, range(len(runs))), start=1):
            facts.append(told)
            problems.append(problem)
            progress(done, len(runs))
    warnings = [unlike(told, known) if told else [] for told in facts]
    return ReadRuns(runs, images, facts, problems, warnings)
