"""The submission: which rows and columns, and the file."""

import csv
import io
from collections import Counter
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..files.small_csv import read_rows
from .samples import SampleTable


def read_submission(
    path: Path | None, metadata: Path, names: list[str], ids: Counter, unlabelled: list[str]
) -> tuple[list[str], list[str], list[str]]:
    """Rows and columns of the submission, and problems."""
    if path is None:
        return unlabelled, names, []
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
            problems.append(f"{path}, line {row.line}, column 'sample_id': {sample!r} is not in {metadata}")
    for sample, count in Counter(submission).items():
        if count > 1:
            problems.append(f"{path}, column 'sample_id': {sample!r} occurs {count} times")
    return submission, [column for column in header if column != "sample_id"], problems


def submission_csv(samples: SampleTable, predicted: dict[str, np.ndarray]) -> str:
    """submission.csv: probabilities in the submission format's order of rows and columns; only a header without tests."""
    columns = [samples.labels.index(label) for label in samples.submission_labels]
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["sample_id", *samples.submission_labels])
    for sample in samples.submission:
        writer.writerow([sample, *(f"{predicted[sample][column]:.6g}" for column in columns)])
    return stream.getvalue()
