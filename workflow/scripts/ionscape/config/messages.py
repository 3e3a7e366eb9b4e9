"""What is wrong with a configuration, in words: the key's path, what was found, what is allowed, the nearest name."""

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ..errors import LONGEST_LINE
from .base import Settings, kinds_in_words, schema_of

#: pydantic's kinds of error about bounds → the schema's key, and words.
BOUNDS = {
    "greater_than": ("exclusiveMinimum", "is less than or equal to the minimum of"),
    "greater_than_equal": ("minimum", "is less than the minimum of"),
    "less_than": ("exclusiveMaximum", "is greater than or equal to the maximum of"),
    "less_than_equal": ("maximum", "is greater than the maximum of"),
}

#: The same about lengths → words.
LENGTHS = {"too_short": "is too short", "too_long": "is too long", "string_too_short": "is too short"}

#: Keys of earlier versions and what became of them, such as ``models.*.lr: moved to rate``.
MOVED: dict[str, str] = {}

Path = Sequence[int | str]


def nearest(name: str, allowed: Iterable[str]) -> str:
    """A hint such as ``; did you mean 'epochs'?``, or an empty string if nothing is near."""
    close = difflib.get_close_matches(str(name)[:LONGEST_LINE], [str(option) for option in allowed], n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def place(path: Iterable[object]) -> str:
    """A key's path as the start of a message; empty for the whole configuration."""
    parts = [str(part) if re.fullmatch(r"[\w./-]+", str(part)) else repr(part) for part in path]
    return f"{'.'.join(parts)}: " if parts else ""


def problems_of(error: ValidationError, settings: type[Settings], prefix: Path = (), hint: str = "") -> list[str]:
    """One line a problem.

    Args:
        error: of validating ``settings``; prefix: path of what was validated; hint: after *unknown key*.
    """
    schema = schema_of(settings)
    found: dict[tuple, str] = {}
    absent: dict[tuple, list[str]] = {}
    for entry in error.errors(include_url=False):
        path, inner = _located(entry["loc"], schema)
        if entry["type"] == "missing":
            absent.setdefault((*prefix, *path[:-1]), []).append(str(path[-1]))
        elif entry["type"] == "extra_forbidden":
            found[(*prefix, *path)] = unknown_key((*prefix, *path), list(inner.get("properties", {})), hint)
        else:  # of a union there is an error for each of its types: all say the same
            found.setdefault((*prefix, *path), _in_words((*prefix, *path), entry, inner))
    missing = [f"{place(path)}key {', '.join(map(repr, keys))} is missing" for path, keys in absent.items()]
    return [*missing, *found.values()]


def _located(location: Path, schema: Mapping[str, Any]) -> tuple[Path, Mapping[str, Any]]:
    """Where an error is, without pydantic's names of a union's members; and the schema there, or around an unknown key."""
    path: list[int | str] = []
    for part in location:
        if part == "[key]":  # a key itself is wrong: of what holds it
            return path[:-1], schema
        inside = schema.get("properties", {})
        if isinstance(part, int):
            path, schema = [*path, part], schema.get("items", {})
        elif part in inside:
            path, schema = [*path, part], inside[part]
        elif inside:
            return [*path, part], schema
        elif of_all := _of_all_keys(schema):
            path, schema = [*path, part], of_all
    return path, schema


def _of_all_keys(schema: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The schema of an object's values, where it holds them by any name."""
    patterns = list(schema.get("patternProperties", {}).values())
    other = schema.get("additionalProperties")
    return patterns[0] if patterns else other if isinstance(other, dict) else None


def unknown_key(path: Path, known: list[str], hint: str = "") -> str:
    """What is said of a key that is none of the known ones, or that was one in an earlier version."""
    parts = [str(part) for part in path]
    moved = MOVED.get(".".join([*parts[:1], "*", *parts[2:]] if parts[0] == "models" else parts))
    allowed = ", ".join(sorted(known))
    return place(path) + (moved or f"unknown key{hint}{nearest(parts[-1], known)} (allowed: {allowed})")


def _in_words(path: Path, error: ErrorDetails, schema: Mapping[str, Any]) -> str:
    where, given, kind = place(path), error["input"], error["type"]
    if kind == "value_error":  # of a check of ours
        return f"{where}{error['ctx']['error']}"
    if kind == "literal_error":
        if not (choices := schema.get("enum") or [schema[key] for key in ("const",) if key in schema]):
            return f"{where}expected {kinds_in_words(schema)}, found {given!r}"  # a word beside other types
        return f"{where}found {given!r}, allowed: {', '.join(map(str, choices))}{nearest(given, choices)}"
    if kind in BOUNDS:
        key, words = BOUNDS[kind]
        return f"{where}{given!r} {words} {schema[key]}"
    if kind == "string_pattern_mismatch":
        return f"{where}found {given!r}, allowed: letters, digits, '.', '_' and '-', no leading '.' or '-'"
    if kind == "string_too_long":
        return f"{where}found {given!r}, allowed: at most {error['ctx']['max_length']} characters"
    if kind in LENGTHS:
        return f"{where}{given!r} {LENGTHS[kind] if given else 'should be non-empty'}"
    return f"{where}expected {kinds_in_words(schema)}, found {given!r}"
