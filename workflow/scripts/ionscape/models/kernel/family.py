"""Family ``kernel``: its settings, and what a job of it asks for."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from ...config.model_settings import Floor, ModelSettings
from ...config.sections import Background, Unique
from ..family import Family

if TYPE_CHECKING:
    from .model import Model


class KernelSettings(ModelSettings):
    """Kernel logistic regression, a classifier a label on similarities to the training samples."""

    family: Literal["kernel"] = Field("kernel", description="Kind of model.")
    views: Annotated[list[Literal["intensity", "mass", "time", "spectrum"]], Field(min_length=1), Unique] = Field(
        ["intensity", "mass", "time", "spectrum"],
        description="What is compared, by cosine similarity, a kernel each, of which the mean is taken. Intensities "
        "relative to the image's maximum, to each mass's, or to each band's; and each mass's maximum.",
    )
    also_without: Annotated[list[Annotated[int, Field(ge=0, le=100_000)]], Unique] = Field(
        [], description="m/z without which all is compared once more, such as those of water and carbon dioxide."
    )
    root: float = Field(4, ge=1, le=100, description="Relative intensities are raised to 1 / root.")
    background: Background = None
    smoothing: int = Field(
        4,
        ge=0,
        le=16,
        description="Bins on either side that a triangular window reaches, which smooths each mass row first.",
    )
    bands: int = Field(32, ge=1, le=4096, description="Bands of the x axis whose maxima are compared.")
    floor: Floor = Field(
        0.0001, description="Mass rows whose maximum is below this share of the image's are not blown up to 1."
    )
    width: float = Field(
        2,
        gt=0,
        le=1_000_000,
        description="Of exp(−width · d² / median of d²), d the distance of two samples: larger is more local.",
    )
    c: float = Field(100, gt=0, le=1_000_000_000, description="Inverse regularization strength.")

    @property
    def kept_runs(self) -> str | None:
        """What of its training runs a fitted model holds."""
        return "the training runs' own images, in coarse bands of time"


def _model() -> "type[Model]":
    from .model import Model  # scikit-learn: only in the job

    return Model


FAMILY = Family(KernelSettings, _model, inputs="images")
