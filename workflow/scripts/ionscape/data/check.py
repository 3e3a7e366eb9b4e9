"""The data set on disk: metadata, labels and runs, checked all together, as samples.parquet."""

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from ..config.grid import Grid
from ..errors import InputError, InputErrors
from ..files.paths import resolve_inside
from ..files.small_csv import read_rows
from .labels import read_labels
from .names import LONGEST_NAME, is_readable, is_word
from .run_facts import RunFacts, run_facts
from .run_file import RunFile
from .samples import TRAIN
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
    side: dict[str, str] | None
    group: str | None
    grid: Grid


@dataclass
class Checked:
    """A checked data set.

    Attributes:
        samples: samples.parquet's table: sample_id, split, side (0/1), group (the sample_id where there is none), path,
            md5, n_rows, predict, and a float32 column a label, null where unlabelled; one row a sample, in metadata order.
        labels: names of the labels.
        runs: facts of each sample's run, in the same order.
        twins: groups of sample_ids whose CSVs are identical.
        submission, submission_labels: rows (sample_ids) and columns (labels) of the submission file, in its order.
    """

    samples: pa.Table
    labels: list[str]
    runs: list[RunFacts]
    twins: list[list[str]] = field(default_factory=list)
    submission: list[str] = field(default_factory=list)
    submission_labels: list[str] = field(default_factory=list)


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
    metadata = layout.metadata
    required = ["sample_id", "split", "features_path"] + ([layout.side["column"]] if layout.side else [])
    required += [layout.group] if layout.group else []
    heading = f"The data set {layout.root} cannot be used:"
    names, labels, problems = read_labels(layout.labels)
    labels_read = not problems
    try:
        _, rows = read_rows(metadata, "the metadata", required)
    except InputError as error:
        raise InputErrors(heading, [str(error), *problems]) from error

    ids = Counter(row["sample_id"] for row in rows)
    forms = Counter(unicodedata.normalize("NFC", sample) for sample in ids)
    paths: list[Path | None] = []
    for row in rows:
        sample, line, path = row["sample_id"], row.line, None
        if not is_word(sample):
            problems.append(
                f"{metadata}, line {line}, column 'sample_id': {sample!r} is not one word of up to {LONGEST_NAME} letters"
            )
        if ids[sample] > 1:
            problems.append(f"{metadata}, line {line}, column 'sample_id': {sample!r} occurs {ids[sample]} times")
        if forms[unicodedata.normalize("NFC", sample)] > 1:
            problems.append(
                f"{metadata}, line {line}, column 'sample_id': {sample!a} is there in another Unicode form too; keep one"
            )
        if not is_readable(row["split"]):
            problems.append(f"{metadata}, line {line}, column 'split': {row['split']!r} cannot be read")
        if row["split"] != TRAIN and row["split"].strip().lower() == TRAIN:
            problems.append(f"{metadata}, line {line}, column 'split': {row['split']!r}, expected {TRAIN!r}")
        if row["split"] == TRAIN and sample not in labels and labels_read:
            problems.append(f"{metadata}, line {line}: sample {sample!r} is in split train but has no labels")
        try:
            path = resolve_inside(layout.root, row["features_path"])
        except InputError as error:
            problems.append(f"{metadata}, line {line}, column 'features_path': {error}")
        paths.append(path)
    for sample in sorted(labels.keys() - ids.keys()):
        problems.append(f"{metadata}: sample {sample!r} has labels but no row here")
    if not any(row["split"] == TRAIN for row in rows):
        problems.append(f"{metadata}, column 'split': no sample is in split {TRAIN!r}")
    unlabelled = [row["sample_id"] for row in rows if row["sample_id"] not in labels]
    submission, submission_labels, more = read_submission(layout.submission_format, metadata, names, ids, unlabelled)
    problems += more

    facts, digests = [], []
    expected = [row.get("features_md5_hash") or None for row in rows]
    with ThreadPoolExecutor(threads) as pool:
        results = pool.map(lambda path, md5: _check_run(path, md5, layout, try_run), paths, expected)
        for done, (found, digest, run_problems) in enumerate(results, start=1):
            facts.append(found)
            digests.append(digest)
            source = f"sample {rows[done - 1]['sample_id']!r}, {metadata}, line {rows[done - 1].line}"
            problems += [f"{problem} ({source})" for problem in run_problems]
            progress(done, len(rows))
    if problems:
        raise InputErrors(heading, problems)

    wanted = set(submission)
    side = layout.side

    def is_predicted(row: dict[str, str]) -> bool:
        return row["split"] != TRAIN or row["sample_id"] in wanted or row["sample_id"] not in labels

    columns = {
        "sample_id": pa.array([row["sample_id"] for row in rows]),
        "split": pa.array([row["split"] for row in rows]),
        "side": pa.array([int(bool(side) and row[side["column"]].strip() == side["positive"]) for row in rows], pa.int8()),
        "group": pa.array([(row[layout.group].strip() if layout.group else "") or row["sample_id"] for row in rows]),
        "path": pa.array([row["features_path"] for row in rows]),
        "md5": pa.array(digests),
        "n_rows": pa.array([run.rows for run in facts], pa.int64()),
        "predict": pa.array([is_predicted(row) for row in rows]),
    }
    for index, name in enumerate(names):
        values = [labels[row["sample_id"]][index] if row["sample_id"] in labels else None for row in rows]
        columns[name] = pa.array(values, pa.float32())
    twins: dict[str, list[str]] = {}
    for row, digest in zip(rows, digests, strict=True):
        twins.setdefault(digest, []).append(row["sample_id"])
    groups = [group for group in twins.values() if len(group) > 1]
    return Checked(pa.table(columns), names, facts, groups, submission, submission_labels)


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
