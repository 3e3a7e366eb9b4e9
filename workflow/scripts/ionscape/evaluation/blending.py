"""How logits become one answer: METHOD.md, Ensemble. Every way is a weighted sum of clipped logits, plus a bias."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from scipy.optimize import minimize

from ..config.sections import Ensemble as EnsembleSettings
from ..models.logits import clipped_logits, probabilities_of
from .metrics import log_loss
from .selection import fit_ensemble

#: Largest weight of a model: a logit need not be made steeper than this.
STEEPEST = 3.0


@dataclass(frozen=True)
class Candidates:
    """What a blend is fitted to.

    Attributes:
        labels: [samples, labels], 0 or 1; folds: int [samples], the run's.
        probabilities: out-of-fold, float64 [models, samples, labels].
        novelty: how new each sample was to what each model learnt, float64 [models, samples] (:mod:`.novelty`).
    """

    labels: np.ndarray
    folds: np.ndarray
    probabilities: np.ndarray
    novelty: np.ndarray

    def models(self, indices: list[int]) -> Self:
        """Some of the models."""
        return type(self)(self.labels, self.folds, self.probabilities[indices], self.novelty[indices])

    def rows(self, rows: np.ndarray) -> Self:
        """Some of the samples, bool [samples]."""
        return type(self)(self.labels[rows], self.folds[rows], self.probabilities[:, rows], self.novelty[:, rows])


@dataclass(frozen=True)
class Slopes:
    """How weights depend on novelty: weight + slope · s, with s = (novelty − centre) / scale, held in [low, high].

    Attributes:
        slope: float64 [models, labels]; centre, scale, low, high: float64 [models], the ends those of the samples that
            it was fitted to: nothing is known beyond.
    """

    slope: np.ndarray
    centre: np.ndarray
    scale: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def none(cls, novelty: np.ndarray, labels: int) -> Self:
        """Slopes of 0, standardized by these samples: novelty [models, samples]."""
        centre, scale = novelty.mean(axis=1), np.maximum(novelty.std(axis=1), np.finfo(np.float64).tiny)
        low, high = ((end(axis=1) - centre) / scale for end in (novelty.min, novelty.max))
        return cls(np.zeros((len(novelty), labels)), centre, scale, low, high)

    def standardized(self, novelty: np.ndarray) -> np.ndarray:
        """s of each model and sample: [models, samples]."""
        s = (novelty - self.centre[:, None]) / self.scale[:, None]
        return np.clip(s, self.low[:, None], self.high[:, None])


@dataclass(frozen=True)
class Blend:
    """Answer = sigmoid(Σ weights · clipped logits + bias).

    Attributes:
        weights: float64 [models, labels], not negative; bias: float64 [labels].
        facts: what else the method found, for ensemble.json.
        slopes: how the weights depend on how new a sample is; None: they do not.
    """

    weights: np.ndarray
    bias: np.ndarray
    facts: dict
    slopes: Slopes | None = None

    def __call__(self, probabilities: np.ndarray, clip: float, novelty: np.ndarray | None = None) -> np.ndarray:
        """[models, samples, labels] → [samples, labels], both probabilities, float64.

        Args:
            novelty: float64 [models, samples]; blends without slopes take no notice of it.
        """
        logits = clipped_logits(probabilities, clip)
        total = np.einsum("msl,ml->sl", logits, self.weights)
        if self.slopes is not None and novelty is not None:
            total += np.einsum("msl,ms,ml->sl", logits, self.slopes.standardized(novelty), self.slopes.slope)
        return probabilities_of(total + self.bias)

    @property
    def members(self) -> list[int]:
        """The models that count, ascending; all of them if none does."""
        strength = self.weights if self.slopes is None else np.maximum(self.weights, np.abs(self.slopes.slope))
        counting = np.flatnonzero(strength.max(axis=1) > 0)
        return (counting if len(counting) else np.arange(len(self.weights))).tolist()


def select(candidates: Candidates, settings: EnsembleSettings, shrinkages: np.ndarray) -> Blend:
    """The method's own: the plain mean of the models that the walks ``grow`` and ``drop`` chose."""
    found = fit_ensemble(candidates.labels, candidates.probabilities, settings.clip, shrinkages)
    weights = np.zeros((len(candidates.probabilities), candidates.labels.shape[1]))
    weights[found["members"]] = 1 / len(found["members"])
    facts = {"selection_loss": found["loss"], **{key: found[key] for key in ("shrinkage", "direction", "paths")}}
    return Blend(weights, np.zeros(candidates.labels.shape[1]), facts)


def temper(candidates: Candidates, settings: EnsembleSettings, shrinkages: np.ndarray) -> Blend:
    """The mean of all models, each divided by its own temperature, the one with which it scores best alone."""
    logits, labels = clipped_logits(candidates.probabilities, settings.clip), candidates.labels
    slopes = np.array([_fit(z[None], labels, np.ones(1), np.zeros(1))[0] for z in logits])
    weights = np.repeat(slopes[:, None] / len(logits), labels.shape[1], axis=1)
    return Blend(weights, np.zeros(labels.shape[1]), {"temperatures": (1 / np.maximum(slopes, 1e-9)).tolist()})


