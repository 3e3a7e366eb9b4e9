"""What the families that train a network share: fitting, and the files of a fitted one."""

import logging
from abc import abstractmethod
from functools import partial
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from ..data.samples import Samples
from ..errors import InputError
from ..training.activation_checkpointing import recompute_blocks
from ..training.batches import Batches
from ..training.checkpoint import Checkpoint, training_key
from ..training.context import FitContext
from ..training.device import describe_device, device, free_memory, is_out_of_memory, is_resident, resolve_precision, set_up
from ..training.graphs import Graphs
from ..training.loop import train
from ..training.prediction import Validation
from ..training.settings import NetworkSettings
from .fitted import FittedModel
from .saved import WEIGHTS, read_facts, save_model, settings_of

logger = logging.getLogger("ionscape")


class NeuralModel(FittedModel):
    """A fitted network. A family says how one is built, fed in training, and asked.

    Attributes:
        network: with the weights of the epoch that was kept.
        shape: (masses, times) of the images; precision: ``fp32``, ``bf16`` or ``reference``.
    """

    #: The family's Batches.
    batches: type[Batches]

    def __init__(
        self, network: nn.Module, settings: NetworkSettings, shape: tuple[int, int], labels: list[str], precision: str
    ):
        super().__init__(settings, labels)
        self.network, self.shape, self.precision = network, shape, precision

    @staticmethod
    @abstractmethod
    def build(settings: Any, shape: tuple[int, int], labels: int, fresh: bool) -> nn.Module:
        """A network on the CPU. ``fresh``: as training starts; else its weights are about to be loaded."""

    @abstractmethod
    def prepared(self, samples: Samples, rows: slice) -> torch.Tensor:
        """What the network is asked of these samples, on its device: inputs without anything random."""

    @abstractmethod
    def answered(self, inputs: torch.Tensor) -> torch.Tensor:
        """Logits [rows, labels], float32, of what :meth:`prepared` gave."""

    def validation(self, samples: Samples, graphs: Graphs | None) -> Validation:
        """What gives the logits of these samples as often as it is called, with the weights that the network has then."""
        self.network.eval()
        where = next(self.network.parameters()).device
        return Validation(partial(self.prepared, samples), self.answered, len(samples), len(self.labels), where, graphs)

    def logits(self, samples: Samples) -> np.ndarray:
        """float32 [n, labels]; a GPU that runs out of memory is asked for fewer at a time."""
        return self.validation(samples, None)()

    @classmethod
    def fit(cls, training: Samples, validation: Samples, settings: Any, context: FitContext) -> Self:
        """Trains on one device (METHOD, Training); deterministic on the same machine with as many threads.

        Out of memory, it trains once more, from its checkpoint if there is one, with activations recomputed.

        Raises:
            InputError: fewer training samples than a batch, a network that does not fit in memory, or what the family's
                ``build`` raises.
            Interrupted: it was told to stop.
        """
        if len(training) < settings.batch_size:
            raise InputError(f"{len(training)} training samples do not fill a batch of {settings.batch_size}")
        where, kept = device(), None
        if context.checkpoint:
            kept = Checkpoint(context.checkpoint, training_key(settings, context.labels, training, validation))
        lack, recomputed = "", False
        for recompute in (False, True):
            try:
                model = cls._trained(training, validation, settings, context, where, kept, lack)
            except (torch.OutOfMemoryError, RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                # What fills the memory lives on in the traceback of the error: leave this block before the next try.
                lack, recomputed = str(error).partition("\n")[0], recompute
            else:
                if model is None:
                    break  # nothing else to try
                return model
            if where.type == "cuda":
                torch.cuda.empty_cache()
        raise InputError(_too_large(settings, where, lack, recomputed))

    @classmethod
    def _trained(
        cls,
        training: Samples,
        validation: Samples,
        settings: NetworkSettings,
        context: FitContext,
        where: torch.device,
        kept: Checkpoint | None,
        lack: str,
    ) -> Self | None:
        """One try. ``lack``: why an earlier one had too little memory: then activations are recomputed, if they can be."""
        precision = resolve_precision(settings.precision, where)
        shape = training.inputs.shape[1:]
        set_up(precision, context.threads, settings.seed)
        if where.type == "cuda":
            torch.cuda.reset_peak_memory_stats(where)  # of this try alone
        network = cls.build(settings, shape, len(context.labels), fresh=True)
        if lack:
            if not recompute_blocks(network):
                return None
            logger.warning("out of memory (%s); once more, with activations recomputed in the backward pass", lack)
        on_device(network, where)
        model = cls(network, settings, shape, context.labels, precision)
        batches = cls.batches(training, settings, where, _resident(training, where))
        logger.info("training on %s, %s", describe_device(where), precision)
        asked = partial(model.validation, validation)
        state = train(network, batches, validation, asked, settings, precision, context, kept, bool(lack))
        model.history, model.best_epoch = state.history, state.best_epoch
        model.validation_logits = cast(np.ndarray, state.best_logits)  # train raises where no epoch was kept
        return model

    def save(self, folder: Path, facts: dict) -> None:
        """Writes ``weights.safetensors`` and ``model.json`` (all that is needed to rebuild and preprocess)."""
        state = {name: tensor.cpu().contiguous() for name, tensor in self.network.state_dict().items()}
        how = {"settings": self.settings.stored(), "precision": self.precision}
        content = {**how, "shape": list(self.shape), "labels": self.labels, **facts}
        save_model(folder, lambda path: save_file(state, path), content)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The reverse of :meth:`save`, on this machine's device. Raises InputError as :func:`.saved.read_facts`."""
        facts = read_facts(folder)
        settings: Any = settings_of(facts)
        shape = tuple(facts["shape"])
        network = cls.build(settings, shape, len(facts["labels"]), fresh=False)
        network.load_state_dict(load_file(folder / WEIGHTS))
        where = device()
        on_device(network, where)
        return cls(network, settings, shape, facts["labels"], resolve_precision(settings.precision, where))


def on_device(network: nn.Module, where: torch.device) -> None:
    """Moves it there, channels-last, in place."""
    network.to(where, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch leaves it undeclared


def _resident(samples: Samples, where: torch.device) -> bool:
    """Whether the images stay on the device; logged."""
    free = free_memory(where)
    resident = free is None or is_resident(samples.inputs.nbytes, free)
    if free is not None:
        place = "on the GPU" if resident else "in page-locked memory, copied a batch at a time"
        logger.info("images: %.0f MiB, %.0f MiB free: %s", samples.inputs.nbytes / 2**20, free / 2**20, place)
    return resident


def _too_large(settings: NetworkSettings, where: torch.device, lack: str, recomputed: bool) -> str:
    title, size, smaller = settings.in_memory
    return (
        f"{title} at {size} does not fit in the memory of {describe_device(where)}"
        f"{', even with activations recomputed' * recomputed} ({lack}). Lower batch_size or {smaller}, or see that nothing "
        "else uses the device (nvidia-smi; gpu.slots)."
    )
