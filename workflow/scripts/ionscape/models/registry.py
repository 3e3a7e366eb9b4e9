"""Fitted models by the name of their family."""

from pathlib import Path

from safetensors import SafetensorError

from ..errors import InputError
from ..files.artifact import read_json
from .family import families
from .fitted import FittedModel
from .saved import FACTS, settings_of


def load_fold(folder: Path) -> FittedModel:
    """The fitted model that a training wrote, of its family.

    Raises:
        InputError: missing or damaged files, or an unknown family.
    """
    try:
        settings = settings_of(read_json(folder / FACTS, "model"))
    except InputError as error:
        raise InputError(str(error) if str(folder) in str(error) else f"{folder / FACTS}: {error}") from error
    model = families()[settings.family].model()
    try:
        return model.load(folder)
    except (OSError, SafetensorError, RuntimeError, KeyError) as error:
        if "allocate memory" in str(error):  # then nothing is wrong with the files
            raise
        raise InputError(f"{folder}: the model cannot be loaded ({error}); run rule train_fold again") from error
