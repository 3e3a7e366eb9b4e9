"""Whether an exported folder, which may be anybody's, says what one says, before anything that it names is opened."""

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from ..config.base import Settings
from ..config.messages import problems_of
from ..config.sections import Features, Name, Range, Side, Unique
from ..models.family import families
from ..models.image.family import backbones

Text = Annotated[str, Field(min_length=1)]


class RunColumns(Settings):
    """Names of a run's columns."""

    axis: str
    mass: str
    intensity: str
    time: str


class GridFacts(Settings):
    """The cells of an image, within the configuration's bounds."""

    masses: int = Field(ge=16, le=4096)
    times: int = Field(ge=16, le=4096)
    drop_masses: list[Annotated[int, Field(ge=0, le=100_000)]]
    limits: Range | None
    statistic: Literal["sum", "mean"]


class Facts(Settings):
    """model.json of an exported folder, without its format and version."""

    run: str
    labels: Annotated[list[Text], Field(min_length=1, max_length=10_000), Unique]
    columns: RunColumns
    grid: GridFacts
    side: Side | None
    features: Features
    known: Annotated[dict[str, dict[str, Range]], Field(min_length=1)]
    trained_on: int
    members: Annotated[
        dict[Name, Annotated[list[Annotated[int, Field(ge=0, le=1000)]], Field(min_length=1, max_length=1000)]],
        Field(min_length=1, max_length=10_000),
    ]
    files: Annotated[dict[str, str], Field(min_length=1, max_length=100_000)]


class BlendFacts(Settings):
    """What of ensemble.json an answer needs."""

    members: Annotated[list[str], Field(min_length=1), Unique]
    weights: dict[str, dict[str, float]]
    bias: dict[str, float]
    clip: float = Field(gt=0, lt=0.5)


class ModelFacts(Settings):
    """What of a member's own model.json can be told without its family."""

    settings: dict[str, Any]
    labels: list[str]
    shape: Annotated[list[Annotated[int, Field(ge=1, le=4096)]], Field(min_length=2, max_length=3)] = Field([1, 1])


def _checked(settings: type[Settings], facts: dict, where: str, known_only: bool = True) -> list[str]:
    given = {key: value for key, value in facts.items() if known_only is False or key in settings.model_fields}
    try:
        settings.model_validate(given)
    except ValidationError as error:
        return problems_of(error, settings, (where,))
    return []


def strange_facts(facts: dict, ensemble: dict) -> list[str]:
    """What of model.json and ensemble.json is not as we write them, a line each; sizes have the configuration's bounds.

    Args:
        facts: model.json, of our format and version; ensemble: ensemble.json.
    """
    if problems := [*_checked(Facts, facts, "model.json"), *_checked(BlendFacts, ensemble, "ensemble.json")]:
        return problems
    members, labels = facts["members"], facts["labels"]
    if len({tuple(ranges) for ranges in facts["known"].values()}) > 1:
        problems.append("model.json.known: the groups have different facts")
    if facts["grid"]["times"] % facts["features"]["bands"]:
        problems.append("model.json.features.bands: does not divide grid.times")
    problems += [
        f"ensemble.json.members.{place}: found {name!r}, allowed: {', '.join(members)}"
        for place, name in enumerate(ensemble["members"])
        if name not in members
    ]
    numbers = {"weights": members, **{f"weights.{name}": labels for name in ensemble["weights"]}, "bias": labels}
    for place, wanted in numbers.items():
        key, _, name = place.partition(".")
        found = ensemble[key][name] if name else ensemble[key]
        problems += [f"ensemble.json.{place}: key {one!r} is missing" for one in wanted if one not in found]
    return problems


def strange_model(facts: dict, where: str) -> list[str]:
    """The same of a member's own model.json, a fitted model's settings above all.

    Args:
        where: it is, for the messages.
    """
    if problems := _checked(ModelFacts, facts, where):
        return problems
    told, place = facts["settings"], f"{where}.settings"
    if told.get("family") not in families():
        return [f"{place}.family: found {told.get('family')!r}, allowed: {', '.join(families())}"]
    given = {key: value for key, value in told.items() if key != "seed"}  # the run's seed is added
    problems = _checked(families()[told["family"]].settings, given, place, known_only=False)
    backbone = told.get("backbone") or ""
    if not problems and backbone and backbone.partition(".")[0] not in backbones()["models"]:
        problems.append(f"{place}.backbone: {backbone!r} is no model of timm's own")  # others are fetched from a hub
    return problems
