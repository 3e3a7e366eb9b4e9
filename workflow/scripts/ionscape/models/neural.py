"""What the families that train a network share: fitting, and the files of a fitted one."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from .. import training
from ..errors import InputError
from ..tables import atomic, read_json, write_json
from .data import Samples


class NeuralModel:
    """A fitted network. A family says how one is built, fed in training, and asked.

    Attributes:
        network: with the weights of the best epoch.
        settings: the model's settings (the family's schema).
        shape: (masses, times) of the images; labels: names of the logits.
        history: one dict an epoch; best_epoch: from 1; validation_logits: float32 [n, labels] of that epoch.
    """

    #: The family's training.Batches.
    batches: type[training.Batches]

    def __init__(self, network: nn.Module, settings: dict, shape: tuple[int, int], labels: list[str]):
        self.network, self.settings, self.shape, self.labels = network, settings, shape, labels
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
    ) -> "NeuralModel":
        """Trains on one device (METHOD, Training); deterministic on the same machine with the same ``threads``.

        Raises:
            InputError: fewer training samples than a batch, or what the family's ``build`` raises.
        """
        if len(training_samples) < settings["batch_size"]:
            raise InputError(f"{len(training_samples)} training samples do not fill a batch of {settings['batch_size']}")
        torch.set_num_threads(threads)
        torch.manual_seed(settings["seed"])
        torch.backends.cudnn.deterministic = True
        where = training.device()
        shape = training_samples.inputs.shape[1:]
        network = cls.build(settings, shape, len(labels), fresh=True).to(where, memory_format=torch.channels_last)
        model = cls(network, settings, shape, labels)
        batches = cls.batches(training_samples, settings, where)
        model.history, model.best_epoch, model.validation_logits = training.train(
            network, batches, validation, model.logits, settings, progress
        )
        return model

    def save(self, folder: Path, facts: dict) -> None:
        """Writes ``weights.safetensors`` and ``model.json`` (all that is needed to rebuild and preprocess)."""
        state = {name: tensor.cpu().contiguous() for name, tensor in self.network.state_dict().items()}
        with atomic(folder / "weights.safetensors") as temporary:
            save_file(state, temporary)
        content = {"settings": self.settings, "shape": list(self.shape), "labels": self.labels, **facts}
        write_json(folder / "model.json", content)

    @classmethod
    def load(cls, folder: Path) -> "NeuralModel":
        """The reverse of :meth:`save`, on this machine's device. Raises InputError if model.json cannot be read."""
        facts = read_json(folder / "model.json")
        shape = tuple(facts["shape"])
        network = cls.build(facts["settings"], shape, len(facts["labels"]), fresh=False)
        network.load_state_dict(load_file(folder / "weights.safetensors"))
        network.to(training.device(), memory_format=torch.channels_last)
        return cls(network, facts["settings"], shape, facts["labels"])
