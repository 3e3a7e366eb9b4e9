"""METHOD.md, Training: the loop, read from top to bottom."""

import math
import time
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from .models.data import Samples


def learning_rate(step: int, steps: int, warmup: int, base: float) -> float:
    """Linear warm-up from 0 over ``warmup`` steps, then cosine to 0 at ``steps``; ``step`` counts from 0."""
    if step < warmup:
        return base * step / warmup
    return base * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))


def smooth_labels(labels: torch.Tensor, smoothing: float) -> torch.Tensor:
    """y / (1 + 2s) + s."""
    return labels / (1 + 2 * smoothing) + smoothing


def device() -> torch.device:
    """The first visible CUDA device, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def autocast(where: torch.device, precision: str) -> torch.autocast:
    """bf16 autocast if the precision says so."""
    return torch.autocast(where.type, dtype=torch.bfloat16, enabled=precision == "bf16")


class Batches:
    """Training samples on the device, and the random draws that make an epoch's batches of them.

    All draws come from one CPU generator, so that they are the same on every device.

    Args:
        samples: the training part, images after METHOD step 5.
        settings: a model's settings.
        where: the device that holds the tensors.
    """

    def __init__(self, samples: Samples, settings: dict, where: torch.device):
        self.images = torch.from_numpy(samples.inputs).to(where)
        self.side = torch.from_numpy(samples.side).to(where)
        self.labels = torch.from_numpy(samples.labels).to(where)
        self.settings = settings
        self.generator = torch.Generator().manual_seed(settings["seed"])

    def __len__(self) -> int:
        """Steps of an epoch; the last partial batch is dropped."""
        return len(self.images) // self.settings["batch_size"]

    def epoch(self):
        """Yields (inputs, smoothed labels [batch, labels]) on the device."""
        order = torch.randperm(len(self.images), generator=self.generator)
        for rows in order.split(self.settings["batch_size"])[: len(self)]:
            inputs, labels = self.augmented(rows)
            yield inputs, smooth_labels(labels, self.settings["label_smoothing"])

    def augmented(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What a family makes of samples (int64 [batch], on the CPU): a network's inputs and 0/1 labels."""
        raise NotImplementedError


def validation_loss(logits: np.ndarray, labels: np.ndarray) -> float:
    """Binary cross-entropy, the mean over samples and labels (float64)."""
    z, y = torch.from_numpy(logits).double(), torch.from_numpy(labels).double()
    return float(F.binary_cross_entropy_with_logits(z, y))


def train(
    network: nn.Module,
    batches: Batches,
    validation: Samples,
    predict: Callable[[Samples], np.ndarray],
    settings: dict,
    progress: Callable[[dict], None],
) -> tuple[list[dict], int, np.ndarray]:
    """Trains in place and leaves the network with the weights of its best epoch.

    Args:
        network: on the device of ``batches``.
        validation: the fold's samples; they choose the epoch (ties keep the earlier) and nothing else.
        predict: the network's logits for samples, float32 [n, labels].
        progress: called after each epoch with its row of the history.

    Returns:
        the history (epoch from 1, rate at the epoch's end, train_loss, validation_loss, seconds), the best epoch, and its
        validation logits, float32 [n, labels].
    """
    where = batches.images.device
    steps = len(batches) * settings["epochs"]
    warmup = round(len(batches) * settings["warmup_epochs"])
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings["rate"], weight_decay=settings["weight_decay"], fused=True
    )
    history, best, best_logits, best_state = [], math.inf, None, {}
    step = 0
    for epoch in range(1, settings["epochs"] + 1):
        started = time.monotonic()
        network.train()
        total = torch.zeros((), device=where)
        for inputs, targets in batches.epoch():
            rate = learning_rate(step, steps, warmup, settings["rate"])
            for group in optimizer.param_groups:
                group["lr"] = rate
            with autocast(where, settings["precision"]):
                logits = network(inputs)
            loss = F.binary_cross_entropy_with_logits(logits.float(), targets)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(network.parameters(), settings["clip_gradient"])
            optimizer.step()
            total += loss.detach()
            step += 1
        logits = predict(validation)
        row = {
            "epoch": epoch,
            "rate": rate,
            "train_loss": float(total) / len(batches),
            "validation_loss": validation_loss(logits, validation.labels),
            "seconds": time.monotonic() - started,
        }
        history.append(row)
        if row["validation_loss"] < best:
            best, best_epoch, best_logits = row["validation_loss"], epoch, logits
            best_state = {name: tensor.cpu().clone() for name, tensor in network.state_dict().items()}
        progress(row)
    if not best_state:
        raise FloatingPointError("the validation loss was never a finite number; lower the model's rate")
    network.load_state_dict(best_state)
    return history, best_epoch, best_logits
