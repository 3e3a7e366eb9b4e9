"""Family ``sequence``: events along the x axis, told by the spectrum of each time bin.

A compound leaves the column within a few bins, and its mass spectrum says what it is. The network scores every bin for
every label, and a sample is as positive as the bins that matter for the label: multiple-instance learning with attention
(Ilse, Tomczak and Welling 2018, equation 8, one attention a label). Masses are channels: unlike in an image model, m/z 43
and m/z 44 have nothing in common.
"""

import numpy as np
import torch

from ...data.samples import Samples
from ...images.transforms import (
    log_intensity,
    mixup,
    overlay,
    root_intensity,
    row_share,
    scale_masses,
    subtract_background,
    unit_root_intensity,
    warp_time,
)
from ...training.batches import Batches
from ...training.device import autocast
from ..evidence import Evidence
from ..gradients import integrated_gradients
from ..neural import NeuralModel
from .family import SequenceSettings
from .network import Network

#: Steps of the path from nothing to the sample along which gradients are averaged.
EVIDENCE_STEPS = 8

#: Samples whose gradients are computed at once.
EVIDENCE_BATCH = 64


def to_sequence(images: torch.Tensor, side: torch.Tensor, settings: SequenceSettings) -> torch.Tensor:
    """[n, masses, times], side [n] (0–1) → [n, rows, times]: each scaling's mass rows, then the side flag.

    Setting ``scalings``: ``log`` and ``root`` are relative to the image's maximum, logarithmic from ``floor`` or raised to
    1 / ``root``; ``unit`` is ``root`` with a root mean square of 1; ``mass`` is relative to each row's maximum.
    """
    parts = {
        "log": lambda: log_intensity(images, settings.floor),
        "root": lambda: root_intensity(images, settings.root),
        "unit": lambda: unit_root_intensity(images, settings.root),
        "mass": lambda: row_share(images, settings.floor),
    }
    flags = side.to(images).view(-1, 1, 1).expand(-1, 1, images.shape[2])
    return torch.cat([*(parts[name]() for name in settings.scalings), flags], dim=1)


class SequenceBatches(Batches):
    """Batches of inputs [batch, rows, times]."""

    settings: SequenceSettings

    def draw(self, shape: torch.Size) -> dict[str, torch.Tensor]:
        settings, generator = self.settings, self.generator
        chosen = torch.rand(shape, generator=generator) < settings.overlay
        low, high = np.log(settings.overlay_range)
        drawn = {
            "partners": torch.randint(len(self.images), shape, generator=generator),
            "strength": torch.exp(low + (high - low) * torch.rand(shape, generator=generator)) * chosen,
            "exponents": torch.randn((*shape, self.images.shape[1]), generator=generator) * settings.mass_scaling,
        }
        if settings.mixup:
            mixed = torch.rand(shape, generator=generator) < settings.mixup
            low, high = settings.mixup_range
            drawn["share"] = torch.where(mixed, low + (high - low) * torch.rand(shape, generator=generator), 1.0)
        if settings.background:
            low, high = settings.background
            drawn["quantiles"] = low + (high - low) * torch.rand(shape, generator=generator)
        if settings.time_warp:
            drawn["warp"] = torch.exp2(torch.randn(shape[:1], generator=generator) * settings.time_warp)
        return drawn

    def augmented(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        settings = self.settings
        all_facts = torch.cat([self.labels, self.side[:, None].to(self.labels)], dim=1)

        def chosen(name: str) -> tuple[torch.Tensor, torch.Tensor]:
            images = self.take(batch, name)
            if settings.background:
                images = subtract_background(images, batch["quantiles here"])
            return images, all_facts[batch[name]]

        images, facts = chosen("rows")
        if settings.overlay or settings.mixup:
            others, other_facts = chosen("partners")
            images, facts = overlay(images, facts, others, other_facts, batch["strength"])
            if settings.mixup:
                images, facts = mixup(images[:, None], facts, others[:, None], other_facts, batch["share"])
                images = images[:, 0]
        if settings.time_warp:
            images = warp_time(images, float(batch["warp here"]))
        images = scale_masses(images[:, None], batch["exponents"])[:, 0]
        return to_sequence(images, facts[:, -1], settings), facts[:, :-1]


class Model(NeuralModel):
    """A fitted sequence model."""

    batches = SequenceBatches
    network: Network
    settings: SequenceSettings

    @staticmethod
    def build(settings: SequenceSettings, shape: tuple[int, int], labels: int, fresh: bool) -> Network:
        """Raises nothing of its own."""
        names = ("architecture", "layers", "channels", "kernel", "stride", "dropout", "positions")
        rows = shape[0] * len(settings.scalings) + 1
        return Network(rows, shape[1], labels, **{name: getattr(settings, name) for name in names})

    def prepared(self, samples: Samples, rows: slice) -> torch.Tensor:
        """[n, rows, times]: :func:`to_sequence`."""
        where = next(self.network.parameters()).device
        images = torch.from_numpy(samples.inputs[rows]).to(where)
        side = torch.from_numpy(samples.side[rows]).to(where)
        if self.settings.background:
            images = subtract_background(images, torch.full((len(images),), sum(self.settings.background) / 2))
        return to_sequence(images, side, self.settings)

    def answered(self, inputs: torch.Tensor) -> torch.Tensor:
        """The network's own."""
        with autocast(inputs.device, self.precision):
            return self.network(inputs).float()

    def evidence(self, samples: Samples, labels: np.ndarray) -> Evidence:
        """Integrated gradients from an empty image of the same side flag, in logits; and the event curve. ``labels``: int
        [n], one a sample."""
        where = next(self.network.parameters()).device
        self.network.eval()
        images, curves = [], []
        for start in range(0, len(samples), EVIDENCE_BATCH):
            inputs = self.prepared(samples, slice(start, start + EVIDENCE_BATCH))
            chosen = torch.from_numpy(labels[start : start + EVIDENCE_BATCH]).to(where)
            number = torch.arange(len(inputs), device=where)
            empty = torch.zeros_like(inputs)
            empty[:, -1] = inputs[:, -1]
            with torch.backends.cudnn.flags(enabled=False):  # cuDNN's GRU has no gradient outside of training
                parts = integrated_gradients(self.network, inputs, empty, chosen, EVIDENCE_STEPS)[:, :-1]
            of_cells = parts.reshape(len(inputs), len(self.settings.scalings), self.shape[0], -1).sum(dim=1)
            images.append(of_cells.cpu().numpy())
            with torch.inference_mode():
                events, weights = (part[number, chosen] for part in self.network.events(inputs))
            counting = weights / weights.amax(dim=1, keepdim=True)
            curve = (events.sigmoid() * counting).repeat_interleave(self.settings.stride, dim=1)
            curves.append(curve[:, : self.shape[1]].cpu().numpy())
        image = np.concatenate(images)
        return Evidence(image.sum(axis=2), image, np.concatenate(curves))