def weigh(candidates: Candidates, settings: EnsembleSettings, shrinkages: np.ndarray) -> Blend:
    """One weight a model, not negative, of any sum; a ridge holds them near the plain mean."""
    logits, labels = clipped_logits(candidates.probabilities, settings.clip), candidates.labels
    near, ridge = np.full(len(logits), 1 / len(logits)), np.full(len(logits), settings.ridge)
    weights = np.repeat(_fit(logits, labels, near, ridge)[:, None], labels.shape[1], axis=1)
    return Blend(weights, np.zeros(labels.shape[1]), {})


def adapt(candidates: Candidates, settings: EnsembleSettings, shrinkages: np.ndarray) -> Blend:
    """:func:`weigh` with weights that depend on how near a sample is to what the model learnt: one slope a model.

    Near samples are trusted to the models that compare, far ones to those that generalize; and the sum may be less steep
    where everything is far.
    """
    logits, labels = clipped_logits(candidates.probabilities, settings.clip), candidates.labels
    slopes = Slopes.none(candidates.novelty, labels.shape[1])
    moved = logits * slopes.standardized(candidates.novelty)[:, :, None]
    near = np.concatenate([np.full(len(logits), 1 / len(logits)), np.zeros(len(logits))])
    ridge = np.repeat([settings.ridge, settings.novelty_ridge], len(logits))
    fitted = _fit(np.concatenate([logits, moved]), labels, near, ridge, free=len(logits))
    weights, slope = (np.repeat(part[:, None], labels.shape[1], axis=1) for part in np.split(fitted, 2))
    return Blend(weights, np.zeros(labels.shape[1]), {}, replace(slopes, slope=slope))


def stack(candidates: Candidates, settings: EnsembleSettings, shrinkages: np.ndarray) -> Blend:
    """One weight a model and label and one bias a label; a ridge holds them near those of :func:`weigh`, and near 0."""
    logits, labels = clipped_logits(candidates.probabilities, settings.clip), candidates.labels
    shared = weigh(candidates, settings, shrinkages).weights[:, 0]
    ridge, fitted = np.full(len(logits) + 1, settings.ridge), []
    for index in range(labels.shape[1]):
        own = np.concatenate([logits[:, :, index], np.ones((1, len(labels)))])[:, :, None]
        fitted.append(_fit(own, labels[:, index : index + 1], np.append(shared, 0.0), ridge, free=1))
    weights = np.array(fitted).T
    return Blend(weights[:-1], weights[-1], {})


METHODS: dict[str, Callable[[Candidates, EnsembleSettings, np.ndarray], Blend]] = {
    "select": select,
    "temper": temper,
    "weigh": weigh,
    "adapt": adapt,
    "stack": stack,
}


def fit_blend(candidates: Candidates, settings: EnsembleSettings, shrinkages: np.ndarray) -> tuple[str, Blend]:
    """Fits the method that ``settings.method`` names, or for ``auto`` the one whose cross-validated loss is lowest.

    With samples of a single fold nothing can be cross-validated: ``auto`` is then ``select``, which fits no number.

    Args:
        shrinkages: see :mod:`.selection`.

    Returns:
        the method's name, and its fit on all samples.
    """
    name: str = settings.method
    if name == "auto" and len(np.unique(candidates.folds)) == 1:
        name = "select"
    elif name == "auto":
        losses = {
            one: log_loss(candidates.labels, cross_fitted(candidates, with_method(settings, one), shrinkages))
            for one in METHODS
        }
        name = min(losses, key=lambda one: losses[one])
    return name, METHODS[name](candidates, settings, shrinkages)


def with_method(settings: EnsembleSettings, method: str) -> EnsembleSettings:
    """The settings, but for the way of blending."""
    return settings.model_copy(update={"method": method})


def cross_fitted(candidates: Candidates, settings: EnsembleSettings, shrinkages: np.ndarray) -> np.ndarray:
    """The answer without its fit's optimism: each fold's by what was chosen and fitted on the other folds.

    Returns:
        float64 [samples, labels]. For ``auto``, also the method was chosen on the other folds alone.
    """
    result = np.empty(candidates.labels.shape)
    for fold in np.unique(candidates.folds):
        inside = candidates.folds == fold
        blend, asked = fit_blend(candidates.rows(~inside), settings, shrinkages)[1], candidates.rows(inside)
        result[inside] = blend(asked.probabilities, settings.clip, asked.novelty)
    return result


def _fit(logits: np.ndarray, labels: np.ndarray, near: np.ndarray, ridge: np.ndarray, free: int = 0) -> np.ndarray:
    """Weights with the lowest log loss + Σ ridge · (weights − near)²: logits [k, samples, labels] → float64 [k].

    Args:
        near, ridge: [k]; free: how many of the last weights may be negative.
    """
    targets = labels.astype(np.float64)

    def objective(weights: np.ndarray) -> tuple[float, np.ndarray]:
        total = np.einsum("ksl,k->sl", logits, weights)
        loss = (np.logaddexp(0, total) - targets * total).mean() + (ridge * (weights - near) ** 2).sum()
        residual = (probabilities_of(total) - targets) / targets.size
        return loss, np.einsum("ksl,sl->k", logits, residual) + 2 * ridge * (weights - near)

    bounds = [(0, STEEPEST)] * (len(logits) - free) + [(None, None)] * free
    return minimize(objective, np.maximum(near, 1e-3), jac=True, bounds=bounds, method="L-BFGS-B").x
