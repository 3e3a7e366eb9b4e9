"""Settings as tests want them."""

from typing import Any

from ionscape.config.base import schema_of
from ionscape.config.docs import MODELS
from ionscape.config.load import Config, load
from ionscape.config.model_settings import ModelSettings
from ionscape.config.sections import Sections
from ionscape.models.family import families


def model_settings(values: dict[str, Any]) -> Any:
    """A model's settings of the family that they name, with its defaults, and without the bounds of the configuration."""
    settings: type[ModelSettings] = families()[values["family"]].settings
    assert values.keys() <= settings.model_fields.keys(), values.keys() - settings.model_fields.keys()
    return settings.model_construct(**values)


def changed(settings: Any, **changes: Any) -> Any:
    """Settings, some of them others."""
    assert changes.keys() <= type(settings).model_fields.keys(), changes
    return settings.model_copy(update=changes)


def load_config(raw: Any) -> Config:
    """A configuration with every family there is."""
    return load(raw, {name: family.settings for name, family in families().items()})


def whole_schema() -> dict:
    """All keys: ``properties`` of the sections and of ``models``, ``families``: of each its models'."""
    of_families = {name: schema_of(family.settings) for name, family in families().items()}
    return {"properties": {**schema_of(Sections)["properties"], "models": MODELS}, "families": of_families}
