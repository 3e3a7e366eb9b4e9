"""docs/config.md and the editors' schema are what the settings make of them, and name every key."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from ionscape.config.docs import editor_schema, reference
from ionscape.config.model_settings import ModelSettings
from ionscape.models.family import families

ROOT = Path(__file__).parents[2]
SETTINGS = {name: family.settings for name, family in families().items()}


def test_the_reference_is_up_to_date():
    assert (ROOT / "docs/config.md").read_text(encoding="utf-8") == reference(SETTINGS), "run make docs"
    schema = (ROOT / "workflow/schemas/config.schema.json").read_text(encoding="utf-8")
    assert schema == editor_schema(SETTINGS), "run make docs"


class Backbone(ModelSettings):
    """A backbone."""

    share: float = Field(0.5, ge=0, lt=1, description="Share.")
    head: Literal["full", "mass_flat"] = Field("full", description="Head.")


def test_a_row_says_type_bounds_default_and_meaning():
    text = reference({"image": Backbone})
    assert "| `folds.count` | integer, ≥ 2, ≤ 50 | `5` | Number of folds. |" in text
    assert "| `share` | number, ≥ 0, < 1 | `0.5` | Share. |" in text
    assert "| `head` | `full` \\| `mass_flat` | `full` | Head. |" in text
