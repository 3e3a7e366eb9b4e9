"""Family ``sequence``: events along the x axis, told by the spectrum of each time bin.

A compound leaves the column within a few bins, and its mass spectrum says what it is. The network scores every bin for
every label, and a sample is as positive as the bins that matter for the label: multiple-instance learning with attention
(Ilse, Tomczak and Welling 2018, equation 8, one attention a label). Masses are channels: unlike in an image model, m/z 43
and m/z 44 have nothing in common.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from .. import training
from ..augment import log_intensity, overlay, scale_masses
from ..compute import autocast, in_batches
from .data import Samples
from .neural import NeuralModel


def to_sequence(images: torch.Tensor, side: torch.Tensor, floor: float) -> torch.Tensor:
    """[n, masses, times], side [n] (0–1) → [n, masses + 1, times]: intensities in [0, 1] on a log scale; the side flag."""
    flags = side.to(images).view(-1, 1, 1).expand(-1, 1, images.shape[2])
    return torch.cat([log_intensity(images, floor), flags], dim=1)


class Network(nn.Module):
    """Two convolutions along time, then the logits of each bin and how much each bin counts.

    Args:
        masses: m/z rows of an image; labels: number of logits.
        channels: width of both layers; kernel: bins that a convolution sees, odd; dropout: of both layers' outputs.
    """

    def __init__(self, masses: int, labels: int, channels: int, kernel: int, dropout: float):
        super().__init__()
        self.spectrum = nn.Conv1d(masses + 1, channels, kernel, padding=kernel // 2)
        self.spectrum_norm = nn.BatchNorm1d(channels)
        self.context = nn.Conv1d(channels, channels, kernel, padding=kernel // 2)
        self.context_norm = nn.BatchNorm1d(channels)
        self.dropout = nn.Dropout(dropout)
        self.event = nn.Conv1d(channels, labels, 1)
        self.attention = nn.Conv1d(channels, labels, 1)

    def events(self, sequences: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """[n, masses + 1, times] → logits of each bin, and their weights, which sum to 1 over time: [n, labels, times]."""
        hidden = self.dropout(F.gelu(self.spectrum_norm(self.spectrum(sequences))))
        hidden = self.dropout(hidden + F.gelu(self.context_norm(self.context(hidden))))
        return self.event(hidden), self.attention(hidden).softmax(dim=2)

    def forward(self, sequences: torch.Tensor) -> torch.Tensor:
        """[n, masses + 1, times] → logits [n, labels]: the weighted mean of the bins' logits."""
        logits, weights = self.events(sequences)
        return (logits * weights).sum(dim=2)


class SequenceBatches(training.Batches):
    """Batches of inputs [batch, masses + 1, times]."""

    def draw(self, shape: torch.Size) -> dict[str, torch.Tensor]:
        settings, generator = self.settings, self.generator
        chosen = torch.rand(shape, generator=generator) < settings["overlay"]
        low, high = np.log(settings["overlay_range"])
        return {
            "partners": torch.randint(len(self.images), shape, generator=generator),
            "strength": torch.exp(low + (high - low) * torch.rand(shape, generator=generator)) * chosen,
            "exponents": torch.randn((*shape, self.images.shape[1]), generator=generator) * settings["mass_scaling"],
        }

    def augmented(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        facts = torch.cat([self.labels, self.side[:, None].to(self.labels)], dim=1)
        images, facts = overlay(
            self.take(batch, "rows"),
            facts[batch["rows"]],
            self.take(batch, "partners"),
            facts[batch["partners"]],
            batch["strength"],
        )
        images = scale_masses(images[:, None], batch["exponents"])[:, 0]
        return to_sequence(images, facts[:, -1], self.settings["floor"]), facts[:, :-1]


class Model(NeuralModel):
    """A fitted sequence model."""

    batches = SequenceBatches

    @staticmethod
    def build(settings: dict, shape: tuple[int, int], labels: int, fresh: bool) -> Network:
        """Raises nothing of its own."""
        return Network(shape[0], labels, settings["channels"], settings["kernel"], settings["dropout"])

    @torch.inference_mode()
    def logits(self, samples: Samples) -> np.ndarray:
        """float32 [n, labels]."""
        where = next(self.network.parameters()).device
        self.network.eval()

        def predicted(rows: slice) -> torch.Tensor:
            images = torch.from_numpy(samples.inputs[rows]).to(where)
            side = torch.from_numpy(samples.side[rows]).to(where)
            with autocast(where, self.precision):
                return self.network(to_sequence(images, side, self.settings["floor"])).float()

        return in_batches(predicted, len(samples), len(self.labels), where)
