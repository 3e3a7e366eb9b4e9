"""Runs as instruments' software exports them: a module a format.

In: a path. Out: retention time, m/z and intensity of each peak, float64. Raises InputError with the file and the way out.
To add a format: a module with one function, and a line in READERS. A CSV is read by :mod:`.csv`, whatever its name.
"""

from collections.abc import Callable
from pathlib import Path

from ..run import Columns
from .andi import read_andi
from .mzml import read_mzml

#: Ends of file names, in lower case → reader.
READERS: dict[str, Callable[[Path], Columns]] = {
    ".mzml": read_mzml,
    ".mzml.gz": read_mzml,
    ".cdf": read_andi,
    ".nc": read_andi,
}


def reader_of(path: Path) -> Callable[[Path], Columns] | None:
    """The reader of a file by the end of its name; None for a CSV and anything else."""
    name = path.name.lower()
    return next((reader for end, reader in READERS.items() if name.endswith(end)), None)
