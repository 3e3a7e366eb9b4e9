"""One raw run: a CSV of axis × mass × intensity, read by Arrow, with errors that name file, row and column."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from .errors import InputError
from .tables import require_regular_file, require_utf8

#: One block holds a usual run whole; a larger file is read in several.
BLOCK_BYTES = 1 << 24


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
        path: CSV, also ``.gz`` or ``.zst``.
        columns: the file's names of ``axis``, ``mass`` and ``intensity``.

    Raises:
        InputError: missing file, directory, UTF-16, missing column, no rows, text in a number, ±inf, a compressed
            file that ends early. Rows are counted as lines of the file, the header being line 1.
    """
    path = require_regular_file(path, "the run's CSV")
    names = [columns["axis"], columns["mass"], columns["intensity"]]
    try:
        table = _parse(path, names, pa.float64())
    except (pa.ArrowInvalid, pa.ArrowKeyError, OSError, EOFError) as error:
        raise InputError(_explain(path, names, error)) from error
    if table.num_rows == 0:
        raise InputError(f"{path}: has a header but no rows")
    missing = sum(column.null_count for column in table.columns)
    arrays = [_dense(column) for column in table.columns]
    for name, array in zip(names, arrays, strict=True):
        if not np.isfinite(array).all():
            row = int(np.flatnonzero(~np.isfinite(array))[0])
            raise InputError(f"{path}, line {row + 2}, column {name!r}: {array[row]} is not a finite number")
    return Run(*arrays, missing=missing)


def _dense(column: pa.ChunkedArray) -> np.ndarray:
    if column.null_count:
        column = pc.fill_null(column, 0.0)
    return column.to_numpy()


def _parse(path: Path, names: list[str], kind: pa.DataType) -> pa.Table:
    with pa.input_stream(str(path), compression="detect", buffer_size=0) as stream:
        return pacsv.read_csv(
            stream,
            read_options=pacsv.ReadOptions(use_threads=False, block_size=BLOCK_BYTES),
            convert_options=pacsv.ConvertOptions(
                include_columns=names, column_types=dict.fromkeys(names, kind), strings_can_be_null=True
            ),
        )


def _explain(path: Path, names: list[str], error: Exception) -> str:
    """Looks at a file that could not be parsed once more, slowly, for the place and the reason."""
    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            head = stream.read(4096)
        if not head.strip():
            return f"{path}: is empty, expected a header with {', '.join(names)}"
        require_utf8(head, path)
        header = head.decode("utf-8-sig", errors="replace").splitlines()[0].split(",")
        for name in names:
            if name not in header:
                return f"{path}, line 1: column {name!r} is missing; found {', '.join(map(repr, header))}"
        texts = _parse(path, names, pa.string())
    except InputError as other:
        return str(other)
    except (pa.ArrowInvalid, pa.ArrowKeyError, OSError, EOFError) as other:
        hint = "; the compressed file is damaged or ends early" if path.suffix in (".gz", ".zst") else ""
        return f"{path}: cannot be read as CSV: {str(other).strip()}{hint}"
    for name, column in zip(names, texts.columns, strict=True):
        for row, text in enumerate(column.to_pylist()):
            try:
                float(text if text is not None else 0)
            except ValueError:
                return f"{path}, line {row + 2}, column {name!r}: {text!r} is not a number"
    return f"{path}: cannot be read as CSV: {error}"
