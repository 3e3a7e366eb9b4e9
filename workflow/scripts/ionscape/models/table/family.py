"""Family ``table``: its settings, and what a job of it asks for."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from ...config.model_settings import Seeded
from ...config.sections import Group, Unique
from ..family import Family

if TYPE_CHECKING:
    from .model import Model


class TableSettings(Seeded):
    """One classifier a label on extract_features."""

    family: Literal["table"] = Field("table", description="Kind of model.")
    algorithm: Literal["lightgbm", "logistic_regression"] = Field("lightgbm", description="Classifier.")
    features: Annotated[list[Group], Field(min_length=1), Unique] = Field(
        ["log_maximum", "log_mean", "time_of_maximum", "bands", "mass_bands"], description="Groups of columns to use."
    )
    trees: int = Field(200, ge=1, le=100_000, description="LightGBM, boosting rounds.")
    rate: float = Field(0.05, gt=0, le=100, description="LightGBM, learning rate.")
    leaves: int = Field(15, ge=2, le=131_072, description="LightGBM, leaves a tree.")
    leaf_samples: int = Field(10, ge=1, le=1_000_000, description="LightGBM, fewest samples in a leaf.")
    extra_trees: bool = Field(
        False,
        description="LightGBM, draws each split's threshold at random (Geurts, Ernst and Wehenkel 2006).",
    )
    column_share: float = Field(0.1, gt=0, le=1, description="LightGBM, share of columns a tree sees.")
    row_share: float = Field(0.8, gt=0, le=1, description="LightGBM, share of rows a tree sees.")
    l2: float = Field(1, ge=0, le=1_000_000_000, description="LightGBM, L2 regularization of leaf values.")
    c: float = Field(0.001, gt=0, le=1_000_000_000, description="Logistic regression, inverse regularization strength.")

    @property
    def kind(self) -> str:
        """What sort of model of the family it is."""
        return self.algorithm

    @property
    def input_features(self) -> list[str]:
        """Which groups of features it is fitted on."""
        return list(self.features)


def _model() -> "type[Model]":
    from .model import Model  # LightGBM and scikit-learn: only in the job

    return Model


FAMILY = Family(TableSettings, _model, inputs="features")
