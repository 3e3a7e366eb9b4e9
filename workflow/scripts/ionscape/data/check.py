"""The data set on disk: metadata, labels and runs, checked all together."""

import hashlib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..config.grid import Grid
from ..config.sections import Side
from ..errors import InputError, InputErrors
from ..files.small_csv import Row
from .labels import read_labels
from .metadata import check_rows, read_metadata
from .run_facts import RunFacts, run_facts
from .run_file import RunFile
from .samples import TRAIN, SampleTable
from .submission import read_submission


@dataclass(frozen=True)
class Layout:
    """Where a data set's files are and how a run is read (the config's ``dataset`` and ``images``).

    Attributes:
        root: folder that holds the runs.
        metadata, labels, submission_format: paths of the small CSVs; ``submission_format`` None if there is none.
        columns: names of ``axis``, ``mass``, ``intensity`` and ``time`` in a run's CSV.
        side: None, or ``column`` of the metadata and the ``positive`` value.
        group: None, or the column of the metadata that tells which samples belong together.
        grid: the cells that each run must fill.
    """

    root: Path
    metadata: Path
    labels: list[Path]
    submission_format: Path | None
    columns: dict[str, str]
    side: Side | None
    group: str | None
    grid: Grid


@dataclass(frozen=True)
class Checked:
    """A checked data set.

    Attributes:
        samples: its table.
        runs: facts of each sample's run, in the same order.
        twins: groups of sample_ids whose files are identical.
    """

    samples: SampleTable
    runs: list[RunFacts]
    twins: list[list[str]] = field(default_factory=list)


def check_dataset(
    layout: Layout, try_run: Callable[[RunFile], object], threads: int, progress: Callable[[int, int], None]
) -> Checked:
    """Reads metadata, labels and every run once, and collects what is wrong.

    Args:
        try_run: raises InputError where a run cannot be used.
        threads: runs read at a time.
        progress: called with (runs read, runs).

    Raises:
        InputErrors: every problem of the metadata, the labels and the runs, each with file, line and column.
    """
    heading = f"The data set {layout.root} cannot be used:"
    names, labels, problems = read_labels(layout.labels)
    try:
        rows = read_metadata(layout.metadata, layout.side, layout.group)
    except InputError as error:
        raise InputErrors(heading, [str(error), *problems]) from error
    paths, more = check_rows(layout.metadata, rows, layout.root, None if problems else labels.keys())
    ids = Counter(row["sample_id"] for row in rows)
    problems += [*more, *_missing(layout.metadata, rows, sorted(labels.keys() - ids.keys()))]
    unlabelled = [row["sample_id"] for row in rows if row["sample_id"] not in labels]
    submission, columns, more = read_submission(layout.submission_format, layout.metadata, names, ids, unlabelled)
    problems += more
    facts, digests, more = _check_runs(layout, rows, paths, try_run, threads, progress)
    problems += more
    if problems:
        raise InputErrors(heading, problems)
    samples = _table(layout, rows, names, labels, facts, digests, submission, columns)
    twins: dict[str, list[str]] = {}
    for sample, digest in zip(samples.ids, digests, strict=True):
        twins.setdefault(digest, []).append(sample)
    return Checked(samples, facts, [group for group in twins.values() if len(group) > 1])


def _missing(metadata: Path, rows: list[Row], unknown: list[str]) -> list[str]:
    """What the metadata lack; unknown: samples that have labels and no row."""
    problems = [f"{metadata}: sample {sample!r} has labels but no row here" for sample in unknown]
    if not any(row["split"] == TRAIN for row in rows):
        problems.append(f"{metadata}, column 'split': no sample is in split {TRAIN!r}")
    return problems


def _check_runs(
    layout: Layout,
    rows: list[Row],
    paths: list[Path | None],
    try_run: Callable[[RunFile], object],
    threads: int,
    progress: Callable[[int, int], None],
) -> tuple[list[RunFacts], list[str], list[str]]:
    """Facts and md5 of each run, and what is wrong with them."""
    facts, digests, problems = [], [], []
    expected = [row.get("features_md5_hash") or None for row in rows]
    with ThreadPoolExecutor(threads) as pool:
        results = pool.map(lambda path, md5: _check_run(path, md5, layout, try_run), paths, expected)
        for done, (row, (found, digest, of_run)) in enumerate(zip(rows, results, strict=True), start=1):
            facts.append(found)
            digests.append(digest)
            source = f"sample {row['sample_id']!r}, {layout.metadata}, line {row.line}"
            problems += [f"{problem} ({source})" for problem in of_run]
            progress(done, len(rows))
    return facts, digests, problems


def _table(
    layout: Layout,
    rows: list[Row],
    names: list[str],
    labels: dict[str, list[float]],
    facts: list[RunFacts],
    digests: list[str],
    submission: list[str],
    columns: list[str],
) -> SampleTable:
    """The samples of a data set that has no problem."""
    ids, wanted = [row["sample_id"] for row in rows], set(submission)
    unknown = [float("nan")] * len(names)
    flag = layout.side
    side = [flag is not None and row[flag.column].strip() == flag.positive for row in rows]
    group = [(row[layout.group].strip() if layout.group else "") or row["sample_id"] for row in rows]
    predicted = [row["split"] != TRAIN or row["sample_id"] in wanted or row["sample_id"] not in labels for row in rows]
    return SampleTable(
        ids=ids,
        splits=[row["split"] for row in rows],
        side=np.array(side, dtype=np.int64),
        groups=group,
        paths=[row["features_path"] for row in rows],
        md5=digests,
        rows=np.array([run.rows for run in facts], dtype=np.int64),
        predicted=np.array(predicted, dtype=bool),
        labels=names,
        truth=np.array([labels.get(sample, unknown) for sample in ids], dtype=np.float32).reshape(len(ids), len(names)),
        submission=submission,
        submission_labels=columns,
    )


def _check_run(
    path: Path | None, expected: str | None, layout: Layout, try_run: Callable[[RunFile], object]
) -> tuple[RunFacts, str, list[str]]:
    """One run: its facts, its md5, its problems (at most one of reading and one of the md5)."""
    if path is None:
        return RunFacts(), "", []
    run = RunFile(path, layout.columns)
    try:
        facts = run_facts(run, layout.grid)
    except InputError as error:
        return RunFacts(), "", [str(error)]
    problems = []
    with open(path, "rb") as stream:
        digest = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if expected is not None and digest != expected.strip().lower():
        problems.append(f"{path}: md5 is {digest}, the metadata's column 'features_md5_hash' says {expected}")
    try:
        try_run(run)
    except InputError as error:
        problems.append(str(error))
    return facts, digest, problems
