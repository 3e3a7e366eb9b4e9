"""CSVs of axis × mass × intensity, read by Arrow, with errors that name file, line and column."""

import csv
import io
import math
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pacsv

from ...errors import InputError
from ...files.compressed import BLOCK_BYTES, expanded
from ...files.small_csv import require_utf8
from ..run import Run

#: The header ends in this many bytes at the start.
LONGEST_HEADER = 1 << 16

#: Most characters of a file's own words in a message, and most names of columns.
SHOWN, SHOWN_NAMES = 60, 20

#: What Arrow takes as a number (Python's float() also takes 1_000, inf and digits of other scripts).
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)

#: What Arrow takes as a missing value: an empty cell, nan, NA, null and their kin.
MISSING = frozenset(pacsv.ConvertOptions().null_values)


def whole_lines(path: Path) -> Iterator[bytes]:
    """A file in blocks that end with a line, outside of quotes; the last one ends as the file does."""
    pending = b""
    for block in expanded(path):
        if not pending:
            pending = block
            continue
        end = pending.rfind(b"\n") + 1
        while end and pending.count(b'"', 0, end) % 2:
            end = pending.rfind(b"\n", 0, end - 1) + 1
        if not end:
            longest = f"{BLOCK_BYTES >> 20} MiB"
            raise InputError(f"{path}: has a line of more than {longest}, or a quote that does not end: not a run")
        yield pending[:end]
        pending = pending[end:] + block
    if pending:
        yield pending


def parse_block(path: Path, line: int, block: bytes, names: list[str], header: list[str] | None) -> Run:
    """A block's three columns; line: its first; header: of the file, None if the block begins with it."""
    try:
        table = pacsv.read_csv(
            pa.BufferReader(block),
            read_options=pacsv.ReadOptions(use_threads=False, block_size=max(len(block), 1), column_names=header),
            convert_options=pacsv.ConvertOptions(include_columns=names, column_types=dict.fromkeys(names, pa.float64())),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        found = _find_fault(path, line, block, names, header)
        raise InputError(found or f"{path}: cannot be read as CSV: {_shown(str(error))}") from error
    missing = sum(column.null_count for column in table.columns)
    arrays = [_dense(column) for column in table.columns]
    if not all(np.isfinite(array).all() for array in arrays):
        found = _find_fault(path, line, block, names, header)
        raise InputError(found or f"{path}: has a value that is not a finite number")
    axis, mass, intensity = arrays
    return Run(axis, mass, intensity, missing)


def check_header(path: Path, head: bytes, names: list[str]) -> list[str]:
    """The names of all columns, from a file's first bytes."""
    require_utf8(head[:4096], path)
    record = next(_records(head), None) if head.strip() else None
    if record is None:  # nothing, or a byte-order mark and nothing else
        raise InputError(f"{path}: is empty, expected a header with {', '.join(names)}")
    line, header = record
    if len(head) == LONGEST_HEADER and not re.search(rb"[\r\n]", head.strip()):
        raise InputError(f"{path}, line {line}: the header is longer than {LONGEST_HEADER >> 10} KiB: not a run")
    for name in names:
        if name not in header:
            found = ", ".join(_shown(repr(column)) for column in header[:SHOWN_NAMES])
            more = f" and {len(header) - SHOWN_NAMES} more" if len(header) > SHOWN_NAMES else ""
            raise InputError(f"{path}, line {line}: column {name!r} is missing; found {found}{more}")
        if header.count(name) > 1:
            raise InputError(f"{path}, line {line}: column {name!r} occurs more than once")
    return header


def _dense(column: pa.ChunkedArray) -> np.ndarray:
    if column.null_count:
        column = pc.fill_null(column, 0.0)
    return column.to_numpy()


def _shown(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _records(content: bytes, line: int = 1) -> Iterator[tuple[int, list[str]]]:
    """(line of the file, cells) of every record; blank lines are passed over, as Arrow does, but counted."""
    first = line
    reader = csv.reader(io.StringIO(content.decode("utf-8-sig", errors="replace"), newline=""))
    for cells in reader:
        if cells:
            yield line, cells
        line = first + reader.line_num


def _find_fault(path: Path, line: int, block: bytes, names: list[str], header: list[str] | None) -> str | None:
    """Reads a block that Arrow could not use once more, slowly, for the first bad cell: its message, or None."""
    records = _records(block, line)
    rows = header is not None
    try:
        if header is None:
            line, header = next(records)
        columns = [(name, header.index(name)) for name in names]
        for line, cells in records:
            rows = True
            if len(cells) != len(header):
                return f"{path}, line {line}: {len(cells)} values, the header has {len(header)}"
            for name, index in columns:
                text = cells[index]
                if text in MISSING:
                    continue
                if not NUMBER.fullmatch(text.strip()):
                    return f"{path}, line {line}, column {name!r}: {_shown(text)!r} is not a number"
                if not math.isfinite(float(text)):
                    return f"{path}, line {line}, column {name!r}: {_shown(text)!r} is too large for a number"
    except csv.Error as error:
        return f"{path}, after line {line}: not a CSV: {error}"
    return None if rows else f"{path}: has a header but no rows"
