"""The configuration, complete and checked, or everything that is wrong with it in one message."""

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import Field, SerializeAsAny, ValidationError

from ..errors import InputErrors
from .base import Settings, schema_of
from .messages import nearest, place, problems_of, unknown_key
from .model_settings import ModelSettings, Seeded
from .sections import Name, Sections
from .strange import strange
from .text import coerce

#: Name of a family → class of its models' settings.
Families = Mapping[str, type[ModelSettings]]

HEADING = "The configuration cannot be used:"


class Config(Sections):
    """The whole configuration.

    Attributes:
        models: name → settings of its family, complete; the run's seed is in theirs.
    """

    models: dict[str, SerializeAsAny[Settings]] = Field(description="One entry a model; the key is its name everywhere.")


class _Names(Settings):
    names: list[Name]


def load(raw: Any, families: Families) -> Config:
    """Checks a configuration and completes it.

    Args:
        raw: as Snakemake merged it from files and command line.
        families: the settings of every model family, by its name.

    Raises:
        InputErrors: unknown key, wrong type, impossible value; all of them, each with the key's path, what was found,
            what is allowed and the nearest valid name.
    """
    if problems := list(strange(raw)):
        raise InputErrors(HEADING, problems)
    raw = {str(key): value for key, value in raw.items()}
    parts = {key: raw.pop(key) for key in ("defaults", "models") if key in raw}
    sections = _sections(raw, problems)
    defaults = _defaults(parts.get("defaults", {}), families, problems)
    given = _named(parts, problems)
    models = {}
    for name, model in given.items():
        if (made := _model(name, model, families, defaults, problems)) is not None:
            models[name] = made
    if given and sections is not None:
        problems += _without(sections.ensemble.without, list(given))
    if sections is not None:
        for name, made in models.items():
            problems += [f"models.{name}.{problem}" for problem in made.problems(sections)]
    if problems or sections is None:
        raise InputErrors(HEADING, problems)
    complete: dict[str, Settings] = {name: _seeded(made.completed(), sections.seed) for name, made in models.items()}
    return Config.model_construct(**dict(sections), models=complete)


def _sections(raw: dict, problems: list[str]) -> Sections | None:
    """All but the models. ``problems`` is added to, here and below."""
    known = [*Sections.model_fields, "defaults", "models"]
    problems += [unknown_key((key,), known) for key in raw if key not in known]
    known_ones = {key: value for key, value in raw.items() if key in known}
    try:
        sections = Sections.model_validate(coerce(known_ones, schema_of(Sections)))
    except ValidationError as error:
        problems += problems_of(error, Sections)
        return None
    problems += sections.problems()
    return sections


def _defaults(raw: Any, families: Families, problems: list[str]) -> dict[str, dict] | None:
    """Each family's given settings; None where they are spoiled."""
    if not isinstance(raw, dict):
        problems.append(f"defaults: expected object, found {raw!r}")
        return None
    raw = {str(key): value for key, value in raw.items()}
    before = len(problems)
    for name in raw:
        if name not in families:
            words = f"unknown key{nearest(name, families)} (allowed: {', '.join(families)})"
            problems.append(f"{place(('defaults', name))}{words}")
    found = {}
    for name in (name for name in raw if name in families):
        settings = families[name]
        if not isinstance(raw[name], dict):
            problems.append(f"defaults.{name}: expected object, found {raw[name]!r}")
            continue
        values = {key: value for key, value in coerce(raw[name], schema_of(settings)).items() if key != "family"}
        if "family" in raw[name]:
            problems.append(f"defaults.{name}.family: the section says it; leave it out")
        try:
            settings.model_validate({"family": name, **values})
        except ValidationError as error:
            problems += problems_of(error, settings, ("defaults", name))
        found[name] = values
    return found if len(problems) == before else None


def _named(parts: dict, problems: list[str]) -> dict[str, Any]:
    """The models as they are given, whose names can be folders."""
    if "models" not in parts:
        problems.append("key 'models' is missing")
        return {}
    raw = parts["models"]
    if not isinstance(raw, dict) or not raw:
        expected = "is empty: name at least one model" if raw == {} else f"expected object, found {raw!r}"
        problems.append(f"models: {expected}")
        return {}
    raw = {str(key): value for key, value in raw.items()}
    for name in raw:
        try:
            _Names(names=[name])
        except ValidationError as error:
            (line,) = problems_of(error, _Names)
            problems.append(line.replace("names.0: ", "models: "))
    for names in _alike(raw):
        problems.append(f"models: {names} differ in capitals only, which some file systems do not tell apart")
    return raw


def _model(
    name: str, raw: Any, families: Families, defaults: dict[str, dict] | None, problems: list[str]
) -> ModelSettings | None:
    """One model's settings on top of its family's defaults; None where something is wrong."""
    path = ("models", name)
    if not isinstance(raw, dict):
        problems.append(f"{place(path)}expected object, found {raw!r}")
        return None
    family = raw.get("family")
    if family is None:
        problems.append(f"{place(path)}key 'family' is missing")
        return None
    if not isinstance(family, str) or family not in families:
        choices = ", ".join(families)
        problems.append(f"{place((*path, 'family'))}found {family!r}, allowed: {choices}{nearest(family, families)}")
        return None
    settings = families[family]
    own = coerce(raw, schema_of(settings))
    try:
        settings.model_validate(own)
        return settings.model_validate({**(defaults or {}).get(family, {}), **own}) if defaults is not None else None
    except ValidationError as error:
        problems += problems_of(error, settings, path, hint=f" of family {family}")
    return None


def _seeded(model: ModelSettings, seed: int) -> ModelSettings:
    """With the run's seed added to a model's own, where something is random."""
    return model.model_copy(update={"seed": model.seed + seed}) if isinstance(model, Seeded) else model


def _alike(names: Iterable[str]) -> list[str]:
    """Names that differ in capitals only, as text."""
    same: dict[str, list[str]] = {}
    for name in names:
        same.setdefault(name.lower(), []).append(name)
    return [", ".join(map(repr, group)) for group in same.values() if len(group) > 1]


def _without(without: list[str], models: list[str]) -> list[str]:
    """What is wrong with ``ensemble.without``."""
    problems = [
        f"ensemble.without: there is no model {name!r}{nearest(name, models)}" for name in without if name not in models
    ]
    return problems or (["ensemble.without: no model is left for the ensemble"] if set(models) <= set(without) else [])
