"""What is made of the settings (``make docs``): their reference, and a JSON schema for editors."""

import json

import yaml

from .base import kinds_in_words, schema_of
from .load import Families
from .sections import Sections

HEADER = """# Configuration reference

Made of the settings by `make docs`; `config.yaml` and `resources/presets/` need to say only what
differs from the defaults. Any key can be set on the command line too: `--config run=NAME 'dataset={root: FOLDER}'`.

"""

#: What `models` holds; which keys a model has, its family says.
MODELS = {
    "type": "object",
    "minProperties": 1,
    "description": "One entry a model; the key is its name everywhere, `family` its kind.",
}


def _type(schema: dict) -> str:
    if "enum" in schema:
        return " \\| ".join(f"`{value}`" for value in schema["enum"])
    bounds = [
        f"{sign} {schema[key]}"
        for key, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
        if key in schema
    ]
    return kinds_in_words(schema) + (f", {', '.join(bounds)}" if bounds else "")


def _default(schema: dict) -> str:
    if "default" not in schema:
        return ""
    return f"`{yaml.safe_dump(schema['default'], default_flow_style=True).removesuffix('...' + chr(10)).strip()}`"


def _rows(properties: dict, prefix: str = "") -> list[str]:
    rows = []
    for name, schema in properties.items():
        if "properties" in schema:
            rows.append(f"| **`{prefix}{name}`** | | {_default(schema) if prefix else ''} | {schema['description']} |")
            rows += _rows(schema["properties"], f"{prefix}{name}.")
        else:
            rows.append(f"| `{prefix}{name}` | {_type(schema)} | {_default(schema)} | {schema['description']} |")
    return rows


def reference(families: Families) -> str:
    """The settings as Markdown: a table of all keys, then one of each model family's."""
    table = "| key | type | default | meaning |\n|---|---|---|---|\n"
    properties = schema_of(Sections)["properties"] | {"models": MODELS}
    parts = [HEADER, "## Keys\n\n", table, "\n".join(_rows(properties)), "\n"]
    for family, settings in families.items():
        schema = schema_of(settings)
        own = {key: value for key, value in schema["properties"].items() if key != "family"}
        parts += [
            f"\n## Models of family `{family}`\n\n{schema['description']}\nKeys of `models.NAME`; "
            f"`defaults.{family}` sets them for all models of the family.\n\n",
            table,
            "\n".join(_rows(own)),
            "\n",
        ]
    return "".join(parts)


def editor_schema(families: Families) -> str:
    """The JSON schema of a whole configuration, for editors that complete and check YAML while it is written."""
    sections = schema_of(Sections)
    references = {name: {"$ref": f"#/$defs/{name}"} for name in families}
    of_model = {"required": ["family"], "oneOf": list(references.values())}
    content = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of ionscape",
        **sections,
        "properties": {
            **sections["properties"],
            "defaults": {"type": "object", "additionalProperties": False, "properties": references},
            "models": {**MODELS, "additionalProperties": of_model},
        },
        "required": ["models"],
        "$defs": {name: schema_of(settings) for name, settings in families.items()},
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
