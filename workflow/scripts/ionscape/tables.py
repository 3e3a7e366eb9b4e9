"""Files in and out: atomic writes, Parquet with a format name and version, small CSVs with errors that name the line."""

import csv
import glob
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .errors import InputError
from .formats import FORMATS

METADATA_KEY = b"ionscape"

#: Letters that tempfile puts into a name.
RANDOM = 8


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path beside ``path``; on success flushes it to disk and renames it, else removes it.

    It is alone in a folder, as some writers have temporary files of their own beside it, whose names nobody knows.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp"))
    try:
        temporary = place / path.name
        yield temporary
        os.chmod(temporary, 0o666 & ~_umask())
        with open(temporary, "rb") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    finally:
        shutil.rmtree(place, ignore_errors=True)


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Yields a temporary folder beside ``path``; on success puts it in its place, else removes it."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp"))
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        if path.exists():
            earlier = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp"))
            os.replace(path, earlier / path.name)
            os.replace(temporary, path)
            shutil.rmtree(earlier)
        else:
            os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def remove_unfinished(path: str | Path) -> None:
    """Removes what a killed process left of writing ``path`` by :func:`atomic` or :func:`atomic_folder`, if it can."""
    path = Path(path)
    for left in path.parent.glob(f".{glob.escape(path.name)}.{'?' * RANDOM}.tmp"):
        shutil.rmtree(left, ignore_errors=True)


#: Longest part of a sample_id that :func:`file_name` keeps: file systems take names of 255 bytes.
LONGEST_NAME = 100


def file_name(sample: str) -> str:
    """A sample_id, or a label, as a file name: one word of letters, digits, ``_``, ``-`` and ``.``, not led by a dot.

    Where that is not all of it, other characters become ``_``, and a hash is added: different ids give different names.
    """
    name = re.sub(r"^\.|[^A-Za-z0-9_.-]", "_", sample)[:LONGEST_NAME]
    return name if name == sample and name else f"{name}~{hashlib.sha256(os.fsencode(sample)).hexdigest()[:12]}"


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: str | Path, text: str) -> None:
    """Writes UTF-8 text atomically."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_bytes(path: str | Path, content: bytes) -> None:
    """Writes bytes, such as a PNG, atomically."""
    with atomic(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: str | Path, content: dict) -> None:
    """Writes indented JSON atomically; NaN is not JSON and raises ValueError."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False) + "\n")


def read_json(path: str | Path) -> dict:
    """Reads JSON.

    Raises:
        InputError: missing file, or not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as JSON: {error}") from error


def describe(schema: pa.Schema, kind: str, **metadata) -> pa.Schema:
    """The schema with ionscape's metadata: format name and version, and whatever JSON-able facts are given."""
    facts = {"format": kind, "version": FORMATS[kind][0], **metadata}
    return schema.with_metadata({METADATA_KEY: json.dumps(facts).encode()})


def write_table(table: pa.Table, path: str | Path, kind: str, **metadata) -> None:
    """Writes a Parquet file (zstd) of the named format atomically."""
    with atomic(path) as temporary:
        schema = describe(table.schema, kind, **metadata)
        pq.write_table(table.cast(schema), temporary, compression="zstd", write_page_checksum=True)


@contextmanager
def reading(path: str | Path, kind: str) -> Iterator[None]:
    """Turns Arrow's errors about a missing or damaged Parquet file into InputError with the rule to run again."""
    try:
        yield
    except (OSError, pa.ArrowInvalid) as error:
        raise InputError(f"{path}: cannot be read as Parquet ({error}); run rule {FORMATS[kind][1]} again") from error


def read_metadata(path: str | Path, kind: str) -> dict:
    """The facts stored in a Parquet file's schema.

    Raises:
        InputError: missing or broken file, another format, another version; names the rule to run again.
    """
    version, rule = FORMATS[kind]
    with reading(path, kind):
        schema = pq.read_schema(path)
    facts = json.loads((schema.metadata or {}).get(METADATA_KEY, b"{}"))
    if (facts.get("format"), facts.get("version")) != (kind, version):
        found = f"{facts.get('format', 'an unknown format')} version {facts.get('version', '?')}"
        raise InputError(f"{path}: expected {kind} version {version}, found {found}; run rule {rule} again")
    return facts


def read_table(path: str | Path, kind: str, columns: list[str] | None = None) -> tuple[pa.Table, dict]:
    """Reads a Parquet file of the named format: (table, stored facts). Raises as :func:`read_metadata`."""
    facts = read_metadata(path, kind)
    with reading(path, kind):
        return pq.read_table(path, columns=columns, page_checksum_verification=True), facts


def vectors(column: pa.ChunkedArray) -> np.ndarray:
    """A fixed-size-list column as one contiguous float32 array (rows, list size): a copy that may be written to."""
    size = column.type.list_size
    result = np.empty((len(column), size), dtype=np.float32)
    start = 0
    for chunk in column.chunks:
        result[start : start + len(chunk)] = chunk.flatten().to_numpy(zero_copy_only=True).reshape(-1, size)
        start += len(chunk)
    return result


def vector_column(rows: np.ndarray) -> pa.FixedSizeListArray:
    """The reverse of :func:`vectors`: (rows, size) float32 → fixed_size_list<float>[size]."""
    flat = pa.array(np.ascontiguousarray(rows, dtype=np.float32).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, rows.shape[1])


def require_regular_file(path: str | Path, what: str) -> Path:
    """The path, if it is a regular file.

    Raises:
        InputError: it is missing, a directory, or something else that cannot be read as a file.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: {what} does not exist")
    if path.is_dir():
        raise InputError(f"{path}: {what} is a directory, expected a file")
    if not path.is_file():
        raise InputError(f"{path}: {what} is not a regular file")
    return path


def require_utf8(head: bytes, path: str | Path) -> None:
    """Raises InputError if a file's first bytes say that it is not UTF-8 text."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in head:
        raise InputError(f"{path}: looks like UTF-16 or binary data, expected UTF-8 text; export it as UTF-8 CSV")


def read_rows(path: str | Path, what: str, required: list[str]) -> tuple[list[str], list[dict[str, str]]]:
    """Reads a small CSV (metadata, labels, folds) whole.

    Returns:
        the header, and a dict a row; row i stands on line i + 2 of the file.

    Raises:
        InputError: missing file, directory, not UTF-8, no header, repeated or missing column, ragged row, no rows.
    """
    path = require_regular_file(path, what)
    content = path.read_bytes()
    require_utf8(content[:4096], path)
    try:
        lines = list(csv.reader(content.decode("utf-8-sig").splitlines()))
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise InputError(f"{path}, line {line}: not UTF-8 text; export it as UTF-8 CSV") from error
    except csv.Error as error:
        raise InputError(f"{path}: not a CSV: {error}") from error
    while lines and not lines[-1]:
        lines.pop()  # blank lines at the end, as editors leave them
    if not lines:
        raise InputError(f"{path}: {what} is empty, expected a header with {', '.join(required)}")
    header = lines[0]
    for name in header:
        if header.count(name) > 1:
            raise InputError(f"{path}, line 1: column {name!r} occurs more than once")
    for name in required:
        if name not in header:
            raise InputError(f"{path}, line 1: column {name!r} is missing; found {', '.join(map(repr, header))}")
    rows = []
    for number, cells in enumerate(lines[1:], start=2):
        if len(cells) != len(header):
            raise InputError(f"{path}, line {number}: {len(cells)} values, the header has {len(header)}")
        rows.append(dict(zip(header, cells, strict=True)))
    if not rows:
        raise InputError(f"{path}: {what} has a header but no rows")
    return header, rows
