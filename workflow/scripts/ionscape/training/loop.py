"""METHOD.md, Training: the loop, read from top to bottom."""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from ..data.samples import Samples
from ..errors import Interrupted
from .batches import Batches
from .checkpoint import Checkpoint, part_of
from .context import FitContext
from .ema import average_weights, swapped_weights
from .graphs import Graphs, graphs_for
from .schedule import learning_rate
from .settings import NetworkSettings
from .step import Step

logger = logging.getLogger("ionscape")


def validation_loss(logits: np.ndarray, labels: np.ndarray) -> float | None:
    """Binary cross-entropy, the mean over samples and labels (float64); None without samples."""
    if len(labels) == 0:
        return None
    z, y = torch.from_numpy(logits).double(), torch.from_numpy(labels).double()
    return float(F.binary_cross_entropy_with_logits(z, y))


@dataclass
class State:
    """Where a training stands, besides its network, optimizer and random numbers.

    Attributes:
        epoch: epochs that are done; step: steps of the running epoch that are done; seconds: that it took so far.
        history: a row an epoch.
        best: the lowest validation loss; best_epoch, best_logits, best_weights: of that epoch, or with ``select: last`` of
            the last one.
        averaged: moving average of the weights, by name; empty where nothing is averaged.
    """

    epoch: int = 0
    step: int = 0
    seconds: float = 0.0
    history: list[dict] = field(default_factory=list)
    best: float = math.inf
    best_epoch: int = 0
    best_logits: np.ndarray | None = None
    best_weights: dict[str, torch.Tensor] = field(default_factory=dict)
    averaged: dict[str, torch.Tensor] = field(default_factory=dict)

    def end_epoch(self, row: dict, logits: np.ndarray, weights: dict[str, torch.Tensor], select: str) -> None:
        """An epoch is done and validated: its row, logits [n, labels], and the weights (by name) that gave them."""
        self.epoch, self.step, self.seconds = self.epoch + 1, 0, 0.0
        self.history.append(row)
        loss = row["validation_loss"]
        if loss is None or loss < self.best or (select == "last" and math.isfinite(loss)):
            self.best, self.best_epoch, self.best_logits = math.inf if loss is None else loss, self.epoch, logits
            self.best_weights = {name: value.clone() for name, value in weights.items()}

    def state_dict(self) -> tuple[dict[str, torch.Tensor], dict]:
        """All of it for a checkpoint: tensors by name, and JSON-able facts."""
        tensors = {f"best/{name}": value for name, value in self.best_weights.items()}
        tensors |= {f"averaged/{name}": value for name, value in self.averaged.items()}
        if self.best_logits is not None:
            tensors["best_logits"] = torch.from_numpy(self.best_logits)
        facts = {name: getattr(self, name) for name in ("epoch", "step", "seconds", "history", "best_epoch")}
        return tensors, facts | {"best": self.best if math.isfinite(self.best) else None}

    @classmethod
    def of(cls, tensors: dict[str, torch.Tensor], facts: dict, weights_now: dict[str, torch.Tensor]) -> "State":
        """The reverse of :meth:`state_dict`; the average lies in memory as the network's weights do, and where they are."""
        best = math.inf if facts["best"] is None else facts["best"]
        logits = tensors["best_logits"].numpy() if "best_logits" in tensors else None
        saved = {name: facts[name] for name in ("epoch", "step", "seconds", "history", "best_epoch")}
        averaged = {
            name: torch.empty_like(weights_now[name]).copy_(value) for name, value in part_of(tensors, "averaged/").items()
        }
        weights = part_of(tensors, "best/")
        return cls(**saved, best=best, best_logits=logits, best_weights=weights, averaged=averaged)


