"""Whether an exported folder, which may be anybody's, says what one says, before anything that it names is opened."""

import json
from functools import cache
from pathlib import Path

import yaml

from ..config.load import violations

SCHEMAS = Path(__file__).parents[3] / "schemas"

NUMBER = {"type": "number"}
RANGE = {"type": "array", "items": NUMBER, "minItems": 2, "maxItems": 2}
FOLDS = {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 1000}, "minItems": 1, "maxItems": 1000}


def _object(properties: dict, extra: bool = True) -> dict:
    return {"type": "object", "required": list(properties), "properties": properties, "additionalProperties": extra}


def _by_name(values: dict, **names: dict) -> dict:
    return {"type": "object", "minProperties": 1, "maxProperties": 10_000, "additionalProperties": values, **names}


def strange_facts(facts: dict, ensemble: dict) -> list[str]:
    """What of model.json and ensemble.json is not as we write them, a line each; sizes have the configuration's bounds.

    Args:
        facts: model.json, of our format and version; ensemble: ensemble.json.
    """
    keys = _config()["properties"]
    text, images, dataset = {"type": "string"}, keys["images"]["properties"], keys["dataset"]["properties"]
    limits = dataset["axis"]["properties"]["limits"]
    grid = _object(
        {**{name: images[name] for name in ("masses", "times", "drop_masses", "statistic")}, "limits": limits}, extra=False
    )
    model = {
        "run": text,
        "labels": {
            "type": "array",
            "items": {**text, "minLength": 1},
            "minItems": 1,
            "maxItems": 10_000,
            "uniqueItems": True,
        },
        "columns": _object(dict.fromkeys(("axis", "mass", "intensity", "time"), text), extra=False),
        "grid": grid,
        "side": dataset["side"],
        "features": _object(keys["features"]["properties"], extra=False),
        "known": _by_name(_by_name(RANGE)),
        "trained_on": {"type": "integer"},
        "members": _by_name(FOLDS, propertyNames=keys["models"]["propertyNames"]),
        "files": _by_name(text),
    }
    if problems := violations(facts, _object(model), "model.json"):
        return problems
    labels = _object(dict.fromkeys(facts["labels"], NUMBER), extra=False)
    blend = {
        "members": {"type": "array", "items": {"enum": list(facts["members"])}, "minItems": 1, "uniqueItems": True},
        "weights": _object(dict.fromkeys(facts["members"], labels)),
        "bias": labels,
        "clip": keys["ensemble"]["properties"]["clip"],
    }
    problems = violations(ensemble, _object(blend), "ensemble.json")
    if len({tuple(ranges) for ranges in facts["known"].values()}) > 1:
        problems.append("model.json.known: the groups have different facts")
    if facts["grid"]["times"] % facts["features"]["bands"]:
        problems.append("model.json.features.bands: does not divide grid.times")
    return problems


def strange_model(facts: dict, where: str) -> list[str]:
    """The same of a member's own model.json, a fitted model's settings above all.

    Args:
        where: it is, for the messages.
    """
    shape = {"type": "array", "items": {"type": "integer", "minimum": 1, "maximum": 4096}, "minItems": 2, "maxItems": 3}
    labels = {"type": "array", "items": {"type": "string"}}
    outline = {"type": "object", "required": ["settings", "labels"], "properties": {"shape": shape, "labels": labels}}
    families = _config()["$defs"]
    family = {"settings": {"type": "object", "required": ["family"], "properties": {"family": {"enum": list(families)}}}}
    if problems := violations(facts, {**outline, "properties": {**outline["properties"], **family}}, where):
        return problems
    settings = {key: value for key, value in facts["settings"].items() if key not in ("family", "seed")}  # run's seed added
    problems = violations(settings, families[facts["settings"]["family"]], f"{where}.settings")
    backbone = settings.get("backbone", "")
    if not problems and backbone and backbone.partition(".")[0] not in _backbones():
        problems.append(
            f"{where}.settings.backbone: {backbone!r} is no model of timm's own"
        )  # others are fetched from a hub
    return problems


@cache
def _backbones() -> dict:
    return json.loads((SCHEMAS / "backbones.json").read_text(encoding="utf-8"))["models"]


@cache
def _config() -> dict:
    return yaml.safe_load((SCHEMAS / "config.schema.yaml").read_text(encoding="utf-8"))
