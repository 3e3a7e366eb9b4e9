"""Training samples, and the random draws that make batches of them."""

from collections.abc import Iterator
from typing import Any

import torch

from ..data.samples import Samples
from .settings import NetworkSettings


def smooth_labels(labels: torch.Tensor, smoothing: float) -> torch.Tensor:
    """y / (1 + 2s) + s."""
    return labels / (1 + 2 * smoothing) + smoothing


class Batches:
    """Training samples, and the random draws that make an epoch's batches of them.

    All draws come from one CPU generator, so that they are the same on every device, and are made for a whole epoch at
    once, so that no step waits for them.

    Args:
        samples: the training part, images after METHOD step 5.
        settings: of the model.
        where: the device of the batches.
        resident: all images stay on the device; else in page-locked memory, and each batch is copied ahead of its step.
    """

    settings: Any  # a family narrows it

    def __init__(self, samples: Samples, settings: NetworkSettings, where: torch.device, resident: bool = True):
        images = torch.from_numpy(samples.inputs)
        self.images = images.to(where) if resident else images.pin_memory()
        self.side = torch.from_numpy(samples.side).to(where)
        self.labels = torch.from_numpy(samples.labels).to(where)
        self.settings, self.where, self.resident = settings, where, resident
        self.generator = torch.Generator().manual_seed(settings.seed)

    def __len__(self) -> int:
        """Steps of an epoch; the last partial batch is dropped."""
        return len(self.images) // self.settings.batch_size

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Where the drawing stands, for a checkpoint."""
        return {"random/batches": self.generator.get_state()}

    def load_state_dict(self, tensors: dict[str, torch.Tensor]) -> None:
        """The reverse of :meth:`state_dict`."""
        self.generator.set_state(tensors["random/batches"])

    def epoch(self, skip: int = 0) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Yields (inputs, smoothed labels [batch, labels]) on the device, leaving out the first ``skip`` steps."""
        steps, size = len(self), self.settings.batch_size
        rows = torch.randperm(len(self.images), generator=self.generator)[: steps * size].view(steps, size)
        drawn = {"rows": rows, **self.draw(rows.shape)}
        there = {name: values.to(self.where) for name, values in drawn.items()}
        for step in range(skip, steps):
            batch = {name: values[step] for name, values in there.items()}
            batch |= {f"{name} here": values[step] for name, values in drawn.items()}
            inputs, labels = self.augmented(batch)
            yield inputs, smooth_labels(labels, self.settings.label_smoothing)

    def take(self, batch: dict[str, torch.Tensor], rows: str) -> torch.Tensor:
        """The images [batch, masses, times] of the samples that this draw names."""
        if self.resident:
            return self.images[batch[rows]]
        chosen = batch[f"{rows} here"]
        staged = torch.empty((len(chosen), *self.images.shape[1:]), dtype=self.images.dtype, pin_memory=True)
        torch.index_select(self.images, 0, chosen, out=staged)
        return staged.to(self.where, non_blocking=True)

    def draw(self, shape: torch.Size) -> dict[str, torch.Tensor]:
        """A family's own random numbers of an epoch, on the CPU: tensors [steps, batch, …]; ``shape``: (steps, batch)."""
        raise NotImplementedError

    def augmented(self, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """What a family makes of one step's draws: a network's inputs and 0/1 labels, on the device.

        Args:
            batch: each draw's [batch, …] by its name on the device, and as ``NAME here`` on the CPU.
        """
        raise NotImplementedError
