"""A raw run on the disk: a CSV, or what an instrument's software exports (:mod:`.readers`)."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..files.paths import require_regular_file
from .readers import reader_of
from .readers.csv import LONGEST_HEADER, check_header, parse_block, whole_lines
from .run import Run


class RunFile:
    """A run on the disk, iterated part by part in the file's order, as often as is needed.

    A usual run is one part, which is kept; of a larger one only a part at a time is in memory.

    Args:
        path: CSV, also ``.gz`` or ``.zst``; mzML, also ``.gz``; or ANDI-MS netCDF (``.cdf``, ``.nc``): their times are in
            minutes, and they are one part.
        columns: the file's names of ``axis``, ``mass`` and ``intensity``, and of ``time``, which may be the axis.

    Raises:
        InputError: when it is iterated: missing file, directory, UTF-16, missing or repeated column, no rows, a row of
            another length, text in a number, ±inf, a header of more than 64 KiB, a compressed file that ends early or
            expands without end. Names the line of the file (the header is line 1) and the column. Of mzML and netCDF:
            what its module in :mod:`.readers` says, or an axis other than time.
    """

    def __init__(self, path: str | Path, columns: dict[str, str]):
        self.path, self.columns = Path(path), columns
        self.where = f"{path}: "
        self._whole: Run | None = None

    def __iter__(self) -> Iterator[Run]:
        if self._whole is not None:
            yield self._whole
            return
        part, parts = None, 0
        for part in self._read():
            parts += 1
            yield part
        if parts == 1:
            self._whole = part

    def _read(self) -> Iterator[Run]:
        path = require_regular_file(self.path, "the run")
        if read := reader_of(path):
            yield _from_instrument(path, read(path), self.columns)
            return
        names = [self.columns["axis"], self.columns["mass"], self.columns["intensity"]]
        header: list[str] | None = None
        line, rows, before = 1, 0, b""
        for block in whole_lines(path):
            line += before.count(b"\n")
            columns = header or check_header(path, block[:LONGEST_HEADER], names)
            if not (header and block.isspace()):  # which Arrow takes for an empty file
                part = parse_block(path, line, block, names, header)
                if len(part.mass):
                    rows += len(part.mass)
                    yield part
            header, before = columns, block
        if header is None:
            raise InputError(f"{path}: is empty, expected a header with {', '.join(names)}")
        if rows == 0:
            raise InputError(f"{path}: has a header but no rows")


def _from_instrument(path: Path, arrays: tuple[np.ndarray, ...], columns: dict[str, str]) -> Run:
    if columns["axis"] != columns["time"]:
        raise InputError(f"{path}: knows retention time only, the x axis is column {columns['axis']!r}; export it as CSV")
    missing = sum(int(np.isnan(array).sum()) for array in arrays)
    if missing:
        arrays = tuple(np.nan_to_num(array, nan=0.0, posinf=np.inf, neginf=-np.inf) for array in arrays)
    if not all(np.isfinite(array).all() for array in arrays):
        raise InputError(f"{path}: has a value that is not a finite number")
    axis, mass, intensity = arrays
    return Run(axis, mass, intensity, missing)
