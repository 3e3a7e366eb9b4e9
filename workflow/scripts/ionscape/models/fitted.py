"""What every fitted model can do, whatever its family."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..config.model_settings import ModelSettings
from ..data.samples import Samples
from ..training.context import FitContext
from .evidence import Evidence


class FittedModel(ABC):
    """A fitted model. A family's own class says how it is fitted, asked, saved and loaded.

    Attributes:
        settings: of the family's class; labels: names of the logits.
        precision: how its numbers are computed: ``reference`` on one thread, ``fp32`` or ``bf16``.
        history: a row an epoch (:func:`ionscape.training.loop.train`); best_epoch: from 1. Empty and None without epochs.
        validation_logits: float32 [n, labels] of the samples that it was validated on.
    """

    precision: str = "reference"
    settings: Any  # a family narrows it

    def __init__(self, settings: ModelSettings, labels: list[str]):
        self.settings = settings
        self.labels = labels
        self.history: list[dict] = []
        self.best_epoch: int | None = None
        self.validation_logits: np.ndarray = np.empty((0, len(labels)), dtype=np.float32)

    @classmethod
    @abstractmethod
    def fit(cls, training: Samples, validation: Samples, settings: Any, context: FitContext) -> Self:
        """A model of the training part, which has predicted the validation part.

        Raises:
            InputError: the samples or settings do not go together, or the model does not fit in memory.
            Interrupted: it was told to stop.
        """

    @abstractmethod
    def logits(self, samples: Samples) -> np.ndarray:
        """float32 [n, labels]."""

    def evidence(self, samples: Samples, labels: np.ndarray) -> Evidence:
        """What speaks for a label in each sample; ``labels``: int [n], one a sample.

        Here, slowly, for families that know no better: how much the logit falls if an m/z is taken out of the image
        (occlusion; Zeiler and Fergus 2014).
        """
        rows = np.arange(len(samples))
        whole = self.logits(samples)[rows, labels]
        masses = np.zeros((len(samples), samples.inputs.shape[1]), dtype=np.float32)
        for mass in np.flatnonzero(samples.inputs.any(axis=(0, 2))):
            without = samples.inputs.copy()
            without[:, mass] = 0
            masses[:, mass] = whole - self.logits(samples.with_inputs(without))[rows, labels]
        return Evidence(masses)

    @abstractmethod
    def save(self, folder: Path, facts: dict) -> None:
        """Writes ``weights.safetensors`` and ``model.json``: ``facts``, and all that it takes to rebuild and preprocess."""

    @classmethod
    @abstractmethod
    def load(cls, folder: Path) -> Self:
        """The reverse of :meth:`save`, on this machine's device. Raises InputError as :func:`.saved.read_facts`."""
