"""Whose evidence the report shows, out-of-fold: sure answers, sure mistakes, and the mean over each label's positives."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from .compute import set_up
from .explain import Folds, Reason
from .fitting import inputs_of, load_fold
from .images import stream_images
from .metrics import probabilities_of
from .models.data import Samples
from .results import Logits, nested_answers, stack_oof
from .sample_pages import SamplePage, explained_labels


@dataclass(frozen=True)
class Choice:
    """Rows of the scored samples.

    Attributes:
        averaged: index of a label → its true positives, the surest first, whose evidence is averaged.
        shown: rows that get a page as examples of a sure answer.
        mistakes: row → label of its surest mistake, the surest mistakes first; these get a page too.
    """

    averaged: dict[int, list[int]]
    shown: list[int]
    mistakes: dict[int, int]

    def pairs(self, probabilities: np.ndarray) -> list[tuple[int, int]]:
        """All (row, label) that are explained, each once."""
        found = {(row, label): None for label, rows in self.averaged.items() for row in rows}
        for row in self.shown:
            found |= {(row, label): None for label in explained_labels(probabilities[row])}
        for row, label in self.mistakes.items():
            found |= {(row, one): None for one in {label, *explained_labels(probabilities[row])}}
        return list(found)


def choose(truth: np.ndarray, probabilities: np.ndarray, averaged: int, samples: int, mistakes: int) -> Choice:
    """Chooses whose evidence is shown.

    Args:
        truth, probabilities: [n, labels]; the probabilities are nested ones, of a blend that did not see the sample.
        averaged, samples: of each label; mistakes: in all.
    """
    positives, shown = {}, {}
    for label in range(truth.shape[1]):
        order = np.argsort(-probabilities[:, label], kind="stable")
        right = [int(row) for row in order if truth[row, label] > 0.5 and probabilities[row, label] >= 0.5]
        positives[label] = right[:averaged]
        shown |= dict.fromkeys(right[:samples])
    off = np.abs(truth - probabilities)
    wrong: dict[int, int] = {}
    for place in np.argsort(-off, axis=None, kind="stable"):
        row, label = (int(part) for part in np.unravel_index(place, off.shape))
        if len(wrong) == mistakes or off[row, label] < 0.5:
            break
        wrong.setdefault(row, label)
    return Choice({label: rows for label, rows in positives.items() if rows}, list(shown), wrong)


def load_some(paths: Iterable[str], wanted: set[str]) -> tuple[list[str], np.ndarray]:
    """The images of some samples out of shards: (sample_ids, float32 [n, masses, times])."""
    ids, parts = [], []
    for path in paths:
        for names, images in stream_images(path):
            rows = [row for row, name in enumerate(names) if name in wanted]
            ids += [names[row] for row in rows]
            parts.append(images[rows])
    return ids, np.concatenate(parts)


def gather(
    pairs: Iterable[tuple[int, int]], ids: list[str], paths: Iterable[str], side: np.ndarray, truth: np.ndarray
) -> tuple[Samples, np.ndarray]:
    """The samples that are explained, with their images after METHOD step 3, and each scored row's row there, or −1.

    Args:
        pairs: (row, label) each; ids, side, truth: of the scored samples; paths: of the raw images' shards.
    """
    row_of = {ids[row]: row for row, _ in pairs}
    chosen, images = load_some(paths, set(row_of))
    rows = np.array([row_of[sample] for sample in chosen], dtype=np.int64)
    place = np.full(len(ids), -1)
    place[rows] = np.arange(len(rows))
    return Samples(chosen, images, side[rows], truth[rows].astype(np.float32)), place


@dataclass(frozen=True)
class Answered:
    """The scored samples, as their pages show them.

    Attributes:
        ids, fold, side: of each; labels, members: names.
        truth, probabilities: [n, labels]; per_model: probabilities [members, n, labels].
        axis, limits: of the images.
    """

    ids: list[str]
    fold: np.ndarray
    side: np.ndarray
    labels: list[str]
    members: list[str]
    truth: np.ndarray
    probabilities: np.ndarray
    per_model: np.ndarray
    axis: str
    limits: list[float] | None

    @classmethod
    def of_tables(
        cls,
        samples: pa.Table,
        labels: list[str],
        folds: dict[str, int],
        members: list[str],
        nested: pa.Table,
        oof: pa.Table,
        about: dict,
    ) -> "Answered":
        """The samples of nested.parquet, with its probabilities and, out of oof.parquet, those of each member.

        Args:
            folds: sample_id → fold; members: of the ensemble; about: the facts of an image file.

        Raises:
            InputError: a sample is missing, or its logits come from a fold that it does not validate.
        """
        ids, rows, truth, probabilities = nested_answers(samples, nested, labels)
        logits = Logits.read(oof, labels)
        chosen = [logits.models.index(name) for name in members]
        per_model = probabilities_of(stack_oof(logits, ids, folds))[chosen]
        fold, side = np.array([folds[sample] for sample in ids]), samples["side"].to_numpy()[rows].astype(np.int64)
        axis = about["axis"], about["axis_range"]
        return cls(ids, fold, side, labels, members, truth, probabilities, per_model, *axis)

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
            source=f"Validated in fold {self.fold[row]}; answers and evidence are of models that did not see it.",
            notes=notes,
            labels=self.labels,
            probabilities=self.probabilities[row],
            members=self.members,
            per_model=self.per_model[:, row],
            truth=self.truth[row],
            image=image,
            axis=self.axis,
            limits=self.limits,
            reasons=sorted(mine, key=lambda entry: -self.probabilities[row, entry[0]]),
        )


def out_of_fold(
    models: Path, name: str, samples: Samples, fold: np.ndarray, place: np.ndarray, features: dict, threads: int
) -> Folds:
    """A member's folds for :func:`.explain.explain`: each has a say on the samples that it validates, and on no other.

    Args:
        models: ``results/{run}/models``; name: of the member.
        samples: the chosen ones, their inputs images after METHOD step 3; place: scored row → row there, or −1.
        fold: of each scored row; features: the config's ``features``; threads: of networks that are in no reference mode.
    """

    def folds() -> Iterator[tuple[object, Samples, np.ndarray]]:
        fed = None
        for one in np.unique(fold):
            fitted = load_fold(models / name / f"fold{one}")
            set_up(getattr(fitted, "precision", "reference"), threads, 0)
            if fed is None:
                inputs = inputs_of(samples.inputs, fitted.settings, features)
                fed = Samples(samples.ids, inputs, samples.side, samples.labels)
            yield fitted, fed, np.where(fold == one, place, -1)

    return folds


def mean_evidence(
    choice: Choice, reasons: dict[tuple[int, int], Reason], images: np.ndarray, place: np.ndarray, labels: list[str]
) -> pa.Table:
    """evidence.parquet: ``label``, ``mz``, ``evidence`` (mean share of the m/z in what speaks for the label), ``spectrum``
    (mean share of it in the same samples' total intensity), ``samples`` (how many they are).
    """
    columns: dict[str, list] = {name: [] for name in ("label", "mz", "evidence", "spectrum", "samples")}
    for label, rows in choice.averaged.items():
        masses = np.mean([reasons[row, label].masses for row in rows], axis=0)
        spectra = np.maximum(images[place[rows]], 0).sum(axis=2, dtype=np.float64)
        spectrum = (spectra / np.maximum(spectra.sum(axis=1, keepdims=True), 1e-30)).mean(axis=0)
        columns["label"] += [labels[label]] * len(masses)
        columns["mz"] += range(len(masses))
        columns["evidence"] += masses.tolist()
        columns["spectrum"] += spectrum.tolist()
        columns["samples"] += [len(rows)] * len(masses)
    types = {"label": pa.string(), "mz": pa.int32(), "evidence": pa.float64(), "spectrum": pa.float64()}
    types["samples"] = pa.int32()
    return pa.table({name: pa.array(columns[name], kind) for name, kind in types.items()})
