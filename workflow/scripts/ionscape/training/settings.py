"""What the configuration says of a network's training, whichever network it is; without importing torch."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from ..config.model_settings import Seeded
from ..config.sections import Range, Sections
from ..images.normalization import NORMALIZATIONS

Epochs = Annotated[int, Field(ge=1, le=100_000, description="Passes over the training samples.")]
WarmupEpochs = Annotated[float, Field(ge=0, description="Epochs of linear warm-up from 0.")]
Rate = Annotated[float, Field(gt=0, le=100, description="AdamW's base learning rate.")]
WeightDecay = Annotated[float, Field(ge=0, le=100, description="AdamW's weight decay.")]
BatchSize = Annotated[int, Field(ge=2, le=65_536, description="Samples a step; the last partial batch is dropped.")]
MassScaling = Annotated[
    float, Field(ge=0, le=10, description="Training only; each mass row is multiplied by 2^N(0, mass_scaling).")
]
#: The names of METHOD step 5.
if TYPE_CHECKING:
    Normalization = str
else:
    Normalization = Literal[tuple(NORMALIZATIONS)]

Share = Annotated[float, Field(ge=0, le=1)]
ShareRange = Annotated[list[Share], Field(min_length=2, max_length=2)]
MixupRange = Annotated[ShareRange, Field(description="Range of a mixed sample's own share.")]


class NetworkSettings(Seeded):
    """Settings of a network's training; the defaults are METHOD's (Training), and a family may have others."""

    normalization: Normalization = Field("mass", description="METHOD step 5.")
    background: ShareRange | None = Field(
        None,
        description="A quantile over time is subtracted from each mass row, drawn from this range in training, its middle "
        "in prediction; [0, 0] is the minimum, null subtracts nothing.",
    )
    epochs: Epochs = 20
    warmup_epochs: WarmupEpochs = 2
    rate: Rate = 0.0001
    weight_decay: WeightDecay = 0.01
    batch_size: BatchSize = 8
    clip_gradient: float = Field(64, gt=0, description="Largest gradient norm.")
    label_smoothing: float = Field(0.01, ge=0, le=0.4, description="s in y / (1 + 2·s) + s, in training only.")
    mixup: float = Field(0, ge=0, le=1, description="Probability that a sample is mixed.")
    mixup_range: MixupRange = Field([0.4, 0.6])
    mass_scaling: MassScaling = 0
    average: float = Field(
        0,
        ge=0,
        lt=1,
        description="Decay of a moving average of the weights, a step, which is validated and kept in their place; 0 "
        "averages nothing.",
    )
    select: Literal["best_epoch", "last"] = Field(
        "best_epoch",
        description="Which epoch's weights are kept. best_epoch is METHOD's, chosen on the validation fold, whose loss is "
        "optimistic for it.",
    )
    precision: Literal["auto", "fp32", "bf16", "reference"] = Field(
        "auto",
        description="bf16 runs the network in autocast, losses and image steps stay fp32; auto is bf16 where the hardware "
        "multiplies it, else fp32; reference is fp32 without TF32 and CUDA graphs, on one CPU thread.",
    )

    @property
    def training_epochs(self) -> int | None:
        """How many epochs it trains."""
        return self.epochs

    @property
    def input_normalization(self) -> str:
        """Which normalization of the images it is fitted on (METHOD step 5)."""
        return self.normalization

    @property
    def in_memory(self) -> tuple[str, str, str]:
        """What fills the memory, for a message: the network's title, its size, and what to lower beside batch_size."""
        return self.family, f"batch_size {self.batch_size}", "channels"

    def problems(self, sections: Sections) -> list[str]:
        """Ranges that descend, and a warm-up longer than the training."""
        found = [*super().problems(sections), *descending("mixup_range", self.mixup_range)]
        found += descending("background", self.background)
        if self.warmup_epochs > self.epochs:
            found.append(f"warmup_epochs: {self.warmup_epochs} exceeds epochs = {self.epochs}")
        return found


def descending(key: str, ends: Range | None) -> list[str]:
    """What is wrong with the ends of a range, if anything is."""
    return [f"{key}: found {ends}, the first must not exceed the second"] if ends and ends[0] > ends[1] else []
