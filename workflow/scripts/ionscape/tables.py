"""Files in and out: atomic writes, Parquet with a format name and version, small CSVs with errors that name the line."""

import csv
import glob
import hashlib
import io
import json
import os
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .errors import InputError
from .formats import FORMATS

METADATA_KEY = b"ionscape"

#: Of the facts in a Parquet file's schema (its pages have their own), and of a JSON file.
CHECKSUM = "sha256"

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


def _signed(facts: dict, columns: list[str]) -> dict:
    """The facts with a checksum: SHA-256 of them and of a table's columns as JSON, 64 hexadecimal digits."""
    text = json.dumps([facts, columns], sort_keys=True)
    return {**facts, CHECKSUM: hashlib.sha256(text.encode()).hexdigest()}


def _columns(schema: pa.Schema) -> list[str]:
    """Name and type of each; Parquet gives the values of a list another name."""
    return [f"{field.name}: {str(field.type).replace('item: ', 'element: ')}" for field in schema]


def _checked(path: str | Path, kind: str, facts: object, columns: list[str]) -> dict:
    """What was signed, if it is of the format and version that this code writes."""
    version, rule = FORMATS[kind]
    facts = facts if isinstance(facts, dict) else {}
    if (facts.get("format"), facts.get("version")) != (kind, version):
        found = f"{facts.get('format', 'an unknown format')} version {facts.get('version', '?')}"
        raise InputError(f"{path}: expected {kind} version {version}, found {found}; run rule {rule} again")
    known = {name: value for name, value in facts.items() if name != CHECKSUM}
    if _signed(known, columns) != facts:
        raise InputError(f"{path}: is not as it was written (its checksum differs); run rule {rule} again")
    return known


def write_json(path: str | Path, content: dict, kind: str) -> None:
    """Writes indented JSON of the named format, with a checksum, atomically; NaN is not JSON and raises ValueError."""
    facts = {"format": kind, "version": FORMATS[kind][0], **content}
    write_text(path, json.dumps(_signed(facts, []), indent=2, allow_nan=False) + "\n")


def read_json(path: str | Path, kind: str) -> dict:
    """What :func:`write_json` wrote, with ``format`` and ``version``.

    Raises:
        InputError: missing or damaged file, another format, another version; names the rule to run again.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read as JSON ({error}); run rule {FORMATS[kind][1]} again") from error
    return _checked(path, kind, content, [])


def describe(schema: pa.Schema, kind: str, **metadata) -> pa.Schema:
    """The schema with ionscape's metadata: format name and version, whatever JSON-able facts are given, and a checksum."""
    facts = _signed({"format": kind, "version": FORMATS[kind][0], **metadata}, _columns(schema))
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
    except InputError:
        raise
    except MemoryError as error:  # there is little, or a damaged footer promises much
        found, rule = f"there is not enough memory to read it ({error})", FORMATS[kind][1]
        raise InputError(f"{path}: {found}; if there should be, it is damaged: run rule {rule} again") from error
    except (OSError, pa.ArrowException, ValueError, OverflowError) as error:
        raise InputError(f"{path}: cannot be read as Parquet ({error}); run rule {FORMATS[kind][1]} again") from error


def read_metadata(path: str | Path, kind: str) -> dict:
    """The facts stored in a Parquet file's schema.

    Raises:
        InputError: missing or damaged file, another format, another version; names the rule to run again.
    """
    with reading(path, kind):
        schema = pq.read_schema(path)
        facts = json.loads((schema.metadata or {}).get(METADATA_KEY, b"{}"))
    return _checked(path, kind, facts, _columns(schema))


def read_table(path: str | Path, kind: str, columns: list[str] | None = None) -> tuple[pa.Table, dict]:
    """Reads a Parquet file of the named format: (table, stored facts). Raises as :func:`read_metadata`."""
    facts = read_metadata(path, kind)
    # pq.read_table waits for ever for threads that a limit on memory denies; and here threads make nothing faster.
    with reading(path, kind), pq.ParquetFile(path, page_checksum_verification=True) as file:
        return file.read(columns, use_threads=False), facts


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
    if not os.path.exists(path):  # of Path's, some raise where a name is too long or may not be looked at
        raise InputError(f"{path}: {what} does not exist")
    if os.path.isdir(path):
        raise InputError(f"{path}: {what} is a directory, expected a file")
    if not os.path.isfile(path):
        raise InputError(f"{path}: {what} is not a regular file")
    return path


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