def train(
    network: nn.Module,
    batches: Batches,
    validation: Samples,
    validated: Callable[[Graphs | None], Callable[[], np.ndarray]],
    settings: NetworkSettings,
    precision: str,
    context: FitContext,
    checkpoint: Checkpoint | None = None,
    recompute: bool = False,
) -> State:
    """Trains in place and leaves the network with the weights of its best epoch, or with ``select: last`` of the last.

    Args:
        network: on the device of ``batches``.
        validation: the fold's samples; they choose the epoch (ties keep the earlier) and nothing else. With ``average``
            it is the moving average of the weights that is scored and kept. Without any, the last epoch is kept.
        validated: given the training's CUDA graphs, or None, what gives the network's logits for ``validation`` as often as
            it is called, float32 [n, labels]; :class:`.prediction.Validation`.
        precision: ``fp32``, ``bf16`` or ``reference``.
        context: its ``progress`` is called after each epoch with its row of the history: epoch from 1, rate at the
            epoch's end, train_loss, validation_loss, what :func:`_costs` says, recomputed; its ``stopping`` is asked after
            each step: once it gives a reason, the state is saved and the training ends. ``last_epoch`` counts where there
            is no validation.
        checkpoint: where the training goes on, if it has one, and keeps what it has after each epoch.
        recompute: the network recomputes activations (recorded in the history).

    Raises:
        Interrupted: it was told to stop.
        FloatingPointError: no epoch had a finite validation loss.
    """
    graphs = graphs_for(batches.where, precision, recompute)
    step, ask, state = Step(network, settings, batches.where, precision, graphs), validated(graphs), State()
    if checkpoint and (saved := checkpoint.load()):
        tensors, facts = saved
        step.load_state_dict(tensors)
        batches.load_state_dict(tensors)
        state = State.of(tensors, facts, network.state_dict())
        logger.info("going on from the checkpoint: %d epochs and %d steps are done", state.epoch, state.step)
    epochs = settings.epochs if len(validation) else context.last_epoch or settings.epochs
    while state.epoch < epochs:
        started = time.monotonic() - state.seconds
        rate = _epoch(step, batches, state, settings, context.stopping, checkpoint, started)
        train_loss = float(step.total) / len(batches)  # waits for the device
        trained = time.monotonic()
        network.eval()
        with swapped_weights(network, state.averaged):
            logits = ask()
        losses = {"train_loss": train_loss, "validation_loss": validation_loss(logits, validation.labels)}
        costs = _costs(batches, started, trained)
        row = {"epoch": state.epoch + 1, "rate": rate, **losses, **costs, "recomputed": recompute}
        step.total.zero_()
        state.end_epoch(row, logits, state.averaged or network.state_dict(), settings.select)
        if checkpoint:
            _save(checkpoint, step, batches.state_dict(), state)
        context.progress(row)
    if not state.best_weights:
        raise FloatingPointError("the validation loss was never a finite number; lower the model's rate")
    network.load_state_dict(state.best_weights)
    if checkpoint:
        checkpoint.wait()
    return state


def _epoch(
    step: Step,
    batches: Batches,
    state: State,
    settings: NetworkSettings,
    stopping: Callable[[], str | None],
    checkpoint: Checkpoint | None,
    started: float,
) -> float:
    """The steps of an epoch that are not done yet; returns the rate of the last. Raises Interrupted, the state saved."""
    length = len(batches)
    steps, warmup = length * settings.epochs, int(length * settings.warmup_epochs)

    def rate_at(number: int) -> float:
        return learning_rate(state.epoch * length + number, steps, warmup, settings.rate)

    step.network.train()
    drawn_from, weights = batches.state_dict(), step.network.state_dict()
    for inputs, targets in batches.epoch(skip=state.step):
        step(inputs, targets, rate_at(state.step))
        state.step += 1
        if settings.average:
            done = state.epoch * length + state.step
            average_weights(state.averaged, weights, settings.average, done)
        if reason := stopping():
            state.seconds = time.monotonic() - started
            if checkpoint:
                _save(checkpoint, step, drawn_from, state)
                checkpoint.wait()
            raise Interrupted(f"{reason}: stopped in epoch {state.epoch + 1}, after step {state.step} of {length}")
    return rate_at(length - 1)


def _costs(batches: Batches, started: float, trained: float) -> dict:
    """What an epoch that ends now took: seconds, of which validation_seconds, samples_per_second in training, memory_mb
    (most that was used on the GPU; None on a CPU). ``started``, ``trained``: of the monotonic clock."""
    now, where = time.monotonic(), batches.where
    return {
        "seconds": now - started,
        "validation_seconds": now - trained,
        "samples_per_second": len(batches) * batches.settings.batch_size / (trained - started),
        "memory_mb": torch.cuda.max_memory_allocated(where) / 2**20 if where.type == "cuda" else None,
    }


def _save(checkpoint: Checkpoint, step: Step, drawn_from: dict[str, torch.Tensor], state: State) -> None:
    """All of a training's state. ``drawn_from``: the batches' as the running epoch began."""
    tensors, facts = state.state_dict()
    checkpoint.save(step.state_dict() | drawn_from | tensors, facts)
