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
from .checkpoint import Checkpoint
from .ema import average_weights, swapped_weights
from .schedule import learning_rate
from .step import Step

logger = logging.getLogger("ionscape")


def validation_loss(logits: np.ndarray, labels: np.ndarray) -> float:
    """Binary cross-entropy, the mean over samples and labels (float64)."""
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


def train(
    network: nn.Module,
    batches: Batches,
    validation: Samples,
    predict: Callable[[Samples], np.ndarray],
    settings: dict,
    precision: str,
    progress: Callable[[dict], None],
    checkpoint: Checkpoint | None = None,
    stopping: Callable[[], str | None] = lambda: None,
    recompute: bool = False,
) -> State:
    """Trains in place and leaves the network with the weights of its best epoch, or with ``select: last`` of the last.

    Args:
        network: on the device of ``batches``.
        validation: the fold's samples; they choose the epoch (ties keep the earlier) and nothing else. With ``average``
            it is the moving average of the weights that is scored and kept.
        predict: the network's logits for samples, float32 [n, labels].
        precision: ``fp32``, ``bf16`` or ``reference``.
        progress: called after each epoch with its row of the history: epoch from 1, rate at the epoch's end, train_loss,
            validation_loss, seconds, of which validation_seconds, samples_per_second in training, memory_mb (most that
            was used on the GPU; None on a CPU), recomputed.
        checkpoint: where the training goes on, if it has one, and keeps what it has after each epoch.
        stopping: asked after each step; once it gives a reason, the state is saved and the training ends.
        recompute: the network recomputes activations (recorded in the history).

    Raises:
        Interrupted: it was told to stop.
        FloatingPointError: no epoch had a finite validation loss.
    """
    where = batches.where
    steps = len(batches) * settings["epochs"]
    warmup = int(len(batches) * settings["warmup_epochs"])
    step = Step(network, settings, where, precision, graphs=not recompute and precision != "reference")

    def rate_at(number: int) -> float:
        return learning_rate(state.epoch * len(batches) + number, steps, warmup, settings["rate"])

    state = State()
    if checkpoint and (saved := checkpoint.load()):
        state = _restore(*saved, network, step, batches)
        logger.info("going on from the checkpoint: %d epochs and %d steps are done", state.epoch, state.step)
    while state.epoch < settings["epochs"]:
        network.train()
        drawn_from = batches.generator.get_state()
        started = time.monotonic() - state.seconds
        for inputs, targets in batches.epoch(skip=state.step):
            step(inputs, targets, rate_at(state.step))
            state.step += 1
            if settings["average"]:
                done = state.epoch * len(batches) + state.step
                average_weights(state.averaged, network.state_dict(), settings["average"], done)
            if reason := stopping():
                state.seconds = time.monotonic() - started
                if checkpoint:
                    checkpoint.save(*_snapshot(state, network, step, drawn_from))
                    checkpoint.wait()
                raise Interrupted(
                    f"{reason}: stopped in epoch {state.epoch + 1}, after step {state.step} of {len(batches)}"
                )

        train_loss = float(step.total) / len(batches)
        trained = time.monotonic()
        with swapped_weights(network, state.averaged):
            logits = predict(validation)
        now = time.monotonic()
        row = {
            "epoch": state.epoch + 1,
            "rate": rate_at(len(batches) - 1),
            "train_loss": train_loss,
            "validation_loss": validation_loss(logits, validation.labels),
            "seconds": now - started,
            "validation_seconds": now - trained,
            "samples_per_second": len(batches) * settings["batch_size"] / (trained - started),
            "memory_mb": torch.cuda.max_memory_allocated(where) / 2**20 if where.type == "cuda" else None,
            "recomputed": recompute,
        }
        state.epoch, state.step, state.seconds = state.epoch + 1, 0, 0.0
        step.total.zero_()
        state.history.append(row)
        is_last = settings["select"] == "last" and math.isfinite(row["validation_loss"])
        if is_last or row["validation_loss"] < state.best:
            state.best, state.best_epoch, state.best_logits = row["validation_loss"], state.epoch, logits
            kept = state.averaged or network.state_dict()
            state.best_weights = {name: value.clone() for name, value in kept.items()}
        if checkpoint:
            checkpoint.save(*_snapshot(state, network, step, batches.generator.get_state()))
        progress(row)
    if not state.best_weights:
        raise FloatingPointError("the validation loss was never a finite number; lower the model's rate")
    network.load_state_dict(state.best_weights)
    if checkpoint:
        checkpoint.wait()
    return state


def _snapshot(
    state: State, network: nn.Module, step: Step, drawn_from: torch.Tensor
) -> tuple[dict[str, torch.Tensor], dict]:
    """What a checkpoint holds: tensors and facts. ``drawn_from``: the batches' generator as the running epoch began."""
    tensors = {f"network/{name}": value for name, value in network.state_dict().items()}
    tensors |= {f"best/{name}": value for name, value in state.best_weights.items()}
    tensors |= {f"averaged/{name}": value for name, value in state.averaged.items()}
    names = {parameter: name for name, parameter in network.named_parameters()}
    for parameter, moments in step.optimizer.state.items():
        tensors |= {f"optimizer/{names[parameter]}/{moment}": value for moment, value in moments.items()}
    tensors["total"] = step.total
    tensors["random/batches"] = drawn_from
    tensors["random/cpu"] = torch.get_rng_state()
    if step.where.type == "cuda":
        tensors["random/cuda"] = torch.cuda.get_rng_state(step.where)
    if state.best_logits is not None:
        tensors["best_logits"] = torch.from_numpy(state.best_logits)
    facts = {name: getattr(state, name) for name in ("epoch", "step", "seconds", "history", "best_epoch")}
    return tensors, facts | {"best": state.best if state.best_weights else None}


def _restore(tensors: dict[str, torch.Tensor], facts: dict, network: nn.Module, step: Step, batches: Batches) -> State:
    """The reverse of :func:`_snapshot`: puts everything back where it was."""

    def part(prefix: str) -> dict[str, torch.Tensor]:
        return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}

    network.load_state_dict(part("network/"))
    for name, parameter in network.named_parameters():
        moments = part(f"optimizer/{name}/")
        # Moments must lie in memory as their parameter does (channels-last), which load_state_dict does not see to.
        step.optimizer.state[parameter] = {
            moment: torch.empty_like(parameter).copy_(value) if value.shape == parameter.shape else value.to(step.where)
            for moment, value in moments.items()
        }
    step.total.copy_(tensors["total"])
    batches.generator.set_state(tensors["random/batches"])
    torch.set_rng_state(tensors["random/cpu"])
    if step.where.type == "cuda" and "random/cuda" in tensors:
        torch.cuda.set_rng_state(tensors["random/cuda"], step.where)
    best = math.inf if facts["best"] is None else facts["best"]
    logits = tensors["best_logits"].numpy() if "best_logits" in tensors else None
    saved = {name: facts[name] for name in ("epoch", "step", "seconds", "history", "best_epoch")}
    averaged = {name: value.to(step.where) for name, value in part("averaged/").items()}
    return State(**saved, best=best, best_logits=logits, best_weights=part("best/"), averaged=averaged)
