"""What the families that fit each label by itself, in seconds, share: the files of a fitted model."""

from pathlib import Path
from typing import Self

import numpy as np
from safetensors.numpy import load_file, save_file

from .logits import clipped_logits
from .saved import WEIGHTS, read_facts, save_model

#: Probability of a label that the training part has only one class of: as if one more sample were of the other.
PSEUDO_COUNT = 1.0


class LabelwiseModel:
    """A fitted model.

    Attributes:
        tensors: what it is made of, by name; the family says which.
        settings: the model's settings (the family's schema); labels: names of the logits.
        inputs: facts of the images or features that it was fitted on, of a model that was loaded.
        validation_logits: float32 [n, labels]. history and best_epoch are empty: there are no epochs.
    """

    def __init__(self, tensors: dict[str, np.ndarray], settings: dict, labels: list[str]):
        self.tensors, self.settings, self.labels = tensors, settings, labels
        self.inputs: dict = {}
        self.history: list[dict] = []
        self.best_epoch: int | None = None
        self.validation_logits: np.ndarray | None = None

    def save(self, folder: Path, facts: dict) -> None:
        """Writes ``weights.safetensors`` and ``model.json``."""
        content = {"settings": self.settings, "labels": self.labels, **facts}
        save_model(folder, lambda path: save_file(self.tensors, path), content)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The reverse of :meth:`save`. Raises InputError as :func:`.files.read_facts`."""
        facts = read_facts(folder)
        model = cls(load_file(folder / WEIGHTS), facts["settings"], facts["labels"])
        model.inputs = facts["inputs"]
        return model


def constant_logit(y: np.ndarray) -> np.ndarray | None:
    """The logit [1] of a label with one class, 0 or 1, in y [n]; None where there are both."""
    if y.min() != y.max():
        return None
    share = (y.sum() + PSEUDO_COUNT * (y[0] == 0)) / (len(y) + PSEUDO_COUNT)
    return clipped_logits(np.array([share]), 0.0)
