"""Family ``sequence``: its settings, what contradicts in them, and what a job of it asks for."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field

from ...config.model_settings import Floor
from ...config.sections import Sections, Unique
from ...training.settings import (
    BatchSize,
    Epochs,
    MassScaling,
    MixupRange,
    NetworkSettings,
    Normalization,
    Rate,
    WarmupEpochs,
    WeightDecay,
    descending,
)
from ..family import Family

if TYPE_CHECKING:
    from .model import Model


def _odd(number: int) -> int:
    if number % 2 == 0:
        raise ValueError(f"found {number}, allowed: odd numbers")
    return number


class SequenceSettings(NetworkSettings):
    """A 1-D network that scores the spectrum of each time bin (METHOD, Events)."""

    family: Literal["sequence"] = Field("sequence", description="Kind of model.")
    normalization: Normalization = Field("none", description="METHOD step 5.")
    floor: Floor = Field(0.00001, description="Smallest relative intensity that is told apart from nothing.")
    scalings: Annotated[list[Literal["log", "root", "unit", "mass"]], Field(min_length=1), Unique] = Field(
        ["log"],
        description="What is read of each mass and bin. log and root: its intensity relative to the image's maximum, "
        "logarithmic from floor, or raised to 1 / root. unit: the latter divided by its root mean square. mass: its share "
        "of the mass row's maximum.",
    )
    root: float = Field(4, ge=1, le=100, description="Root of the scalings root and unit.")
    architecture: Literal["convolutional", "transformer", "gru"] = Field(
        "convolutional", description="What follows the first convolution."
    )
    layers: int = Field(1, ge=1, le=24, description="Layers of the architecture.")
    stride: int = Field(1, ge=1, le=4096, description="Bins that the first convolution makes one of.")
    positions: bool = Field(
        False,
        description="A learned vector is added to each bin, for an axis with limits, on which the place itself says "
        "something.",
    )
    channels: int = Field(192, ge=1, le=8192, description="Width of the layers.")
    kernel: Annotated[int, Field(ge=1, le=4095), AfterValidator(_odd)] = Field(
        3, description="Bins that a convolution sees, odd."
    )
    dropout: float = Field(0.3, ge=0, lt=1, description="Share of dropped activations.")
    epochs: Epochs = 40
    warmup_epochs: WarmupEpochs = 4
    rate: Rate = 0.003
    weight_decay: WeightDecay = 0.05
    batch_size: BatchSize = 32
    overlay: float = Field(0.8, ge=0, le=1, description="Training only; probability that another run is added to a run.")
    overlay_range: Annotated[list[Annotated[float, Field(gt=0, le=10)]], Field(min_length=2, max_length=2)] = Field(
        [0.1, 1], description="Range of the factor of the other run, log-uniform."
    )
    mixup_range: MixupRange = Field([0.2, 0.8])
    time_warp: float = Field(0, ge=0, le=10, description="Training only; the x axis in [0, 1] becomes t^2^N(0, time_warp).")
    mass_scaling: MassScaling = 0.5

    @property
    def kind(self) -> str:
        """What sort of model of the family it is."""
        return self.architecture

    def problems(self, sections: Sections) -> list[str]:
        """Widths that an architecture cannot divide, beside what any network's settings can contradict in."""
        found = [*super().problems(sections), *descending("overlay_range", self.overlay_range)]
        multiple = {"transformer": 4, "gru": 2}.get(self.architecture, 1)
        if self.channels % multiple:
            found.append(f"channels: a {self.architecture} needs a multiple of {multiple}, found {self.channels}")
        return found


def _model() -> "type[Model]":
    from .model import Model  # torch: only in the job

    return Model


FAMILY = Family(SequenceSettings, _model, inputs="images", gpu=1, runtime=120)
