"""The data set on disk: metadata, labels and runs, checked all together, as samples.parquet."""

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from .data_folder import resolve_inside
from .errors import UNREADABLE, InputError, InputErrors
from .formats import TRAIN
from .images import Grid, render
from .run_facts import RunFacts, run_facts
from .runs import RunFile
from .tables import read_rows

#: Columns of our own tables beside the labels'.
RESERVED = {"split", "side", "group", "path", "md5", "n_rows", "predict", "model", "fold", "file", "warning", "problem"}

#: sample_id becomes part of messages and tables, never of a path; still, it stays one word.
SAMPLE_ID = re.compile(r"[^\s,\"/\\]+")


#: Characters of a sample_id, a label, or a split: figures take seconds to draw thousands.
LONGEST_NAME = 200


def is_readable(name: str) -> bool:
    """Whether people can be shown a sample_id, a label, or a split."""
    return len(name) <= LONGEST_NAME and not UNREADABLE.search(name)


def is_word(sample: str) -> bool:
    """Whether a sample_id is one word that can be read."""
    return bool(SAMPLE_ID.fullmatch(sample)) and is_readable(sample)


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


def read_labels(files: Iterable[Path]) -> tuple[list[str], dict[str, list[float]], list[str]]:
    """Reads label files: (label names, sample_id → 0/1 values in that order, problems)."""
    names: list[str] = []
    values: dict[str, list[float]] = {}
    problems: list[str] = []
    for path in files:
        try:
            header, rows = read_rows(path, "the label file", ["sample_id"])
        except InputError as error:
            problems.append(str(error))
            continue
        found = [column for column in header if column != "sample_id"]
        if not found:
            problems.append(f"{path}, line 1: no label columns besides 'sample_id'")
        for name in found:
            if not name.strip() or not is_readable(name):
                problems.append(f"{path}, line 1: a label cannot be named {name!r}")
        for name in RESERVED.intersection(found):
            problems.append(f"{path}, line 1: a label cannot be named {name!r}, a table of ours has a column of that name")
        for name in found:
            if name.removesuffix("_spread") != name and name.removesuffix("_spread") in found:
                problems.append(f"{path}, line 1: {name!r} beside the label without _spread; predictions need that column")
        if not names:
            names = found
        if set(found) != set(names):
            differing = ", ".join(sorted(set(found) ^ set(names)))
            problems.append(f"{path}, line 1: other labels than in the first label file: {differing}")
            continue
        for row in rows:
            sample, line = row["sample_id"], row.line
            if sample in values:
                problems.append(f"{path}, line {line}, column 'sample_id': {sample!r} is labelled more than once")
                continue
            values[sample] = []
            for name in names:
                text = row[name].strip()
                if text not in ("0", "1", "0.0", "1.0"):
                    problems.append(f"{path}, line {line}, column {name!r}: {text!r} is not a label, expected 0 or 1")
                    text = "0"
                values[sample].append(float(text))
    return names, values, problems


def check_dataset(layout: Layout, threads: int, progress: Callable[[int, int], None]) -> Checked:
    """Reads metadata, labels and every run once, and collects what is wrong.

    Args:
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
    submission, submission_labels, more = _read_submission(layout, names, ids, unlabelled)
    problems += more

    facts, digests = [], []
    expected = [row.get("features_md5_hash") or None for row in rows]
    with ThreadPoolExecutor(threads) as pool:
        results = pool.map(lambda path, md5: _check_run(path, md5, layout), paths, expected)
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


def _read_submission(
    layout: Layout, names: list[str], ids: Counter, unlabelled: list[str]
) -> tuple[list[str], list[str], list[str]]:
    """Rows and columns of the submission, and problems."""
    if layout.submission_format is None:
        return unlabelled, names, []
    path = layout.submission_format
    try:
        header, rows = read_rows(path, "the submission format", ["sample_id"])
    except InputError as error:
        return [], [], [str(error)]
    problems = []
    if set(header) - {"sample_id"} != set(names):
        differing = ", ".join(sorted((set(header) - {"sample_id"}) ^ set(names)))
        problems.append(f"{path}, line 1: other labels than in the label files: {differing}")
    submission = [row["sample_id"] for row in rows]
    for row in rows:
        sample = row["sample_id"]
        if sample not in ids:
            problems.append(f"{path}, line {row.line}, column 'sample_id': {sample!r} is not in {layout.metadata}")
    for sample, count in Counter(submission).items():
        if count > 1:
            problems.append(f"{path}, column 'sample_id': {sample!r} occurs {count} times")
    return submission, [column for column in header if column != "sample_id"], problems


def _check_run(path: Path | None, expected: str | None, layout: Layout) -> tuple[RunFacts, str, list[str]]:
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
        render(run, layout.grid)
    except InputError as error:
        problems.append(str(error))
    return facts, digest, problems
