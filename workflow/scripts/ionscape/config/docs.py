"""docs/config.md: the reference of the configuration, made of its schema (``make docs``)."""

import sys
from pathlib import Path

import yaml

from ..files.atomic import write_text

HEADER = """# Configuration reference

Made of `workflow/schemas/config.schema.yaml` by `make docs`; `config.yaml` and `resources/presets/` need to say only what
differs from the defaults. Any key can be set on the command line too: `--config run=NAME 'dataset={root: FOLDER}'`.

"""


def _type(schema: dict) -> str:
    if "enum" in schema:
        return " \\| ".join(f"`{value}`" for value in schema["enum"])
    kinds = schema.get("type", "any")
    kinds = [kinds] if isinstance(kinds, str) else kinds
    bounds = [
        f"{sign} {schema[key]}"
        for key, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
        if key in schema
    ]
    return " or ".join(kinds) + (f", {', '.join(bounds)}" if bounds else "")


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


def reference(schema: dict) -> str:
    """The schema as Markdown: a table of all keys, then one of each model family's settings."""
    table = "| key | type | default | meaning |\n|---|---|---|---|\n"
    sections = {key: value for key, value in schema["properties"].items() if key != "defaults"}
    parts = [HEADER, "## Keys\n\n", table, "\n".join(_rows(sections)), "\n"]
    for family, settings in schema["$defs"].items():
        parts += [
            f"\n## Models of family `{family}`\n\n{settings['description']}\nKeys of `models.NAME`; "
            f"`defaults.{family}` sets them for all models of the family.\n\n",
            table,
            "\n".join(_rows(settings["properties"])),
            "\n",
        ]
    return "".join(parts)


if __name__ == "__main__":
    content = yaml.safe_load(Path(sys.argv[1]).read_text(encoding="utf-8"))
    write_text(sys.argv[2], reference(content))
