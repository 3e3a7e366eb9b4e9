"""What the families that are a few arrays share: the files of a fitted model, and labels of one class."""

from pathlib import Path
from typing import Any, Self

import numpy as np
from safetensors.numpy import load_file, save_file

from ..config.model_settings import ModelSettings
from .fitted import FittedModel
from .logits import clipped_logits
from .saved import WEIGHTS, read_facts, save_model, settings_of

#: Probability of a label that the training part has only one class of: as if one more sample were of the other.
PSEUDO_COUNT = 1.0


class ArrayModel(FittedModel):
    """A fitted model that is nothing but arrays.

    Attributes:
        tensors: the arrays, by name; the family says which.
        inputs: facts of the images or features that it was fitted on, of a model that was loaded.
    """

    def __init__(self, tensors: dict[str, np.ndarray], settings: ModelSettings, labels: list[str]):
        super().__init__(settings, labels)
        self.tensors = tensors
        self.inputs: dict[str, Any] = {}

    def save(self, folder: Path, facts: dict) -> None:
        """Writes ``weights.safetensors`` and ``model.json``."""
        content = {"settings": self.settings.stored(), "labels": self.labels, **facts}
        save_model(folder, lambda path: save_file(self.tensors, path), content)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The reverse of :meth:`save`. Raises InputError as :func:`.saved.read_facts`."""
        facts = read_facts(folder)
        model = cls(load_file(folder / WEIGHTS), settings_of(facts), facts["labels"])
        model.inputs = facts["inputs"]
        return model


def constant_logit(y: np.ndarray) -> np.ndarray | None:
    """The logit [1] of a label with one class, 0 or 1, in y [n]; None where there are both."""
    if y.min() != y.max():
        return None
    share = (y.sum() + PSEUDO_COUNT * (y[0] == 0)) / (len(y) + PSEUDO_COUNT)
    return clipped_logits(np.array([share]), 0.0)
