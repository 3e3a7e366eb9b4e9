"""Runs to be answered for: which files they are, and what is read of them. They have no labels, and need no metadata."""

import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..config.sections import Side
from ..data.readers import readers
from ..data.run_facts import RunFacts, run_facts
from ..data.run_file import RunFile
from ..errors import InputError, legible
from ..files.paths import resolve_inside
from ..files.small_csv import read_rows
from ..images.render import render
from .applicability import unlike
from .export import Exported

#: Ends of the names of files that are taken for runs when a folder is given, in lower case.
ENDS = (".csv", ".csv.gz", ".csv.zst", *readers())

#: In a folder of runs, the file that may say more about them.
METADATA = "metadata.csv"


@dataclass(frozen=True)
class NewRun:
    """A file to be answered for.

    Attributes:
        sample_id: printable text. path: where it is.
        side: its side flag, 0 or 1; None where nothing tells it.
        problem: why it is not to be read, or None.
    """

    sample_id: str
    path: Path
    side: int | None = None
    problem: str | None = None

    @property
    def file(self) -> str:
        """The path as text; bytes that are no UTF-8, and what cannot be read, are escaped."""
        return _text(self.path)


@dataclass(frozen=True)
class ReadRuns:
    """What was read of new runs, in their order; a run that cannot be read has a problem, and an empty image.

    Attributes:
        runs: all of them.
        images: float32 [n, masses, times], METHOD steps 1–3.
        facts: of each, None with a problem.
        problems: of each the reason why it cannot be answered for, or None.
        warnings: of each what of it is unlike the training runs, or not told.
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


def find_runs(new: str | Path | Sequence[str | Path], side: Side | None, without: Path | None = None) -> list[NewRun]:
    """The runs in a folder, or the files given, or both.

    A folder's ``metadata.csv`` says which they are (``features_path``, and optionally ``sample_id`` and the side column);
    without one it is every CSV, mzML and netCDF file in it and its folders, hidden ones left out. The sample_id of a file
    is its name without the end, or its path where that would not tell two apart. A path that leaves its folder is not read.

    Args:
        side: the model's side column and the value that means 1.
        without: a folder that holds no runs, such as earlier predictions.

    Raises:
        InputError: nothing is there, no run in it, or one twice.
    """
    entries = [new] if isinstance(new, str | Path) else list(new)
    found: list[tuple[str, str, NewRun]] = []  # name within what was given, whole path, run
    for entry in map(Path, entries):
        if os.path.isdir(entry):
            found += [(name, run.path.as_posix(), run) for name, run in _in_folder(entry, side, without)]
        elif os.path.exists(entry):
            found.append((entry.as_posix(), entry.as_posix(), NewRun(_stem(entry.name), entry)))
        else:
            raise InputError(f"new: {str(entry)!r} is neither a folder nor a file (looked in {Path.cwd()})")
    ids = [_text(run.sample_id) for _, _, run in found]
    for names in (0, 1):  # a name that two runs have is replaced by the name in its folder, then by the whole path
        many = Counter(ids)
        longer = [_text(entry[0] if names == 0 else entry[1]) for entry in found]
        ids = [other if many[sample] > 1 else sample for sample, other in zip(ids, longer, strict=True)]
    if repeated := next((sample for sample, times in Counter(ids).items() if times > 1), None):
        raise InputError(f"new: {repeated!r} is given more than once")
    return [replace(run, sample_id=sample) for sample, (_, _, run) in zip(ids, found, strict=True)]


def find_new(model: str | None, new: str | list[str] | None, predictions: str) -> list[NewRun]:
    """The runs that ``snakemake predict`` is to answer for, when the workflow is parsed.

    Raises:
        InputError: one of the two without the other, ``model`` is no exported folder, or what :func:`find_runs` raises.
    """
    if model is None:
        raise InputError("model: is missing; name the exported folder that is to predict: --config model=FOLDER new=…")
    if not os.path.isfile(Path(model, "model.json")):
        raise InputError(f"model: {model!r} is no exported folder, it has no model.json (looked in {Path.cwd()})")
    if new is None:
        raise InputError("new: is missing; name the runs to answer for: --config model=… new=FOLDER-OR-FILES")
    return find_runs(new, None, Path(predictions))


def _in_folder(folder: Path, side: Side | None, without: Path | None) -> list[tuple[str, NewRun]]:
    if os.path.isfile(folder / METADATA):
        header, rows = read_rows(folder / METADATA, "the metadata", ["features_path"])
        told = side if side and side.column in header else None
        found = []
        for row in rows:
            name = row["features_path"]
            flag = int(row[told.column].strip() == told.positive) if told else None
            source = f"{folder / METADATA}, line {row.line}, column 'features_path': "
            found.append((name, _inside(folder, name, row.get("sample_id") or _stem(Path(name).name), flag, source)))
        return found
    out = without.resolve() if without else None
    paths = [path for path in sorted(folder.rglob("*")) if path.name.lower().endswith(ENDS)]
    names = [path.relative_to(folder) for path in paths if out is None or not path.absolute().is_relative_to(out)]
    names = [name for name in names if not any(part.startswith(".") for part in name.parts)]
    if not names:
        raise InputError(f"new: {folder} holds no run: no file ends in {', '.join(ENDS)}")
    return [(name.as_posix(), _inside(folder, str(name), _stem(name.name), None, "")) for name in names]


def _inside(folder: Path, name: str, sample: str, side: int | None, source: str) -> NewRun:
    try:
        return NewRun(sample, resolve_inside(folder, name), side)
    except InputError as error:
        return NewRun(sample, folder / Path(name).name, side, f"{source}{_text(str(error))}")


def _text(name: str | Path) -> str:
    """A name of the file system as text that can be written and read."""
    return legible(os.fsencode(name).decode("utf-8", "backslashreplace"))


def _stem(name: str) -> str:
    end = max((end for end in ENDS if name.lower().endswith(end)), key=len, default="")
    return name[: len(name) - len(end)] or name


def read_runs(runs: list[NewRun], exported: Exported, threads: int, progress: Callable[[int, int], None]) -> ReadRuns:
    """Reads and renders runs as the model's own were; a run that cannot be used does not stop the others.

    Args:
        threads: runs read at a time; progress: called with (runs read, runs).
    """
    manifest = exported.manifest
    grid, columns, known, side = manifest.cells, manifest.columns.model_dump(), manifest.known, manifest.side
    images = np.zeros((len(runs), grid.masses, grid.times), dtype=np.float32)

    def read(row: int) -> tuple[RunFacts | None, str | None]:
        path = runs[row].path
        if runs[row].problem:
            return None, runs[row].problem
        try:
            run = RunFile(path, columns)
            images[row] = render(run, grid)
            return run_facts(run, grid), None
        except InputError as error:
            return None, _text(str(error))

    facts, problems = [], []
    with ThreadPoolExecutor(threads) as pool:
        for done, (told, problem) in enumerate(pool.map(read, range(len(runs))), start=1):
            facts.append(told)
            problems.append(problem)
            progress(done, len(runs))
    warnings = [unlike(told, known, run.side) if told else [] for told, run in zip(facts, runs, strict=True)]
    if side:
        guess = f"{side.column} is not told, taken as other than {side.positive}"
        for run, told, phrases in zip(runs, facts, warnings, strict=True):
            phrases += [guess] if told and run.side is None else []
    return ReadRuns(runs, images, facts, problems, warnings)
