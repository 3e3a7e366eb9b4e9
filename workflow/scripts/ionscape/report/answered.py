"""The scored samples, as their pages show them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from ..data.samples import SampleTable
from ..evaluation.ensemble import Ensemble
from ..evaluation.folds import Folds
from ..evaluation.novelty import Similarity, fits_of
from ..evaluation.summary import nested_answers
from ..evidence.combine import Reason
from ..files.artifact import read_metadata
from ..models.logits import Logits, LogitTable, probabilities_of
from .sample_page import SamplePage, near


@dataclass(frozen=True)
class Answered:
    """The scored samples, as their pages show them.

    Attributes:
        ids, side: of each; fold: of the run's folds; labels: names; ensemble: whose answers they are.
        folds_of: member → the fold of its own that each sample validates, int [n].
        truth, probabilities: [n, labels]; per_model: probabilities [members, n, labels].
        nearest, similarity, expected: as :class:`ionscape.serving.predict.Answers` has them, of the other folds' runs.
        axis, limits: of the images.
    """

    ids: list[str]
    fold: np.ndarray
    folds_of: dict[str, np.ndarray]
    side: np.ndarray
    labels: list[str]
    ensemble: Ensemble
    truth: np.ndarray
    probabilities: np.ndarray
    per_model: np.ndarray
    nearest: list[str]
    similarity: np.ndarray
    expected: np.ndarray
    axis: str
    limits: list[float] | None

    @classmethod
    def read(
        cls, samples: Path, folds: Path, ensemble: Path, nested: Path, oof: Path, similarity: Path, images: Path
    ) -> Self:
        """The samples of nested.parquet, with its probabilities and, out of oof.parquet, those of each member.

        Args:
            samples … similarity: paths of a run's files; images: of one shard of its images, which knows the x axis.

        Raises:
            InputError: a sample of a model is missing.
        """
        table, of, blend = SampleTable.read(samples), Folds.read(folds), Ensemble.read(ensemble)
        answers, logits, about = LogitTable.read(nested), Logits.read(oof), read_metadata(images, "images")
        rows, truth, probabilities = nested_answers(table, answers)
        similar = Similarity.read(similarity)
        nearest_of = dict(zip(similar.ids, similar.nearest, strict=True))
        cosine = similar.of_samples(answers.ids, [fits_of(of.count)])[0]
        chosen = [logits.models.index(name) for name in blend.members]
        own = logits.own_folds()
        per_model = probabilities_of(logits.out_of_fold(answers.ids, own))[chosen]
        return cls(
            ids=answers.ids,
            fold=of.of_rows(answers.ids),
            folds_of={name: np.array([own[name][sample] for sample in answers.ids]) for name in blend.members},
            side=table.side[rows],
            labels=table.labels,
            ensemble=blend,
            truth=truth,
            probabilities=probabilities,
            per_model=per_model,
            nearest=[nearest_of[sample] for sample in answers.ids],
            similarity=cosine,
            expected=blend.expected_loss(cosine),
            axis=about["axis"],
            limits=about["axis_range"],
        )

    def pages(
        self, chosen: dict[int, int | None], images: np.ndarray, place: np.ndarray, reasons: dict[tuple[int, int], Reason]
    ) -> list[SamplePage]:
        """Pages of rows.

        Args:
            chosen: row → the label that it is shown for as a mistake, or None.
            images: of the samples that are explained; place: row → row there; reasons: of all (row, label).
        """
        return [self.page(row, images[place[row]], reasons, mistake) for row, mistake in chosen.items()]

    def page(self, row: int, image: np.ndarray, reasons: dict[tuple[int, int], Reason], mistake: int | None) -> SamplePage:
        """A sample's page. ``reasons``: of all (row, label); ``mistake``: the label that it is shown for, or None."""
        notes = []
        if mistake is not None:
            has = "has" if self.truth[row, mistake] > 0.5 else "does not have"
            said = f"The ensemble says {self.probabilities[row, mistake]:.3f}."
            notes = [f"Labelled: {has} {self.labels[mistake]}. {said}"]
        mine = [(label, reason) for (of, label), reason in reasons.items() if of == row]
        return SamplePage(
            sample=self.ids[row],
            source=f"Validated in fold {self.fold[row]}; answers and evidence are of models that did not see it."
            + near(self.nearest[row], self.similarity[row], self.expected[row]),
            notes=notes,
            labels=self.labels,
            probabilities=self.probabilities[row],
            members=self.ensemble.members,
            per_model=self.per_model[:, row],
            truth=self.truth[row],
            image=image,
            axis=self.axis,
            limits=self.limits,
            reasons=sorted(mine, key=lambda entry: -self.probabilities[row, entry[0]]),
        )
