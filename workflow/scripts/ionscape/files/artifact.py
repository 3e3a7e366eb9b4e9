"""JSON and Parquet files with a format's name, its version and a checksum."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import InputError
from .atomic import atomic, write_text
from .versions import FORMATS

METADATA_KEY = b"ionscape"

#: Of the facts in a Parquet file's schema (its pages have their own), and of a JSON file.
CHECKSUM = "sha256"


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


@contextmanager
def decoding(path: str | Path, kind: str) -> Iterator[None]:
    """Turns what strange content raises (a column or fact that is missing, another type) into InputError with the rule."""
    try:
        yield
    except (KeyError, IndexError, TypeError, ValueError, AttributeError, pa.ArrowException) as error:
        found = f"has other content than {kind} version {FORMATS[kind][0]} ({type(error).__name__}: {error})"
        raise InputError(f"{path}: {found}; run rule {FORMATS[kind][1]} again") from error


def describe(schema: pa.Schema, kind: str, **metadata: Any) -> pa.Schema:
    """The schema with ionscape's metadata: format name and version, whatever JSON-able facts are given, and a checksum."""
    facts = _signed({"format": kind, "version": FORMATS[kind][0], **metadata}, _columns(schema))
    return schema.with_metadata({METADATA_KEY: json.dumps(facts).encode()})


def write_table(table: pa.Table, path: str | Path, kind: str, **metadata: Any) -> None:
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
