"""Which ions at what time speak for an answer: each model's evidence, put together as the ensemble weighs the models."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..data.samples import Samples
from ..models.evidence import Evidence
from ..models.fitted import FittedModel

#: A member's fitted models: each with samples, and for every row of the pairs its row there, or −1 where it has no say.
Folds = Callable[[], Iterator[tuple[FittedModel, Samples, np.ndarray]]]


@dataclass(frozen=True)
class Reason:
    """Why a sample has a label, as far as its models tell.

    Attributes:
        masses: float64 [masses], the share of each m/z in what speaks for it; sums to 1, or to 0 where nothing does.
        image: float64 [masses, times], the same of each cell, over the models that know time; sums to 1 or 0.
        curves: event curve of each model that has one, float32 [times].
        top: what counts most of each model whose inputs have names, (name, contribution in logits).
    """

    masses: np.ndarray
    image: np.ndarray
    curves: dict[str, np.ndarray]
    top: dict[str, list[tuple[str, float]]]

    @property
    def times(self) -> np.ndarray:
        """Share of each time bin, float64 [times]."""
        return self.image.sum(axis=0)


def shares(values: np.ndarray) -> np.ndarray:
    """The positive part of each row, summing to 1 (or 0): [n, …] → float64 [n, …]."""
    positive = np.maximum(values, 0, dtype=np.float64)
    axes = tuple(range(1, values.ndim))
    return positive / np.maximum(positive.sum(axis=axes, keepdims=True), np.finfo(np.float64).tiny)


def explain(
    pairs: Sequence[tuple[int, int]],
    members: dict[str, Folds],
    weights: Mapping[str, Sequence[float]],
    shape: tuple[int, int],
    progress: Callable[[int, int], None],
) -> list[Reason]:
    """The reason of each (row, label): the mean of its models' shares, weighted as the ensemble weighs them.

    A model's folds that have a say count alike: out-of-fold that is the one that did not see the sample.

    Args:
        pairs: (row, index of a label) each.
        weights: of each member, one a label; a member is asked only for labels that it has a weight for.
        shape: (masses, times) of the images.
        progress: called with (members asked, members).
    """
    masses, image = np.zeros((len(pairs), shape[0])), np.zeros((len(pairs), *shape))
    of_masses, of_image = np.zeros(len(pairs)), np.zeros(len(pairs))
    curves: list[dict[str, list[np.ndarray]]] = [{} for _ in pairs]
    top: list[dict[str, list]] = [{} for _ in pairs]
    rows, labels = (np.array([pair[part] for pair in pairs], dtype=np.int64) for part in (0, 1))
    for done, (name, folds) in enumerate(members.items(), start=1):
        weight = np.asarray(weights[name], dtype=np.float64)
        for fitted, samples, place in folds():
            asked = np.flatnonzero((weight[labels] > 0) & (place[rows] >= 0))
            if not len(asked):
                continue
            found: Evidence = fitted.evidence(samples.take(place[rows[asked]]), labels[asked])
            its = weight[labels[asked]]
            part = shares(found.masses)
            masses[asked] += its[:, None] * part
            of_masses[asked] += its * part.any(axis=1)  # a model that nothing speaks for has no say
            if found.image is not None:
                part = shares(found.image)
                image[asked] += its[:, None, None] * part
                of_image[asked] += its * part.any(axis=(1, 2))
            for number, pair in enumerate(asked):
                if found.curve is not None:
                    curves[pair].setdefault(name, []).append(found.curve[number])
                if found.top is not None:
                    top[pair].setdefault(name, found.top[number])
        progress(done, len(members))
    masses /= np.maximum(of_masses, np.finfo(np.float64).tiny)[:, None]
    image /= np.maximum(of_image, np.finfo(np.float64).tiny)[:, None, None]
    return [
        Reason(masses[n], image[n], {name: np.mean(parts, axis=0) for name, parts in curves[n].items()}, top[n])
        for n in range(len(pairs))
    ]


def strongest(profile: np.ndarray, count: int) -> list[tuple[int, float]]:
    """The m/z with the largest shares, (m/z, share), largest first; none without a share."""
    order = np.argsort(-profile, kind="stable")[:count]
    return [(int(mass), float(profile[mass])) for mass in order if profile[mass] > 0]
