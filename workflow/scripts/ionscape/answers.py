"""Answers for new runs as people get them: predictions.csv and a page a sample."""

import csv
import io
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import joblib
import numpy as np

from .explain import explain
from .export import Exported
from .models.data import Samples
from .predict import Answers, fitted_members
from .sample_pages import SamplePage, explained_labels, write_page
from .tables import atomic_folder


def predictions_csv(answers: Answers) -> str:
    """The table of :meth:`.predict.Answers.table` as CSV, numbers with six digits."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    table = answers.table()
    writer.writerow(table.column_names)
    for row in table.to_pylist():
        writer.writerow([f"{value:.6g}" if isinstance(value, float) else value for value in row.values()])
    return stream.getvalue()


def pages_of(exported: Exported, answers: Answers, threads: int, progress: Callable[[int, int], None]) -> list[SamplePage]:
    """The page of each run that is answered for; the evidence is of the first fold's models, the others' is much alike.

    Args:
        threads: of the networks; progress: called with (models asked, models).
    """
    read, rows = answers.read, answers.read.fine
    chosen = {int(row): explained_labels(answers.probabilities[row]) for row in rows}
    pairs = [(row, label) for row, labels in chosen.items() for label in labels]
    place = np.full(len(read.runs), -1)
    place[rows] = np.arange(len(rows))

    def folds_of(name: str) -> Callable[[], Iterator[tuple[object, Samples, np.ndarray]]]:
        folds = fitted_members(exported, read, name, threads)
        return lambda: ((fitted, samples, place) for fitted, samples in islice(folds, 1))

    weights = {name: [exported.ensemble["weights"][name][label] for label in answers.labels] for name in answers.members}
    shape = read.images.shape[1:]
    reasons = explain(pairs, {name: folds_of(name) for name in answers.members}, weights, shape, progress)
    of_row: dict[int, list] = {}
    for (row, label), reason in zip(pairs, reasons, strict=True):
        of_row.setdefault(row, []).append((label, reason))
    return [
        SamplePage(
            sample=read.runs[row].sample_id,
            source=str(read.runs[row].path),
            notes=[f"This run does not look like the training data: {phrase}." for phrase in read.warnings[row]],
            labels=answers.labels,
            probabilities=answers.probabilities[row],
            members=answers.members,
            per_model=answers.per_model[:, row],
            truth=None,
            image=read.images[row],
            axis=exported.facts["columns"]["axis"],
            limits=exported.facts["grid"]["limits"],
            reasons=of_row[row],
        )
        for row in chosen
    ]


def write_pages(pages: list[SamplePage], target: str | Path, processes: int, progress: Callable[[int, int], None]) -> None:
    """Writes all pages into one folder, whole or not at all, drawn by several processes.

    Args:
        progress: called with (pages written, pages).
    """
    with atomic_folder(target) as folder:
        jobs = (joblib.delayed(write_page)(page, folder) for page in pages)
        for done, _ in enumerate(joblib.Parallel(processes, return_as="generator")(jobs), start=1):
            progress(done, len(pages))
