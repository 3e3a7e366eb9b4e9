"""What models have in common, what each family adds, how far to trust a probability, which labels to check."""

import numpy as np

from ..images.similarity import NEAR_IDENTICAL
from .blending import held_out
from .metrics import interval, log_loss, sample_losses

#: Bins of probability in a reliability diagram.
BINS = 10

#: A label is suspect where every model gives at most this probability to what it says.
DOUBTFUL = 0.1


def correlations(logits: np.ndarray) -> list[list[float]]:
    """Pearson correlation of the models' logits over samples and labels: [models, samples, labels] → [models][models]."""
    return np.atleast_2d(np.corrcoef(logits.reshape(len(logits), -1).astype(np.float64))).tolist()


def family_gains(
    labels: np.ndarray,
    probabilities: np.ndarray,
    folds: np.ndarray,
    families: list[str],
    settings: dict,
    shrinkages: np.ndarray,
) -> dict[str, dict]:
    """What the nested loss of the ensemble owes to each family: the loss without it, minus the loss with it.

    Args:
        labels: [samples, labels]; probabilities: [models, samples, labels]; folds: [samples].
        families: of each model; settings, shrinkages: as :func:`.blends.held_out`.

    Returns:
        family → ``without`` (log loss), ``gain``, ``gain_interval`` (95 %, paired); nothing where there is one family.
    """
    with_all = sample_losses(labels, held_out(labels, probabilities, folds, settings, shrinkages))
    result = {}
    for family in sorted(set(families)):
        rest = [index for index, of in enumerate(families) if of != family]
        if rest:
            without = held_out(labels, probabilities[rest], folds, settings, shrinkages)
            difference = sample_losses(labels, without) - with_all
            result[family] = {
                "without": log_loss(labels, without),
                "gain": float(difference.mean()),
                "gain_interval": interval(difference),
            }
    return result


def replicates(labels: np.ndarray, predicted: dict[str, np.ndarray], similarity: np.ndarray) -> dict[str, dict]:
    """Log losses of samples of which the training part had a near-identical run, and of the others.

    Args:
        labels: [samples, labels]; predicted: name → probabilities [samples, labels].
        similarity: cosine, to the most similar run of another fold (replicates.parquet), [samples].

    Returns:
        ``near_identical`` and ``others`` → ``samples``, and if there are any, ``log_loss``: name → loss.
    """
    near = similarity >= NEAR_IDENTICAL
    result = {}
    for name, rows in (("near_identical", near), ("others", ~near)):
        losses = {key: log_loss(labels[rows], p[rows]) for key, p in predicted.items()} if rows.any() else {}
        result[name] = {"samples": int(rows.sum()), "log_loss": losses}
    return result


def calibration(labels: np.ndarray, probabilities: np.ndarray, names: list[str]) -> dict[str, dict]:
    """Reliability of each label's probabilities, and of all together (``all``).

    Returns:
        label → ``ece`` (expected calibration error: mean |probability − frequency| over bins of equal width, weighted by
        their counts; Naeini, Cooper and Hauskrecht 2015), and per bin that has samples ``probability`` (mean),
        ``frequency`` and ``count``.
    """

    def reliability(y: np.ndarray, p: np.ndarray) -> dict:
        of = np.minimum((p * BINS).astype(int), BINS - 1)
        counts = np.bincount(of, minlength=BINS)
        used = counts > 0
        mean = np.bincount(of, p, BINS)[used] / counts[used]
        frequency = np.bincount(of, y, BINS)[used] / counts[used]
        bins = {"probability": mean.tolist(), "frequency": frequency.tolist(), "count": counts[used].tolist()}
        return {"ece": float((np.abs(mean - frequency) * counts[used]).sum() / len(y)), **bins}

    result = {"all": reliability(labels.ravel(), probabilities.ravel())}
    return result | {name: reliability(labels[:, k], probabilities[:, k]) for k, name in enumerate(names)}


def suspects(labels: np.ndarray, probabilities: np.ndarray, ids: list[str], names: list[str]) -> list[dict]:
    """Labels that every model contradicts, the surest first: worth a look at the sample, or at its label.

    Returns:
        ``sample_id``, ``label``, ``value`` (0 or 1, as given), ``probability`` (of the given value, by its best model).
    """
    given = np.where(labels > 0.5, probabilities, 1 - probabilities).max(axis=0)
    found = [
        {"sample_id": ids[row], "label": names[k], "value": int(labels[row, k]), "probability": float(given[row, k])}
        for row, k in zip(*np.nonzero(given <= DOUBTFUL), strict=True)
    ]
    return sorted(found, key=lambda entry: entry["probability"])
