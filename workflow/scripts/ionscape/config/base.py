"""What all settings have in common: strict types, whole numbers that stay whole, and their JSON schema."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, model_validator


class Settings(BaseModel):
    """A section of the configuration: each field has a type, bounds, a default and a description, and nothing else is one.

    Instances are frozen. Numbers are finite, and stay as they are given: 1 in a file is not 1.0 where settings are hashed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    @model_validator(mode="wrap")
    @classmethod
    def _keep_numbers(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        made = handler(given)
        if isinstance(given, dict):
            for name in given.keys() & cls.model_fields.keys():
                made.__dict__[name] = _as_given(made.__dict__[name], given[name])
        return made


def _as_given(made: Any, given: Any) -> Any:
    """The validated value with whole numbers as they were given, in lists too."""
    if isinstance(made, float) and isinstance(given, int):
        return given
    if isinstance(made, list):
        return [_as_given(*pair) for pair in zip(made, given, strict=True)]
    return made


@cache
def schema_of(settings: type[Settings]) -> dict:
    """The JSON schema of a section: references are resolved, and ``type`` is a list where there are several.

    In place of pydantic's ``anyOf`` of simple types, which neither a reader nor an editor's hint needs.
    """
    schema = settings.model_json_schema()
    return _plain(schema, schema.get("$defs", {}))


def _plain(schema: dict, definitions: dict) -> dict:
    if "$ref" in schema:
        schema = {**definitions[schema["$ref"].rpartition("/")[2]], **schema}
    options = [_plain(option, definitions) for option in schema.get("anyOf", [])]
    merged: dict[str, Any] = {}
    for option in options:
        if "const" in option:  # one word beside other types
            option = {"type": "string", "pattern": f"^{option['const']}$"}
        merged |= {key: value for key, value in option.items() if key not in ("type", "description")}
    if options:
        merged["type"] = [kind for option in options for kind in types_of(option)]
    plain = {**merged, **{key: value for key, value in schema.items() if key not in ("anyOf", "$ref", "$defs", "title")}}
    if "properties" in plain:
        plain["properties"] = {name: _plain(inner, definitions) for name, inner in plain["properties"].items()}
        if "default" in plain:
            plain["default"] = {}  # each key has its own
    for key in ("items", "additionalProperties"):
        if isinstance(plain.get(key), dict):
            plain[key] = _plain(plain[key], definitions)
    if "patternProperties" in plain:
        plain["patternProperties"] = {key: _plain(inner, definitions) for key, inner in plain["patternProperties"].items()}
    return plain


def word_of(schema: Mapping[str, Any]) -> str | None:
    """The only text that a value of several types may be, such as ``auto`` beside integers; None if there is none."""
    kinds, pattern = types_of(schema), schema.get("pattern", "")
    return pattern.removeprefix("^").removesuffix("$") if len(kinds) > 1 and "string" in kinds and pattern else None


def kinds_in_words(schema: Mapping[str, Any]) -> str:
    """``integer or null``, or with a word ``integer or auto``."""
    return " or ".join((word_of(schema) or kind) if kind == "string" else kind for kind in types_of(schema))


def types_of(schema: Mapping[str, Any]) -> list[str]:
    """JSON schema's words for the types that a value may have: ``integer``, ``null``, …"""
    kinds = schema.get("type", [])
    return [kinds] if isinstance(kinds, str) else kinds
