"""Runs as instruments' software exports them: a module a format.

In: a path. Out: retention time, m/z and intensity of each peak, float64. Raises InputError with the file and the way out.
To add a format: a module here with ENDS and ``read``. :mod:`.csv` is for whatever no other reader claims.
"""

import importlib
import pkgutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

from ..run import Columns

#: Reads a file whole. Raises InputError: not of the format, damaged, or without a peak.
Reader = Callable[[Path], Columns]


@cache
def readers() -> dict[str, Reader]:
    """Ends of file names, in lower case → reader: of each module here, its ENDS and its ``read``."""
    modules = (importlib.import_module(f"{__name__}.{entry.name}") for entry in pkgutil.iter_modules(__path__))
    return {end: module.read for module in modules for end in getattr(module, "ENDS", ())}


def reader_of(path: Path) -> Reader | None:
    """The reader of a file by the end of its name; None for a CSV and anything else."""
    name = path.name.lower()
    return next((reader for end, reader in readers().items() if name.endswith(end)), None)
