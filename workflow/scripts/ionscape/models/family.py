"""A model family: what the rules and the configuration need to know of it, without importing what it is made of."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..config.model_settings import ModelSettings

if TYPE_CHECKING:
    from .fitted import FittedModel


@dataclass(frozen=True)
class Family:
    """A kind of model.

    Attributes:
        settings: class of its settings.
        model: imports and returns its class of fitted models, for the job; nothing heavy is imported before.
        inputs: ``images`` or ``features``: which table it is fitted on.
        gpu: GPUs that one job wants.
        threads: CPU threads that one job can use.
        mem_mb, runtime: memory (MB) and time (minutes) that one job asks for.
    """

    settings: type[ModelSettings]
    model: Callable[[], "type[FittedModel]"]
    inputs: Literal["images", "features"]
    gpu: int = 0
    threads: int = 1
    mem_mb: int = 4000
    runtime: int = 60


@cache
def families() -> dict[str, Family]:
    """Every family, by its name: that of its folder in this package, whose ``family.py`` has it as FAMILY."""
    names = sorted(path.parent.name for path in Path(__file__).parent.glob("*/family.py"))
    return {name: importlib.import_module(f"{__package__}.{name}.family").FAMILY for name in names}
