"""model.json of an exported folder; and whether a folder, which may be anybody's, says what one says."""

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from ..config.base import Settings
from ..config.grid import Grid
from ..config.messages import problems_of
from ..config.sections import Features, Name, Range, Side, Unique
from ..evaluation.ensemble import Ensemble
from ..files.artifact import write_json
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


class Manifest(Settings):
    """model.json of an exported folder.

    Attributes:
        run: its name. labels, columns (of a run's file), grid, side, features: as the configuration had them.
        known: side flag → fact → its range over the training runs (:mod:`.applicability`); trained_on: how many these are.
        members: model → its folds; files: path → SHA-256.
    """

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
    files: Annotated[dict[str, str], Field(max_length=100_000)] = Field({})

    @property
    def cells(self) -> Grid:
        """The cells of its images."""
        grid = self.grid
        limits = (grid.limits[0], grid.limits[1]) if grid.limits else None
        return Grid(grid.masses, grid.times, tuple(grid.drop_masses), limits, grid.statistic)

    def write(self, path: Path) -> None:
        """Writes model.json."""
        write_json(path, self.model_dump(), "export")


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


def strange_manifest(facts: dict) -> list[str]:
    """What of model.json, which is of our format and version, is not as we write it, a line each."""
    if problems := _checked(Manifest, facts, "model.json"):
        return problems
    if len({tuple(ranges) for ranges in facts["known"].values()}) > 1:
        problems.append("model.json.known: the groups have different facts")
    if facts["grid"]["times"] % facts["features"]["bands"]:
        problems.append("model.json.features.bands: does not divide grid.times")
    return problems


def strange_ensemble(ensemble: Ensemble, members: Collection[str], labels: Collection[str]) -> list[str]:
    """What of ensemble.json is not of these members and labels, a line each."""
    problems = [] if ensemble.members else ["ensemble.json.members: there is none"]
    for place, name in enumerate(ensemble.members):
        if name not in members:
            problems.append(f"ensemble.json.members.{place}: found {name!r}, allowed: {', '.join(members)}")
    parts: dict[str, tuple[Collection[str], Collection[str]]] = {
        "weights": (ensemble.weights, members),
        "bias": (ensemble.bias, labels),
        **{f"weights.{name}": (weights, labels) for name, weights in ensemble.weights.items()},
    }
    for part, (found, wanted) in parts.items():
        problems += [f"ensemble.json.{part}: key {one!r} is missing" for one in wanted if one not in found]
        if part != "weights":  # whose keys are labels
            problems += [f"ensemble.json.{part}.{one}: unknown key" for one in found if one not in wanted]
    if not 0 < ensemble.clip < 0.5:
        problems.append(f"ensemble.json.clip: found {ensemble.clip}, allowed: above 0 and below 0.5")
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
