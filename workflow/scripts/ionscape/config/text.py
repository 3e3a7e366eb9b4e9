"""The text of a command line as the values that it means: the type of the key decides."""

from datetime import date
from typing import Any

import yaml

from .base import types_of, word_of
from .strange import strange

#: Texts that are no strings where another type is allowed too, in YAML's and in Python's spelling.
YAML_WORDS = ("null", "None", "true", "false", "True", "False")


def coerce(value: Any, schema: dict) -> Any:
    """Nested ``--config`` overrides arrive as strings, and ``run=2024`` as a number: the schema's type decides."""
    kinds = types_of(schema)
    word = word_of(schema)
    is_text = "string" in kinds and (word is None or value == word)
    if isinstance(value, str) and kinds and (not is_text or value in YAML_WORDS):
        text = "null" if value == "None" else value
        parsed = _parsed(text)
        # YAML 1.1 reads 1e-3 as a string.
        if isinstance(parsed, str) and "number" in kinds:
            try:
                parsed = float(parsed)
            except ValueError:
                return value
        if (parsed is None and "null" not in kinds) or (isinstance(parsed, bool) and "boolean" not in kinds):
            return value
        value = parsed
    if isinstance(value, float) and value.is_integer() and "integer" in kinds:
        return int(value)  # JSON schema takes 20.0 as an integer
    if isinstance(value, int | float) and not isinstance(value, bool) and "string" in kinds:
        return value if {"integer", "number"} & set(kinds) else str(value)
    if isinstance(value, date) and "string" in kinds:
        return value.isoformat()  # a run, or a folder, of that name
    if isinstance(value, dict):
        inner, other = schema.get("properties", {}), schema.get("additionalProperties")
        other = other if isinstance(other, dict) else {}
        # YAML reads a key such as 2024 as a number.
        return {str(key): coerce(item, inner.get(str(key), other)) for key, item in value.items()}
    if isinstance(value, list):
        return [coerce(item, schema.get("items", {})) for item in value]
    return value


def _parsed(text: str) -> Any:
    """What YAML reads in a text, or the text if that is nothing for a configuration."""
    try:
        value = yaml.safe_load(text)
    except Exception:  # PyYAML meets what it cannot make of a text with ValueError, KeyError, RecursionError, …
        return text
    return text if any(strange({"value": value})) else value
