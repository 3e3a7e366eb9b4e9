"""Fitted models by the name of their family."""

import importlib
from pathlib import Path

from safetensors import SafetensorError

from ..errors import InputError
from ..files.artifact import read_json
from .family import FAMILIES
from .saved import FACTS


def load_fold(folder: Path) -> object:
    """The fitted model that :func:`save_fold` wrote: of its family, with ``logits`` and ``evidence``.

    Raises:
        InputError: missing or damaged files, or an unknown family.
    """
    settings = read_json(folder / FACTS, "model").get("settings", {})
    family = FAMILIES.get(settings.get("family"))
    if family is None:
        raise InputError(f"{folder / FACTS}: is of no family that is known here: {settings.get('family')!r}")
    model = importlib.import_module(family.module).Model
    try:
        return model.load(folder)
    except (OSError, SafetensorError, RuntimeError, KeyError) as error:
        if "allocate memory" in str(error):  # then nothing is wrong with the files
            raise
        raise InputError(f"{folder}: the model cannot be loaded ({error}); run rule train_fold again") from error
