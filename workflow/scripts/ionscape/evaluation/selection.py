"""METHOD.md, Ensemble: which models, and their mean of clipped logits."""

from collections.abc import Callable

import numpy as np

from ..models.logits import EPSILON, clipped_logits, probabilities_of


def average_folds(logits: np.ndarray) -> np.ndarray:
    """A model's prediction of samples that no fold trained on: **probabilities** averaged over folds.

    Args:
        logits: [folds, samples, labels].

    Returns:
        float64 [samples, labels], probabilities.
    """
    return probabilities_of(logits).mean(axis=0)


def shrinkage_grid(count: int, low: float, high: float) -> np.ndarray:
    """0 and ``count`` values log-spaced from ``low`` to ``high``."""
    return np.concatenate([[0.0], np.geomspace(low, high, count)])


def selection_loss(labels: np.ndarray, probabilities: np.ndarray, shrinkages: np.ndarray) -> tuple[float, float]:
    """The lowest log loss over shrinkages p(1 − 2c) + c: (loss, c); the first c on ties."""
    given = np.where(labels > 0.5, probabilities, 1 - probabilities)  # shrinks alike: a logarithm a number, not two
    losses = [-np.log(np.clip(given * (1 - 2 * c) + c, EPSILON, 1 - EPSILON)).mean() for c in shrinkages]
    best = int(np.argmin(losses))
    return float(losses[best]), float(shrinkages[best])


#: METHOD, Ensemble: ``grow`` stops there.
MOST_GROWN = 30


def grow(models: int, loss: Callable[[list[int]], float]) -> list[tuple[list[int], float]]:
    """Forward path: from the best model, always adding the one with the lowest loss, until all or 30 are in.

    Args:
        models: number of models.
        loss: of a subset, given as ascending indices; lower is better. Ties keep the lower index.

    Returns:
        (subset, loss) of each size 1 … models, at most 30.
    """
    path: list[tuple[list[int], float]] = []
    chosen: list[int] = []
    while len(chosen) < min(models, MOST_GROWN):
        options = [sorted([*chosen, i]) for i in range(models) if i not in chosen]
        losses = [loss(option) for option in options]
        best = int(np.argmin(losses))
        chosen = options[best]
        path.append((chosen, losses[best]))
    return path


def drop(models: int, loss: Callable[[list[int]], float]) -> list[tuple[list[int], float]]:
    """Backward path: from all models, always removing the one whose absence gives the lowest loss, down to one.

    Returns:
        (subset, loss) of each size models … 1; arguments as in :func:`grow`.
    """
    chosen = list(range(models))
    path = [(chosen, loss(chosen))]
    while len(chosen) > 1:
        options = [[i for i in chosen if i != left_out] for left_out in chosen]
        losses = [loss(option) for option in options]
        best = int(np.argmin(losses))
        chosen = options[best]
        path.append((chosen, losses[best]))
    return path


def fit_ensemble(labels: np.ndarray, probabilities: np.ndarray, clip: float, shrinkages: np.ndarray) -> dict:
    """Chooses the models: the better of the best subsets on both whole paths.

    Ties: the subset that a path meets first, the smaller one of ``grow`` and the larger one of ``drop``; then ``grow``'s.

    Args:
        labels: [samples, labels].
        probabilities: [models, samples, labels], out-of-fold.

    Returns:
        ``members`` (indices), ``loss``, ``shrinkage`` (of the selection loss only), ``direction``, and ``paths``: for
        ``grow`` and ``drop`` the list of (subset, loss).
    """
    logits = clipped_logits(probabilities, clip)

    def evaluate(subset: list[int]) -> tuple[float, float]:
        return selection_loss(labels, probabilities_of(logits[subset].mean(axis=0)), shrinkages)

    paths = {name: walk(len(logits), lambda subset: evaluate(subset)[0]) for name, walk in WALKS.items()}
    best = {name: min(path, key=lambda step: step[1]) for name, path in paths.items()}
    direction = min(best, key=lambda name: best[name][1])
    members, loss = best[direction]
    return {
        "members": members,
        "loss": loss,
        "shrinkage": evaluate(members)[1],
        "direction": direction,
        "paths": paths,
    }


WALKS = {"grow": grow, "drop": drop}
