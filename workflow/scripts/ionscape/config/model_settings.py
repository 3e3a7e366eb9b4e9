"""What a model of any family says in the configuration."""

from typing import Annotated, Any, ClassVar, Self

from pydantic import Field

from .base import Settings
from .sections import Sections, Seed

#: A smallest relative intensity.
Floor = Annotated[float, Field(gt=0, le=0.1)]


class ModelSettings(Settings):
    """The base of every family's settings: a family adds its own keys."""

    #: Keys that the family has had from some version on: see :meth:`stored`.
    later: ClassVar[frozenset[str]] = frozenset()

    #: Keys that say how often a model is fitted, not what a fit is: no part of a fitted model.
    outside: ClassVar[frozenset[str]] = frozenset({"folds", "refit"})

    family: str = Field(description="Kind of model.")
    folds: Annotated[int, Field(ge=2, le=1000)] | None = Field(
        None,
        description="Folds of this model, a multiple of folds.count: each of the run's folds is divided further, so that "
        "every fit learns from more runs. null is folds.count.",
    )
    refit: bool = Field(
        False,
        description="One more fit, on all training samples, answers for test and new samples in place of the folds' mean.",
    )

    def stored(self) -> dict[str, Any]:
        """What a fit is made of: all keys but those outside of it, and the later ones that have their defaults.

        So a new key changes no hash, and no model is fitted again for it.
        """
        fields = type(self).model_fields
        return {
            key: value
            for key, value in self.model_dump().items()
            if key not in self.outside and (key not in self.later or value != fields[key].get_default())
        }

    @property
    def kind(self) -> str:
        """What sort of model of the family it is, in a word; empty where there is one sort."""
        return ""

    @property
    def training_epochs(self) -> int | None:
        """How many epochs it trains; None where it is not trained in epochs."""
        return None

    @property
    def input_normalization(self) -> str:
        """Which normalization of the images it is fitted on (METHOD step 5)."""
        return "none"

    @property
    def input_features(self) -> list[str]:
        """Which groups of features it is fitted on, of a family that is fitted on features."""
        return []

    @property
    def weights_source(self) -> str | None:
        """Where the weights come from that it started from, and their licence, as Markdown; None where it had none."""
        return None

    @property
    def kept_runs(self) -> str | None:
        """What of its training runs a fitted model holds, in words; None where it holds none of it."""
        return None

    def strange(self) -> list[str]:
        """What of a model's own settings, in a folder that may be anybody's, is refused, a line ``key: …`` each."""
        return []

    def problems(self, sections: Sections) -> list[str]:
        """What contradicts itself or the rest of the configuration, a line ``key: …`` each."""
        if self.folds is None or self.folds % sections.folds.count == 0:
            return []
        return [f"folds: found {self.folds}, allowed: multiples of folds.count = {sections.folds.count}"]

    def completed(self) -> Self:
        """With what follows from the other settings filled in, once there is no problem."""
        return self


class Seeded(ModelSettings):
    """Settings of a model in which something is random."""

    seed: Seed = Field(0, description="Seed of whatever is random; the run's seed is added.")
