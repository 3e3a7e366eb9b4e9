"""The plain way to train an image model, written from METHOD.md: what the benchmarks compare the engine with.

fp32, contiguous tensors, a DataLoader whose dataset normalizes and scales each sample on every access, the loss read every
step, validation over all widths a batch at a time.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset

from ionscape.models.image.family import ImageSettings
from ionscape.models.sequence.family import SequenceSettings
from ionscape.models.sequence.model import to_sequence


class Images(Dataset):
    """Samples after METHOD steps 4, 5 (``mass``), 6 and 7–9: (float32 [2, masses, times], labels)."""

    def __init__(self, images: np.ndarray, side: np.ndarray, labels: np.ndarray, mixup: float, seed: int):
        self.images, self.side, self.labels, self.mixup = images, side, labels, mixup
        self.rng = np.random.default_rng(seed)

    def __len__(self) -> int:
        return len(self.images)

    def channels(self, index: int) -> np.ndarray:
        image = self.images[index]
        result = np.zeros((2, *image.shape), np.float32)
        result[self.side[index]] = image / np.maximum(image.max(axis=1, keepdims=True), 1e-4)
        return result

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        image, label = self.channels(index), self.labels[index]
        if self.rng.random() < self.mixup:
            other, share = self.rng.integers(len(self)), self.rng.uniform(0.4, 0.6)
            image = share * image + (1 - share) * self.channels(other)
            label = np.maximum(label, self.labels[other])
        image = np.log10(np.clip(image / image.max(), 1e-4, 1))
        image = (image - image.min()) / (image.max() - image.min())
        return torch.from_numpy(image.astype(np.float32)), torch.from_numpy(label)


class Sequences(Dataset):
    """Samples as family ``sequence`` reads them, scaled on every access: (float32 [rows, times], labels)."""

    def __init__(self, images: np.ndarray, side: np.ndarray, labels: np.ndarray, settings: SequenceSettings):
        self.images, self.side, self.labels, self.settings = images, side, labels, settings

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        image = self.images[index] / np.maximum(self.images[index].max(axis=1, keepdims=True), 1e-4)
        side = torch.tensor([self.side[index]])
        return to_sequence(torch.from_numpy(image)[None], side, self.settings)[0], torch.from_numpy(self.labels[index])


def inputs_of(images: torch.Tensor, width: int) -> torch.Tensor:
    """Resized in time, with positions: [n, 4, masses, width]."""
    images = F.interpolate(images, size=(images.shape[2], width), mode="bilinear", align_corners=False)
    n, _, height, _ = images.shape
    column = (torch.arange(width, device=images.device) / width).expand(n, 1, height, width)
    row = (torch.arange(height, device=images.device) / height)[:, None].expand(n, 1, height, width)
    return torch.cat([images, column, row], dim=1)


class Plain:
    """A training of the plain kind, step by step.

    Args:
        network: fp32 and contiguous; settings: of an image or sequence model; where: the device; workers:
            of the DataLoaders.
    """

    def __init__(self, network: nn.Module, settings: ImageSettings | SequenceSettings, where: torch.device, workers: int):
        self.network, self.settings, self.where, self.workers = network.to(where), settings, where, workers
        self.optimizer = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=settings.weight_decay)

    def loader(self, images: np.ndarray, side: np.ndarray, labels: np.ndarray, training: bool) -> DataLoader:
        data: Dataset
        if isinstance(self.settings, SequenceSettings):
            data = Sequences(images, side, labels, self.settings)
        else:
            data = Images(images, side, labels, self.settings.mixup if training else 0.0, self.settings.seed)
        size = self.settings.batch_size
        kept = self.workers > 0  # a pool that lives as long as the loader
        return DataLoader(
            data, size, shuffle=training, drop_last=training, num_workers=self.workers, persistent_workers=kept
        )

    def step(self, images: torch.Tensor, labels: torch.Tensor, width: int) -> float:
        """One step on a batch of the loader; its loss. ``width``: of images."""
        images, labels = images.to(self.where), labels.to(self.where)
        logits = self.network(inputs_of(images, width) if images.ndim == 4 else images)
        smoothing = self.settings.label_smoothing
        loss = F.binary_cross_entropy_with_logits(logits, labels / (1 + 2 * smoothing) + smoothing)
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip_gradient)
        self.optimizer.step()
        return loss.item()

    def validate(self, loader: DataLoader) -> float:
        """The validation loss, logits averaged over the widths."""
        self.network.eval()
        losses = []
        with torch.no_grad():
            for images, labels in loader:
                images = images.to(self.where)
                passes = [self.network(inputs_of(images, width)) for width in self.settings.widths]
                logits = torch.stack(passes).mean(dim=0)
                losses.append(F.binary_cross_entropy_with_logits(logits, labels.to(self.where)).item())
        self.network.train()
        return float(np.mean(losses))
