"""What models have in common, what each family adds, how far to trust a probability, which labels to check."""

import numpy as np

from ..config.sections import Ensemble as EnsembleSettings
from .blending import Candidates, cross_fitted
from .metrics import interval, log_loss, sample_losses
from .run_metrics import Gain, Part, Reliability, SimilarityBin, SplitByReplicates, Suspect

#: Bins of probability in a reliability diagram.
BINS = 10

#: Bins of similarity, and samples that a bin has at least.
SIMILARITY_BINS, SAMPLES_A_BIN = 8, 20

#: A label is suspect where every model gives at most this probability to what it says.
DOUBTFUL = 0.1


def correlations(logits: np.ndarray) -> list[list[float | None]]:
    """Pearson correlation of the models' logits over samples and labels: [models, samples, labels] → [models][models].

    None with a model whose logits are all alike.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        found = np.atleast_2d(np.corrcoef(logits.reshape(len(logits), -1).astype(np.float64)))
    return [[None if np.isnan(value) else value for value in row] for row in found.tolist()]


def family_gains(
    candidates: Candidates, families: list[str], settings: EnsembleSettings, shrinkages: np.ndarray
) -> dict[str, Gain]:
    """What the nested loss of the ensemble owes to each family: the loss without it, minus the loss with it.

    Args:
        families: of each model; settings, shrinkages: as :func:`.blending.cross_fitted`.

    Returns:
        of each family; nothing where there is one.
    """
    labels = candidates.labels
    with_all = sample_losses(labels, cross_fitted(candidates, settings, shrinkages))
    result = {}
    for family in sorted(set(families)):
        rest = [index for index, of in enumerate(families) if of != family]
        if rest:
            without = cross_fitted(candidates.models(rest), settings, shrinkages)
            difference = sample_losses(labels, without) - with_all
            result[family] = Gain(
                without=log_loss(labels, without),
                gain=float(difference.mean()),
                gain_interval=interval(difference),
            )
    return result


def split_by_replicates(
    labels: np.ndarray, nested: np.ndarray, models: dict[str, np.ndarray], near: np.ndarray
) -> SplitByReplicates:
    """Log losses of samples of which the training part had a near-identical run, and of the others.

    Args:
        labels, nested: [samples, labels], the latter the ensemble's nested probabilities; models: name → probabilities.
        near: bool [samples] (:class:`.replicates.Replicates`).
    """

    def part(rows: np.ndarray) -> Part:
        if not rows.any():
            return Part(samples=0)
        losses = {name: log_loss(labels[rows], p[rows]) for name, p in models.items()}
        return Part(samples=int(rows.sum()), ensemble_nested=log_loss(labels[rows], nested[rows]), models=losses)

    return SplitByReplicates(near_identical=part(near), others=part(~near))


def by_similarity(labels: np.ndarray, nested: np.ndarray, similarity: np.ndarray) -> list[SimilarityBin]:
    """Nested log losses of samples whose nearest run was about as similar, from the farthest to the nearest.

    Args:
        labels, nested: [samples, labels]; similarity: cosine, [samples].

    Returns:
        bins of as many samples each, at most 8, at least 20 samples in one.
    """
    bins = max(1, min(SIMILARITY_BINS, len(labels) // SAMPLES_A_BIN))
    losses = sample_losses(labels, nested)
    return [
        SimilarityBin(similarity=float(similarity[rows].mean()), samples=len(rows), log_loss=float(losses[rows].mean()))
        for rows in np.array_split(np.argsort(similarity, kind="stable"), bins)
    ]


def calibration(labels: np.ndarray, probabilities: np.ndarray, names: list[str]) -> dict[str, Reliability]:
    """Reliability of each label's probabilities, and of all together (``all``).

    Returns:
        label → ``ece`` (expected calibration error: mean |probability − frequency| over bins of equal width, weighted by
        their counts; Naeini, Cooper and Hauskrecht 2015), and per bin that has samples ``probability`` (mean),
        ``frequency`` and ``count``.
    """

    def reliability(y: np.ndarray, p: np.ndarray) -> Reliability:
        of = np.minimum((p * BINS).astype(int), BINS - 1)
        counts = np.bincount(of, minlength=BINS)
        used = counts > 0
        mean = np.bincount(of, p, BINS)[used] / counts[used]
        frequency = np.bincount(of, y, BINS)[used] / counts[used]
        return Reliability(
            ece=float((np.abs(mean - frequency) * counts[used]).sum() / len(y)),
            probability=mean.tolist(),
            frequency=frequency.tolist(),
            count=counts[used].tolist(),
        )

    result = {"all": reliability(labels.ravel(), probabilities.ravel())}
    return result | {name: reliability(labels[:, k], probabilities[:, k]) for k, name in enumerate(names)}


def suspects(labels: np.ndarray, probabilities: np.ndarray, ids: list[str], names: list[str]) -> list[Suspect]:
    """Labels that every model contradicts, the surest first: worth a look at the sample, or at its label.

    Returns:
        ``sample_id``, ``label``, ``value`` (0 or 1, as given), ``probability`` (of the given value, by its best model).
    """
    given = np.where(labels > 0.5, probabilities, 1 - probabilities).max(axis=0)
    found = [
        Suspect(sample_id=ids[row], label=names[k], value=int(labels[row, k]), probability=float(given[row, k]))
        for row, k in zip(*np.nonzero(given <= DOUBTFUL), strict=True)
    ]
    return sorted(found, key=lambda entry: entry.probability)
