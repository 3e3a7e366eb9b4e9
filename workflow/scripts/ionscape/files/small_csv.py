"""Small CSVs, read whole, with errors that name the line."""

import csv
import io
from collections import Counter
from pathlib import Path

from ..errors import InputError
from .paths import require_regular_file


def require_utf8(head: bytes, path: str | Path) -> None:
    """Raises InputError if a file's first bytes say that it is not UTF-8 text."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in head:
        raise InputError(f"{path}: looks like UTF-16 or binary data, expected UTF-8 text; export it as UTF-8 CSV")


class Row(dict):
    """A row of a small CSV: column → text. ``line``: where it begins in the file."""

    def __init__(self, cells: dict[str, str], line: int):
        super().__init__(cells)
        self.line = line


def read_rows(path: str | Path, what: str, required: list[str]) -> tuple[list[str], list[Row]]:
    """Reads a small CSV (metadata, labels, folds) whole. A quoted cell may hold line breaks.

    Returns:
        the header, and the rows.

    Raises:
        InputError: missing file, directory, not UTF-8, a quote that is not closed, no header, repeated or missing column,
            ragged row, no rows.
    """
    path = require_regular_file(path, what)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: {what} cannot be read: {error.strerror}") from error
    require_utf8(content[:4096], path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(f"{path}, line {line}: not UTF-8 text; export it as UTF-8 CSV") from error
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    records, line = [], 1
    try:
        for cells in reader:
            records.append((line, cells))
            line = reader.line_num + 1
    except csv.Error as error:
        raise InputError(f"{path}, line {line}: not a CSV: {error}") from error
    while records and not records[-1][1]:
        records.pop()  # blank lines at the end, as editors leave them
    if not records:
        raise InputError(f"{path}: {what} is empty, expected a header with {', '.join(required)}")
    (first, header), *others = records
    for name, count in Counter(header).items():
        if count > 1:
            raise InputError(f"{path}, line {first}: column {name!r} occurs more than once")
    for name in required:
        if name not in header:
            hint = "; are the columns parted by something else than commas?" if len(header) == 1 else ""
            found = ", ".join(map(repr, header))
            raise InputError(f"{path}, line {first}: column {name!r} is missing; found {found}{hint}")
    for line, cells in others:
        if len(cells) != len(header):
            raise InputError(f"{path}, line {line}: {len(cells)} values, the header has {len(header)}")
    if not others:
        raise InputError(f"{path}: {what} has a header but no rows")
    return header, [Row(dict(zip(header, cells, strict=True)), line) for line, cells in others]
