"""What the families that train a network share: fitting, and the files of a fitted one."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from ..data.samples import Samples
from ..errors import InputError
from ..training.activation_checkpointing import recompute_blocks
from ..training.batches import Batches
from ..training.checkpoint import Checkpoint, training_key
from ..training.device import describe_device, device, free_memory, is_out_of_memory, is_resident, resolve_precision, set_up
from ..training.loop import train
from .saved import WEIGHTS, read_facts, save_model

logger = logging.getLogger("ionscape")


class NeuralModel:
    """A fitted network. A family says how one is built, fed in training, and asked.

    Attributes:
        network: with the weights of the best epoch.
        settings: the model's settings (the family's schema).
        shape: (masses, times) of the images; labels: names of the logits; precision: ``fp32``, ``bf16`` or ``reference``.
        history: one dict an epoch; best_epoch: from 1; validation_logits: float32 [n, labels] of that epoch.
    """

    #: The family's Batches.
    batches: type[Batches]

    def __init__(self, network: nn.Module, settings: dict, shape: tuple[int, int], labels: list[str], precision: str):
        self.network, self.settings, self.shape, self.labels = network, settings, shape, labels
        self.precision = precision
        self.history: list[dict] = []
        self.best_epoch: int | None = None
        self.validation_logits: np.ndarray | None = None

    @staticmethod
    def build(settings: dict, shape: tuple[int, int], labels: int, fresh: bool) -> nn.Module:
        """A network on the CPU. ``fresh``: as training starts; else its weights are about to be loaded."""
        raise NotImplementedError

    def logits(self, samples: Samples) -> np.ndarray:
        """float32 [n, labels]."""
        raise NotImplementedError

    @classmethod
    def fit(
        cls,
        training_samples: Samples,
        validation: Samples,
        labels: list[str],
        settings: dict,
        threads: int,
        progress: Callable[[dict], None],
        checkpoint: Path | None = None,
        stopping: Callable[[], str | None] = lambda: None,
    ) -> "NeuralModel":
        """Trains on one device (METHOD, Training); deterministic on the same machine with the same ``threads``.

        Out of memory, it trains once more, from its checkpoint if there is one, with activations recomputed.

        Args:
            checkpoint: the file that it keeps its state in and goes on from; None keeps none.
            stopping: asked after each step why to stop.

        Raises:
            InputError: fewer training samples than a batch, a network that does not fit in memory, or what the family's
                ``build`` raises.
            Interrupted: it was told to stop.
        """
        if len(training_samples) < settings["batch_size"]:
            raise InputError(f"{len(training_samples)} training samples do not fill a batch of {settings['batch_size']}")
        kept = None
        if checkpoint:
            kept = Checkpoint(checkpoint, training_key(settings, labels, training_samples, validation))
        where = device()
        precision = resolve_precision(settings["precision"], where)
        shape = training_samples.inputs.shape[1:]
        lack, recomputed = "", False
        for recompute in (False, True):
            set_up(precision, threads, settings["seed"])
            network = cls.build(settings, shape, len(labels), fresh=True)
            if recompute:
                recomputed = recompute_blocks(network) > 0
                if not recomputed:
                    break  # nothing else to try
                logger.warning("out of memory (%s); once more, with activations recomputed in the backward pass", lack)
            try:
                model = cls(network.to(where, memory_format=torch.channels_last), settings, shape, labels, precision)
                batches = cls.batches(training_samples, settings, where, _resident(training_samples, where))
                logger.info("training on %s, %s", describe_device(where), precision)
                state = train(
                    network, batches, validation, model.logits, settings, precision, progress, kept, stopping, recompute
                )
            except (torch.OutOfMemoryError, RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                # What fills the memory lives on in the traceback of the error: leave this block before the next try.
                lack = str(error).partition("\n")[0]
            else:
                model.history, model.best_epoch, model.validation_logits = (
                    state.history,
                    state.best_epoch,
                    state.best_logits,
                )
                return model
            network = model = batches = None
            if where.type == "cuda":
                torch.cuda.empty_cache()
        raise InputError(_too_large(settings, where, lack, recomputed))

    def save(self, folder: Path, facts: dict) -> None:
        """Writes ``weights.safetensors`` and ``model.json`` (all that is needed to rebuild and preprocess)."""
        state = {name: tensor.cpu().contiguous() for name, tensor in self.network.state_dict().items()}
        how = {"settings": self.settings, "precision": self.precision}
        content = {**how, "shape": list(self.shape), "labels": self.labels, **facts}
        save_model(folder, lambda path: save_file(state, path), content)

    @classmethod
    def load(cls, folder: Path) -> "NeuralModel":
        """The reverse of :meth:`save`, on this machine's device. Raises InputError as :func:`.files.read_facts`."""
        facts = read_facts(folder)
        shape = tuple(facts["shape"])
        network = cls.build(facts["settings"], shape, len(facts["labels"]), fresh=False)
        network.load_state_dict(load_file(folder / WEIGHTS))
        where = device()
        network.to(where, memory_format=torch.channels_last)
        precision = resolve_precision(facts["settings"]["precision"], where)
        return cls(network, facts["settings"], shape, facts["labels"], precision)


def _resident(samples: Samples, where: torch.device) -> bool:
    """Whether the images stay on the device; logged."""
    free = free_memory(where)
    resident = free is None or is_resident(samples.inputs.nbytes, free)
    if free is not None:
        place = "on the GPU" if resident else "in page-locked memory, copied a batch at a time"
        logger.info("images: %.0f MiB, %.0f MiB free: %s", samples.inputs.nbytes / 2**20, free / 2**20, place)
    return resident


def _too_large(settings: dict, where: torch.device, lack: str, recomputed: bool) -> str:
    size = f"batch_size {settings['batch_size']}"
    if "widths" in settings:
        size += f", width {max(settings['widths'])}"
    smaller = "widths, take a smaller backbone" if "backbone" in settings else "channels"
    return (
        f"{settings.get('backbone', settings['family'])} at {size} does not fit in the memory of {describe_device(where)}"
        f"{', even with activations recomputed' * recomputed} ({lack}). Lower batch_size or {smaller}, or see that nothing "
        "else uses the device (nvidia-smi; gpu.slots)."
    )
