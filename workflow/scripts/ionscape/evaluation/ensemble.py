"""ensemble.json: all that it takes to answer for a new sample from its models' probabilities."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Self

import numpy as np

from ..config.sections import Unique
from ..files.record import Document, Record
from .blending import Blend, Slopes
from .novelty import novelty
from .run_metrics import SimilarityBin, Step


class NoveltyWeights(Record):
    """Of one member: slope by label; and how its novelty is standardized (:class:`.blending.Slopes`)."""

    slope: dict[str, float]
    centre: float
    scale: float
    low: float
    high: float


class Ensemble(Document):
    """A fitted ensemble.

    Attributes:
        method: how it was fitted; members: names of the models that count.
        weights: member → label → weight of its clipped logit; bias: by label; clip: of probabilities.
        selection_loss, shrinkage, direction, paths: of method ``select``; temperatures: of ``temper``, of all models.
        novelty: of ``adapt``: member → how its weights depend on a sample's novelty.
        expected: what the nested log loss was of known samples, by how similar the nearest run is, ascending.
    """

    kind: ClassVar[str] = "ensemble"

    method: str
    members: Annotated[list[str], Unique]
    weights: dict[str, dict[str, float]]
    bias: dict[str, float]
    clip: float
    selection_loss: float | None = None
    shrinkage: float | None = None
    direction: str | None = None
    paths: dict[str, list[Step]] | None = None
    temperatures: list[float] | None = None
    novelty: dict[str, NoveltyWeights] | None = None
    expected: list[SimilarityBin] | None = None

    @classmethod
    def of(
        cls, method: str, blend: Blend, names: list[str], labels: list[str], clip: float, expected: list[SimilarityBin]
    ) -> Self:
        """A fitted blend with its models' names."""
        facts = dict(blend.facts)
        if "paths" in facts:
            facts["paths"] = named_paths(facts["paths"], names)
        weights = {names[index]: dict(zip(labels, blend.weights[index].tolist(), strict=True)) for index in blend.members}
        bias = dict(zip(labels, blend.bias.tolist(), strict=True))
        facts["novelty"] = _named_slopes(blend, names, labels)
        return cls(
            method=method, members=list(weights), weights=weights, bias=bias, clip=clip, expected=expected or None, **facts
        )

    @property
    def labels(self) -> list[str]:
        """Names of the labels."""
        return list(self.bias)

    def weights_of(self, member: str) -> list[float]:
        """A member's, one a label."""
        return [self.weights[member][label] for label in self.labels]

    @property
    def matrix(self) -> np.ndarray:
        """The weights, float64 [members, labels]."""
        return np.array([self.weights_of(member) for member in self.members])

    def in_order(self, labels: Sequence[str]) -> Self:
        """The same with exactly these labels, in this order: a file's own order tells nothing."""
        weights = {name: {label: own[label] for label in labels} for name, own in self.weights.items()}
        changed: dict = {"weights": weights, "bias": {label: self.bias[label] for label in labels}}
        if self.novelty:
            slopes = {name: {label: own.slope[label] for label in labels} for name, own in self.novelty.items()}
            changed["novelty"] = {
                name: own.model_copy(update={"slope": slopes[name]}) for name, own in self.novelty.items()
            }
        return self.model_copy(update=changed)

    @property
    def slopes(self) -> Slopes | None:
        """How the weights depend on novelty; None if they do not."""
        if self.novelty is None:
            return None
        own = [self.novelty[member] for member in self.members]
        slope = np.array([[one.slope[label] for label in self.labels] for one in own])
        ends = (np.array([getattr(one, name) for one in own]) for name in ("centre", "scale", "low", "high"))
        return Slopes(slope, *ends)

    def __call__(self, probabilities: np.ndarray, novelty: np.ndarray | None = None) -> np.ndarray:
        """The members' [members, samples, labels] → the answers [samples, labels], all probabilities, float64.

        Args:
            novelty: float64 [members, samples]; weights that would depend on it do not where it is not known.
        """
        return Blend(self.matrix, np.array(list(self.bias.values())), {}, self.slopes)(probabilities, self.clip, novelty)

    def expected_loss(self, similarity: np.ndarray) -> np.ndarray:
        """The log loss that known samples had whose nearest run was as similar, float64 [n]; NaN where none is known.

        Between bins it is a line over :func:`.novelty.novelty`.
        """
        bins = [one for one in self.expected or [] if one.samples]
        if not bins:
            return np.full(len(similarity), np.nan)
        at = novelty(np.array([one.similarity for one in reversed(bins)]))
        return np.interp(novelty(similarity), at, [one.log_loss for one in reversed(bins)])


def _named_slopes(blend: Blend, names: list[str], labels: list[str]) -> dict[str, NoveltyWeights] | None:
    found = blend.slopes
    if found is None:
        return None
    return {
        names[index]: NoveltyWeights(
            slope=dict(zip(labels, found.slope[index].tolist(), strict=True)),
            centre=float(found.centre[index]),
            scale=float(found.scale[index]),
            low=float(found.low[index]),
            high=float(found.high[index]),
        )
        for index in blend.members
    }


def named_paths(paths: dict[str, list[tuple[list[int], float]]], names: list[str]) -> dict[str, list[Step]]:
    """METHOD's walks with the models' names: walk → its steps."""
    return {
        walk: [Step(members=[names[index] for index in subset], loss=loss) for subset, loss in path]
        for walk, path in paths.items()
    }
