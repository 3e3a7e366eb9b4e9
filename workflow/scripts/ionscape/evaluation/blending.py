"""How logits become one answer: METHOD.md, Ensemble. Every way is a weighted sum of clipped logits, plus a bias."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from ..config.sections import Ensemble as EnsembleSettings
from ..models.logits import clipped_logits, probabilities_of
from .metrics import log_loss
from .selection import fit_ensemble

#: Largest weight of a model: a logit need not be made steeper than this.
STEEPEST = 3.0


@dataclass(frozen=True)
class Blend:
    """Answer = sigmoid(Σ weights · clipped logits + bias).

    Attributes:
        weights: float64 [models, labels], not negative; bias: float64 [labels].
        facts: what else the method found, for ensemble.json.
    """

    weights: np.ndarray
    bias: np.ndarray
    facts: dict

    def __call__(self, probabilities: np.ndarray, clip: float) -> np.ndarray:
        """[models, samples, labels] → [samples, labels], both probabilities, float64."""
        logits = clipped_logits(probabilities, clip)
        return probabilities_of(np.einsum("msl,ml->sl", logits, self.weights) + self.bias)

    @property
    def members(self) -> list[int]:
        """The models that count, ascending; all of them if none does."""
        counting = np.flatnonzero(self.weights.max(axis=1) > 0)
        return (counting if len(counting) else np.arange(len(self.weights))).tolist()


def select(labels: np.ndarray, probabilities: np.ndarray, settings: EnsembleSettings, shrinkages: np.ndarray) -> Blend:
    """The method's own: the plain mean of the models that the walks ``grow`` and ``drop`` chose."""
    found = fit_ensemble(labels, probabilities, settings.clip, shrinkages)
    weights = np.zeros((len(probabilities), labels.shape[1]))
    weights[found["members"]] = 1 / len(found["members"])
    facts = {"selection_loss": found["loss"], **{key: found[key] for key in ("shrinkage", "direction", "paths")}}
    return Blend(weights, np.zeros(labels.shape[1]), facts)


def temper(labels: np.ndarray, probabilities: np.ndarray, settings: EnsembleSettings, shrinkages: np.ndarray) -> Blend:
    """The mean of all models, each divided by its own temperature, the one with which it scores best alone."""
    logits = clipped_logits(probabilities, settings.clip)
    slopes = np.array([_fit(z[None], labels, np.ones(1), 0.0)[0] for z in logits])
    weights = np.repeat(slopes[:, None] / len(logits), labels.shape[1], axis=1)
    return Blend(weights, np.zeros(labels.shape[1]), {"temperatures": (1 / np.maximum(slopes, 1e-9)).tolist()})


def weigh(labels: np.ndarray, probabilities: np.ndarray, settings: EnsembleSettings, shrinkages: np.ndarray) -> Blend:
    """One weight a model, not negative, of any sum; a ridge holds them near the plain mean."""
    logits = clipped_logits(probabilities, settings.clip)
    near = np.full(len(logits), 1 / len(logits))
    weights = np.repeat(_fit(logits, labels, near, settings.ridge)[:, None], labels.shape[1], axis=1)
    return Blend(weights, np.zeros(labels.shape[1]), {})


def stack(labels: np.ndarray, probabilities: np.ndarray, settings: EnsembleSettings, shrinkages: np.ndarray) -> Blend:
    """One weight a model and label and one bias a label; a ridge holds them near those of :func:`weigh`, and near 0."""
    logits = clipped_logits(probabilities, settings.clip)
    shared = weigh(labels, probabilities, settings, shrinkages).weights[:, 0]
    fitted = []
    for index in range(labels.shape[1]):
        own = np.concatenate([logits[:, :, index], np.ones((1, len(labels)))])[:, :, None]
        fitted.append(_fit(own, labels[:, index : index + 1], np.append(shared, 0.0), settings.ridge, free=1))
    weights = np.array(fitted).T
    return Blend(weights[:-1], weights[-1], {})


METHODS: dict[str, Callable[..., Blend]] = {"select": select, "temper": temper, "weigh": weigh, "stack": stack}


def fit_blend(
    labels: np.ndarray, probabilities: np.ndarray, folds: np.ndarray, settings: EnsembleSettings, shrinkages: np.ndarray
) -> tuple[str, Blend]:
    """Fits the method that ``settings.method`` names, or for ``auto`` the one whose cross-validated loss is lowest.

    With samples of a single fold nothing can be cross-validated: ``auto`` is then ``select``, which fits no number.

    Args:
        labels: [samples, labels]; probabilities: out-of-fold, [models, samples, labels]; folds: int [samples].
        shrinkages: see :mod:`.selection`.

    Returns:
        the method's name, and its fit on all samples.
    """
    name: str = settings.method
    if name == "auto" and len(np.unique(folds)) == 1:
        name = "select"
    elif name == "auto":
        losses = {
            one: log_loss(labels, cross_fitted(labels, probabilities, folds, with_method(settings, one), shrinkages))
            for one in METHODS
        }
        name = min(losses, key=lambda one: losses[one])
    return name, METHODS[name](labels, probabilities, settings, shrinkages)


def with_method(settings: EnsembleSettings, method: str) -> EnsembleSettings:
    """The settings, but for the way of blending."""
    return settings.model_copy(update={"method": method})


def cross_fitted(
    labels: np.ndarray, probabilities: np.ndarray, folds: np.ndarray, settings: EnsembleSettings, shrinkages: np.ndarray
) -> np.ndarray:
    """The answer without its fit's optimism: each fold's by what was chosen and fitted on the other folds.

    Returns:
        float64 [samples, labels]. For ``auto``, also the method was chosen on the other folds alone.
    """
    result = np.empty(labels.shape)
    for fold in np.unique(folds):
        inside = folds == fold
        rest = labels[~inside], probabilities[:, ~inside], folds[~inside]
        result[inside] = fit_blend(*rest, settings, shrinkages)[1](probabilities[:, inside], settings.clip)
    return result


def _fit(logits: np.ndarray, labels: np.ndarray, near: np.ndarray, ridge: float, free: int = 0) -> np.ndarray:
    """Weights with the lowest log loss + ridge · Σ(weights − near)²: logits [k, samples, labels] → float64 [k].

    Args:
        free: how many of the last weights may be negative.
    """
    targets = labels.astype(np.float64)

    def objective(weights: np.ndarray) -> tuple[float, np.ndarray]:
        total = np.einsum("ksl,k->sl", logits, weights)
        loss = (np.logaddexp(0, total) - targets * total).mean() + ridge * ((weights - near) ** 2).sum()
        residual = (probabilities_of(total) - targets) / targets.size
        return loss, np.einsum("ksl,sl->k", logits, residual) + 2 * ridge * (weights - near)

    bounds = [(0, STEEPEST)] * (len(logits) - free) + [(None, None)] * free
    return minimize(objective, np.maximum(near, 1e-3), jac=True, bounds=bounds, method="L-BFGS-B").x
