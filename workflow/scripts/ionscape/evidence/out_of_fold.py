"""Evidence of the models that did not see a sample."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..config.sections import Features
from ..data.samples import Samples
from ..evaluation.ensemble import Ensemble
from ..images.store import load_some
from ..models.fitted import FittedModel
from ..models.inputs import inputs_of
from ..models.registry import load_fold
from ..training.device import set_up
from .combine import Folds, Reason, explain


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


def out_of_fold(
    models: Path, name: str, samples: Samples, fold: np.ndarray, place: np.ndarray, features: Features, threads: int
) -> Folds:
    """A member's folds for :func:`.combine.explain`: each has a say on the samples that it validates, and on no other.

    Args:
        models: ``results/{run}/models``; name: of the member.
        samples: the chosen ones, their inputs images after METHOD step 3; place: scored row → row there, or −1.
        fold: of the member's, of each scored row; features: the configuration's; threads: of networks that are in no
            reference mode.
    """

    def folds() -> Iterator[tuple[FittedModel, Samples, np.ndarray]]:
        fed = None
        for one in np.unique(fold[place >= 0]):
            fitted = load_fold(models / name / f"fold{one}")
            set_up(fitted.precision, threads, 0)
            if fed is None:
                inputs = inputs_of(samples.inputs, fitted.settings, features)
                fed = Samples(samples.ids, inputs, samples.side, samples.labels)
            yield fitted, fed, np.where(fold == one, place, -1)

    return folds


def reasons_of(
    pairs: Sequence[tuple[int, int]],
    ensemble: Ensemble,
    models: Path,
    samples: Samples,
    folds: Mapping[str, np.ndarray],
    place: np.ndarray,
    features: Features,
    threads: int,
    progress: Callable[[int, int], None],
) -> dict[tuple[int, int], Reason]:
    """The ensemble's reason of each (row, label), of its members' folds that did not see the sample.

    Args:
        pairs: what is explained; folds: member → its folds of the scored rows.
        models, samples, place, features, threads: as :func:`out_of_fold`.
        progress: called with (members asked, members).
    """
    asked = {name: out_of_fold(models, name, samples, folds[name], place, features, threads) for name in ensemble.members}
    weights = {name: ensemble.weights_of(name) for name in ensemble.members}
    shape = samples.inputs.shape[1], samples.inputs.shape[2]
    return dict(zip(pairs, explain(pairs, asked, weights, shape, progress), strict=True))
