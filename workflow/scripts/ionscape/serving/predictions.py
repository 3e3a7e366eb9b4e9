"""Answers for new runs as people get them: predictions.csv and a page a sample."""

import csv
import io
from collections.abc import Callable
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np

from ..evidence.choice import explained_labels
from ..evidence.combine import Folds, explain
from ..files.atomic import atomic_folder
from ..report.sample_page import SamplePage, near, write_pages
from .export import Exported
from .predict import Answers, fitted_members

#: Runs whose evidence is held in memory at once.
BLOCK = 256


def predictions_csv(answers: Answers) -> str:
    """The table of :meth:`.predict.Answers.table` as CSV, numbers with six digits."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    table = answers.table()
    writer.writerow(table.column_names)
    for row in table.to_pylist():
        writer.writerow([f"{value:.6g}" if isinstance(value, float) else value for value in row.values()])
    return stream.getvalue()


def pages_of(exported: Exported, answers: Answers, threads: int, rows: np.ndarray) -> list[SamplePage]:
    """The pages of some runs; the evidence is of each member's first fit, the others' is much alike.

    Args:
        threads: of the networks; rows: of runs that were answered for.
    """
    read = answers.read
    chosen = {int(row): explained_labels(answers.probabilities[row]) for row in rows}
    pairs = [(row, label) for row, labels in chosen.items() for label in labels]
    place = np.full(len(read.runs), -1)
    place[rows] = np.arange(len(rows))

    def first_fit(name: str) -> Folds:
        fits = fitted_members(exported, read, rows, name, threads)
        return lambda: ((fitted, samples, place) for fitted, samples in islice(fits, 1))

    weights = {name: exported.ensemble.weights_of(name) for name in answers.members}
    members = {name: first_fit(name) for name in answers.members}
    reasons = explain(pairs, members, weights, read.images.shape[1:], lambda done, total: None)
    of_row: dict[int, list] = {}
    for (row, label), reason in zip(pairs, reasons, strict=True):
        of_row.setdefault(row, []).append((label, reason))
    return [
        SamplePage(
            sample=read.runs[row].sample_id,
            source=f"{read.runs[row].file}. The evidence is of each model's first fit."
            + near(answers.nearest[row], answers.similarity[row], answers.expected[row]),
            notes=[f"Unlike the training data, or not known: {phrase}." for phrase in read.warnings[row]],
            labels=answers.labels,
            probabilities=answers.probabilities[row],
            members=answers.members,
            per_model=answers.per_model[:, row],
            truth=None,
            image=read.images[row],
            axis=exported.manifest.columns.axis,
            limits=exported.manifest.grid.limits,
            reasons=of_row[row],
        )
        for row in chosen
    ]


def _after(before: int, total: int, progress: Callable[[int, int], None], done: int, _: int) -> None:
    """Progress of a block that comes after so many pages."""
    progress(before + done, total)


def explain_answers(
    exported: Exported, answers: Answers, target: str | Path, threads: int, progress: Callable[[int, int], None]
) -> None:
    """Writes the page of every run that was answered for, whole or not at all: evidence by blocks of runs, for memory.

    Args:
        threads: of the networks, and processes that draw; progress: called with (pages written, pages).
    """
    rows, written = answers.read.fine, 0
    with atomic_folder(target) as folder:
        for start in range(0, len(rows), BLOCK):
            pages = pages_of(exported, answers, threads, rows[start : start + BLOCK])
            write_pages(pages, folder, threads, partial(_after, written, len(rows), progress))
            written += len(pages)
