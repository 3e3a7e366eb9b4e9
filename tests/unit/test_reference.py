"""docs/config.md is what the schema makes of it, and names every key."""

from pathlib import Path

import yaml

from ionscape.config.docs import reference

ROOT = Path(__file__).parents[2]


def test_the_reference_is_up_to_date():
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))
    assert (ROOT / "docs/config.md").read_text(encoding="utf-8") == reference(schema), "run make docs"


def test_a_row_says_type_bounds_default_and_meaning():
    key = {"type": "number", "minimum": 0, "exclusiveMaximum": 1, "default": 0.5, "description": "Share."}
    schema = {
        "properties": {"images": {"properties": {"share": key}, "description": "Images."}, "defaults": {}},
        "$defs": {"image": {"description": "A backbone.", "properties": {"head": {**key, "enum": ["full", "mass_flat"]}}}},
    }
    text = reference(schema)
    assert "| `images.share` | number, ≥ 0, < 1 | `0.5` | Share. |" in text
    assert "| `head` | `full` \\| `mass_flat` | `0.5` | Share. |" in text
