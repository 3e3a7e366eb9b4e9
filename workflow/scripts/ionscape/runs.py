"""One raw run: a CSV of axis × mass × intensity, read by Arrow, with errors that name file, line and column; or what an
instrument's software exports (:mod:`.instruments`)."""

import csv
import io
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from .errors import InputError
from .instruments import reader_of
from .tables import require_regular_file, require_utf8

#: One block holds a usual run whole; a larger file is parsed in several.
BLOCK_BYTES = 1 << 24

#: Ends of the names of compressed files, in lower case.
COMPRESSIONS = {".gz": "gzip", ".zst": "zstd"}

#: The header is looked for in this many bytes at the start.
HEADER_BYTES = 1 << 16

#: What Arrow takes as a number (Python's float() also takes 1_000, inf and digits of other scripts).
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)

#: What Arrow takes as a missing value: an empty cell, nan, NA, null and their kin.
MISSING = frozenset(pacsv.ConvertOptions().null_values)


@dataclass(frozen=True)
class Run:
    """A raw run after METHOD step 1's first rule (missing values are 0).

    Attributes:
        axis: float64 [rows], the x axis in the file's unit (retention time in minutes, or temperature in °C).
        mass: float64 [rows], m/z.
        intensity: float64 [rows], detector counts or current.
        missing: how many cells were empty.
    """

    axis: np.ndarray
    mass: np.ndarray
    intensity: np.ndarray
    missing: int


def read_run(path: str | Path, columns: dict[str, str]) -> Run:
    """Reads a run's three columns as float64 (float32 parsing moves values into other bins).

    Args:
        path: CSV, also ``.gz`` or ``.zst``; mzML, also ``.gz``; or ANDI-MS netCDF (``.cdf``, ``.nc``): their times are in
            minutes.
        columns: the file's names of ``axis``, ``mass`` and ``intensity``, and of ``time``, which may be the axis.

    Raises:
        InputError: missing file, directory, UTF-16, missing or repeated column, no rows, a row of another length, text
            in a number, ±inf, a compressed file that ends early. Names the line of the file (the header is line 1)
            and the column. Of mzML and netCDF: what :mod:`.instruments` says, or an axis other than time.
    """
    path = require_regular_file(path, "the run")
    if read := reader_of(path):
        return _from_instrument(path, read(path), columns)
    names = [columns["axis"], columns["mass"], columns["intensity"]]
    content = _read(path)
    _check_header(path, content, names)
    try:
        table = pacsv.read_csv(
            pa.BufferReader(content),
            read_options=pacsv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
            convert_options=pacsv.ConvertOptions(include_columns=names, column_types=dict.fromkeys(names, pa.float64())),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise InputError(_find_fault(path, content, names) or f"{path}: cannot be read as CSV: {error}") from error
    if table.num_rows == 0:
        raise InputError(f"{path}: has a header but no rows")
    missing = sum(column.null_count for column in table.columns)
    arrays = [_dense(column) for column in table.columns]
    if not all(np.isfinite(array).all() for array in arrays):
        raise InputError(_find_fault(path, content, names) or f"{path}: has a value that is not a finite number")
    return Run(*arrays, missing=missing)


def _from_instrument(path: Path, arrays: tuple[np.ndarray, ...], columns: dict[str, str]) -> Run:
    if columns["axis"] != columns["time"]:
        raise InputError(f"{path}: knows retention time only, the x axis is column {columns['axis']!r}; export it as CSV")
    missing = sum(int(np.isnan(array).sum()) for array in arrays)
    if missing:
        arrays = tuple(np.nan_to_num(array, nan=0.0, posinf=np.inf, neginf=-np.inf) for array in arrays)
    if not all(np.isfinite(array).all() for array in arrays):
        raise InputError(f"{path}: has a value that is not a finite number")
    return Run(*arrays, missing=missing)


def _read(path: Path) -> pa.Buffer:
    try:
        compression = COMPRESSIONS.get(path.suffix.lower())
        with pa.input_stream(str(path), compression=compression, buffer_size=0) as stream:
            return stream.read_buffer()
    except (OSError, EOFError, pa.ArrowInvalid) as error:
        hint = "; the compressed file is damaged or ends early" if path.suffix != ".csv" else ""
        raise InputError(f"{path}: cannot be read: {str(error).strip()}{hint}") from error


def _check_header(path: Path, content: pa.Buffer, names: list[str]) -> None:
    head = content[:HEADER_BYTES].to_pybytes()
    if not head.strip():
        raise InputError(f"{path}: is empty, expected a header with {', '.join(names)}")
    require_utf8(head[:4096], path)
    record = next(_records(head), None)
    if record is None:  # a byte-order mark and nothing else
        raise InputError(f"{path}: is empty, expected a header with {', '.join(names)}")
    line, header = record
    for name in names:
        if name not in header:
            raise InputError(f"{path}, line {line}: column {name!r} is missing; found {', '.join(map(repr, header))}")
        if header.count(name) > 1:
            raise InputError(f"{path}, line {line}: column {name!r} occurs more than once")


def _dense(column: pa.ChunkedArray) -> np.ndarray:
    if column.null_count:
        column = pc.fill_null(column, 0.0)
    return column.to_numpy()


def _records(content: bytes) -> Iterator[tuple[int, list[str]]]:
    """(line of the file, cells) of every record; blank lines are passed over, as Arrow does, but counted."""
    reader = csv.reader(io.StringIO(content.decode("utf-8-sig", errors="replace"), newline=""))
    line = 1
    for cells in reader:
        if cells:
            yield line, cells
        line = reader.line_num + 1


def _find_fault(path: Path, content: pa.Buffer, names: list[str]) -> str | None:
    """Reads a file that Arrow could not use once more, slowly, for the first bad cell: its message, or None."""
    records = _records(content.to_pybytes())
    _, header = next(records)
    line = None
    try:
        for line, cells in records:
            if len(cells) != len(header):
                return f"{path}, line {line}: {len(cells)} values, the header has {len(header)}"
            for name in names:
                text = cells[header.index(name)].strip()
                if text in MISSING:
                    continue
                if not NUMBER.fullmatch(text):
                    return f"{path}, line {line}, column {name!r}: {text!r} is not a number"
                if not math.isfinite(float(text)):
                    return f"{path}, line {line}, column {name!r}: {text!r} is too large for a number"
    except csv.Error as error:
        return f"{path}, after line {line}: not a CSV: {error}"
    return None if line else f"{path}: has a header but no rows"
