"""ensemble.json: all that it takes to answer for a new sample from its models' probabilities."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Self

import numpy as np

from ..config.sections import Unique
from ..files.record import Document
from .blending import Blend
from .run_metrics import Step


class Ensemble(Document):
    """A fitted ensemble.

    Attributes:
        method: how it was fitted; members: names of the models that count.
        weights: member → label → weight of its clipped logit; bias: by label; clip: of probabilities.
        selection_loss, shrinkage, direction, paths: of method ``select``; temperatures: of ``temper``, of all models.
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

    @classmethod
    def of(cls, method: str, blend: Blend, names: list[str], labels: list[str], clip: float) -> Self:
        """A fitted blend with its models' names."""
        facts = dict(blend.facts)
        if "paths" in facts:
            facts["paths"] = named_paths(facts["paths"], names)
        weights = {names[index]: dict(zip(labels, blend.weights[index].tolist(), strict=True)) for index in blend.members}
        bias = dict(zip(labels, blend.bias.tolist(), strict=True))
        return cls(method=method, members=list(weights), weights=weights, bias=bias, clip=clip, **facts)

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
        return self.model_copy(update={"weights": weights, "bias": {label: self.bias[label] for label in labels}})

    def __call__(self, probabilities: np.ndarray) -> np.ndarray:
        """The members' [members, samples, labels] → the answers [samples, labels], all probabilities, float64."""
        return Blend(self.matrix, np.array(list(self.bias.values())), {})(probabilities, self.clip)


def named_paths(paths: dict[str, list[tuple[list[int], float]]], names: list[str]) -> dict[str, list[Step]]:
    """METHOD's walks with the models' names: walk → its steps."""
    return {
        walk: [Step(members=[names[index] for index in subset], loss=loss) for subset, loss in path]
        for walk, path in paths.items()
    }
