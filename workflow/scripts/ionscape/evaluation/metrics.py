"""Scores of multi-label probabilities."""

import numpy as np

from ..models.logits import EPSILON
from .run_metrics import LabelScore, Score

#: Bootstrap resamples behind an interval.
RESAMPLES = 2000


def log_losses(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Binary log loss of each label, the mean over samples.

    Args:
        labels, probabilities: [samples, labels].

    Returns:
        float64 [labels]; their mean is the challenge's *aggregated log loss*.
    """
    p = np.clip(probabilities.astype(np.float64), EPSILON, 1 - EPSILON)
    return -np.where(labels > 0.5, np.log(p), np.log1p(-p)).mean(axis=0)


def sample_losses(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Binary log loss of each sample, the mean over labels: float64 [samples], whose mean is :func:`log_loss`."""
    p = np.clip(probabilities.astype(np.float64), EPSILON, 1 - EPSILON)
    return -np.where(labels > 0.5, np.log(p), np.log1p(-p)).mean(axis=1)


def interval(values: np.ndarray) -> tuple[float, float]:
    """95 % bootstrap interval of the mean over samples: (low, high); the draws are the same for as many samples.

    Args:
        values: float64 [samples]: losses, or differences of two models' losses (a paired interval).
    """
    drawn = np.random.default_rng(0).multinomial(len(values), np.full(len(values), 1 / len(values)), RESAMPLES)
    low, high = np.quantile(drawn @ values / len(values), [0.025, 0.975]).tolist()
    return low, high


def log_loss(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The mean over labels of :func:`log_losses`."""
    return float(log_losses(labels, probabilities).mean())


def frequencies(labels: np.ndarray, folds: np.ndarray, train_only: np.ndarray) -> np.ndarray:
    """The constant baseline, out-of-fold: each sample gets the label frequencies of the samples it was not fitted with.

    Args:
        labels: [samples, labels] of the samples with a validation fold.
        folds: int [samples].
        train_only: [m, labels] of samples that are in every training part; m may be 0.

    Returns:
        float64 [samples, labels], probabilities.
    """
    result = np.empty(labels.shape)
    for fold in np.unique(folds):
        rest = np.concatenate([labels[folds != fold], train_only])
        result[folds == fold] = rest.mean(axis=0, dtype=np.float64)
    return result


def score(labels: np.ndarray, probabilities: np.ndarray, names: list[str], folds: np.ndarray | None = None) -> Score:
    """Log loss (with its 95 % interval over samples), average precision and ROC AUC, total and per label.

    Average precision and ROC AUC are None for a label without both classes, and left out of the mean.

    Args:
        labels, probabilities: [samples, labels]; names: of the labels; folds: int [samples], to score each by itself too.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score  # a second: only where something is scored

    losses = log_losses(labels, probabilities)
    per_label = {}
    for index, name in enumerate(names):
        y, p = labels[:, index], probabilities[:, index]
        both = 0 < y.sum() < len(y)
        per_label[name] = LabelScore(
            log_loss=float(losses[index]),
            average_precision=float(average_precision_score(y, p)) if both else None,
            roc_auc=float(roc_auc_score(y, p)) if both else None,
            positives=int(y.sum()),
        )

    def mean(values: list[float | None]) -> float | None:
        known = [value for value in values if value is not None]
        return float(np.mean(known)) if known else None

    parts = [] if folds is None else [folds == fold for fold in np.unique(folds)]
    return Score(
        log_loss=float(losses.mean()),
        log_loss_interval=interval(sample_losses(labels, probabilities)),
        average_precision=mean([entry.average_precision for entry in per_label.values()]),
        roc_auc=mean([entry.roc_auc for entry in per_label.values()]),
        labels=per_label,
        log_loss_by_fold=[log_loss(labels[rows], probabilities[rows]) for rows in parts],
    )
