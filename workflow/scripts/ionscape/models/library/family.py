"""Family ``library``: its settings, and what a job of it asks for."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from ...config.model_settings import ModelSettings
from ...config.sections import Background
from ..family import Family

if TYPE_CHECKING:
    from .model import Model


class LibrarySettings(ModelSettings):
    """A yardstick, cosine similarity to the mean mass spectrum of each label's training samples."""

    family: Literal["library"] = Field("library", description="Kind of model.")
    background: Background = None
    intensity_power: float = Field(0.5, gt=0, le=10, description="Summed intensities are raised to this.")
    mass_power: float = Field(1, ge=0, le=10, description="… and multiplied by their m/z raised to this.")


def _model() -> "type[Model]":
    from .model import Model  # scikit-learn: only in the job

    return Model


FAMILY = Family(LibrarySettings, _model, inputs="images")
