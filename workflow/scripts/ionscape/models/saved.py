"""The files of a fitted model, whatever its family: weights as safetensors, and all else that it needs as JSON."""

import hashlib
from collections.abc import Callable
from pathlib import Path

from pydantic import ValidationError

from ..config.messages import problems_of
from ..config.model_settings import ModelSettings
from ..errors import InputError
from ..files.artifact import read_json, write_json
from ..files.atomic import atomic
from ..files.versions import FORMATS
from .family import families

#: Name of the weights in a model's folder, and of the rest.
WEIGHTS, FACTS = "weights.safetensors", "model.json"


def sha256(path: Path) -> str:
    """64 hexadecimal digits."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def save_model(folder: Path, save: Callable[[Path], None], facts: dict) -> None:
    """Writes ``weights.safetensors``, by a function that is given its path, and ``model.json``, which names its SHA-256."""
    with atomic(folder / WEIGHTS) as temporary:
        save(temporary)
        digest = sha256(temporary)
    write_json(folder / FACTS, {**facts, "weights_sha256": digest}, "model")


def read_facts(folder: Path) -> dict:
    """model.json of a model whose weights are as they were written.

    Raises:
        InputError: either file is missing or damaged, or they are not of one model; names the rule to run again.
    """
    facts = read_json(folder / FACTS, "model")
    try:
        digest = sha256(folder / WEIGHTS)
    except OSError as error:
        raise InputError(f"{folder / WEIGHTS}: cannot be read ({error}); run rule {FORMATS['model'][1]} again") from error
    if digest != facts["weights_sha256"]:
        raise InputError(f"{folder / WEIGHTS}: is not the one of {FACTS}; run rule {FORMATS['model'][1]} again")
    return facts


def settings_of(facts: dict) -> ModelSettings:
    """The settings that model.json tells, of their family's class; keys that came later have their defaults.

    Raises:
        InputError: of no family that is known here, or not what the family's settings are.
    """
    told = dict(facts.get("settings", {}))
    name = told.get("family")
    if name not in [*families()]:  # a list: it may be anything
        raise InputError(f"is of no family that is known here: {name!r}")
    settings, seed = families()[name].settings, told.pop("seed", None)  # the run's seed is added: it may exceed the bounds
    try:
        made = settings.model_validate(told)
    except ValidationError as error:
        raise InputError("; ".join(problems_of(error, settings, ("settings",)))) from error
    return made if seed is None else made.model_copy(update={"seed": seed})
