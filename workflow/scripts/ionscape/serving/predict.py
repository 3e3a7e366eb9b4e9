"""Answers for new runs by an exported ensemble, in three lines::

from ionscape.serving.predict import predict
answers = predict("results/example/export", "folder/of/runs")
print(answers.table().to_pandas())
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from ..data.samples import Samples
from ..errors import InputError
from ..evaluation.novelty import REFIT, novelty
from ..evaluation.selection import average_folds
from ..images.similarity import fingerprints
from ..models.fitted import FittedModel
from ..models.inputs import inputs_of
from ..models.registry import load_fold
from ..training.device import set_up
from .export import Exported, open_export
from .new_runs import ReadRuns, find_runs, read_runs


@dataclass(frozen=True)
class Answers:
    """What an ensemble says of new runs, in their order.

    Attributes:
        read: the runs, their problems and warnings.
        labels: names; members: names of the models.
        probabilities: float64 [n, labels], NaN for a run with a problem.
        per_model: float64 [members, n, labels], each model's own, averaged over its folds.
        similarity: cosine of each to the most similar run that the ensemble learnt from, float32 [n], NaN where it is not
            known; nearest: that run's sample_id, or empty; expected: the nested log loss of known samples as near.
    """

    read: ReadRuns
    labels: list[str]
    members: list[str]
    probabilities: np.ndarray
    per_model: np.ndarray
    similarity: np.ndarray
    nearest: list[str]
    expected: np.ndarray

    @property
    def spread(self) -> np.ndarray:
        """How far the models are apart: largest minus smallest probability, float64 [n, labels]."""
        return self.per_model.max(axis=0) - self.per_model.min(axis=0)

    def table(self) -> pa.Table:
        """predictions.csv: ``sample_id``, ``file``, a probability a label, ``{label}_spread``, ``similarity``, ``nearest``,
        ``expected_log_loss``, ``warning``, ``problem``."""
        runs = self.read.runs
        columns = {"sample_id": [run.sample_id for run in runs], "file": [run.file for run in runs]}
        for suffix, values in (("", self.probabilities), ("_spread", self.spread)):
            for index, label in enumerate(self.labels):
                columns[label + suffix] = pa.array(values[:, index], from_pandas=True)
        columns["similarity"] = pa.array(self.similarity.astype(np.float64), from_pandas=True)
        columns["nearest"] = self.nearest
        columns["expected_log_loss"] = pa.array(self.expected, from_pandas=True)
        columns["warning"] = ["; ".join(phrases) for phrases in self.read.warnings]
        columns["problem"] = [problem or "" for problem in self.read.problems]
        return pa.table(columns)


def predict(
    model: str | Path | Exported,
    new: str | Path | Sequence[str | Path],
    threads: int = 1,
    progress: Callable[[int, int], None] = lambda done, total: None,
    without: Path | None = None,
) -> Answers:
    """Answers for every run in a folder, or in the files given.

    Args:
        model: an exported folder; new, without: see :func:`.new_runs.find_runs`.
        threads: of reading and of the networks; members of ``precision: reference`` always compute on one.
        progress: called with (runs read, runs).

    Raises:
        InputError: no exported folder, a damaged one, or no run.
    """
    exported = model if isinstance(model, Exported) else open_export(model)
    read = read_runs(find_runs(new, exported.manifest.side, without), exported, threads, progress)
    rows, labels, members = read.fine, exported.manifest.labels, exported.ensemble.members
    per_model = np.full((len(members), len(read.runs), len(labels)), np.nan)
    if len(rows):
        for place, name in enumerate(members):
            folds = [fitted.logits(samples) for fitted, samples in fitted_members(exported, read, rows, name, threads)]
            per_model[place, rows] = average_folds(np.stack(folds))
    answers, similarity = np.full(per_model.shape[1:], np.nan), np.full(len(read.runs), np.nan, dtype=np.float32)
    nearest, newness = [""] * len(read.runs), None
    if exported.known is not None and len(rows):
        by, names = exported.known.to_new(fingerprints(read.images[rows]))
        similarity[rows] = by[REFIT]
        for row, name in zip(rows.tolist(), names, strict=True):
            nearest[row] = name
        newness = novelty(np.array([by[exported.manifest.fits_of(name)] for name in members]))
    answers[rows] = exported.ensemble(per_model[:, rows], newness)
    expected = exported.ensemble.expected_loss(similarity)
    return Answers(read, labels, members, answers, per_model, similarity, nearest, expected)


def fitted_members(
    exported: Exported, read: ReadRuns, rows: np.ndarray, name: str, threads: int
) -> Iterator[tuple[FittedModel, Samples]]:
    """Each fold's fitted model of a member, and these runs, which have no problem, as it wants them.

    Raises:
        InputError: a model that cannot be loaded, or of other labels.
    """
    ids = [read.runs[row].sample_id for row in rows]
    side = np.array([read.runs[row].side or 0 for row in rows], dtype=np.int64)
    unknown = np.full((len(rows), len(exported.manifest.labels)), np.nan, dtype=np.float32)
    samples = None
    for fold in exported.manifest.members[name]:
        fitted = load_fold(exported.model(name, fold))
        if fitted.labels != exported.manifest.labels:
            raise InputError(f"{exported.model(name, fold)}: was fitted to other labels than the ensemble")
        set_up(fitted.precision, threads, 0)
        if samples is None:
            inputs = inputs_of(read.images[rows], fitted.settings, exported.manifest.features)
            samples = Samples(ids, inputs, side, unknown)
        yield fitted, samples
