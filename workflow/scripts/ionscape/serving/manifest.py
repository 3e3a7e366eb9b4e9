"""model.json of an exported folder; and whether a folder, which may be anybody's, says what one says."""

import math
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, ValidationError

from ..config.base import Settings
from ..config.grid import Grid
from ..config.messages import place, problems_of
from ..config.sections import Cells, Features, Masses, Name, Range, Side, Statistic, Unique
from ..evaluation.ensemble import Ensemble
from ..evaluation.novelty import REFIT, Known, fits_of
from ..files.artifact import write_json
from ..images.similarity import BANDS
from ..models.family import families

Text = Annotated[str, Field(min_length=1)]
Fold = Annotated[int, Field(ge=0, le=1000)]


class RunColumns(Settings):
    """Names of a run's columns."""

    axis: str
    mass: str
    intensity: str
    time: str


class GridFacts(Settings):
    """The cells of an image, within the configuration's bounds."""

    masses: Cells
    times: Cells
    drop_masses: Masses
    limits: Range | None
    statistic: Statistic


class Manifest(Settings):
    """model.json of an exported folder.

    Attributes:
        run: its name. labels, columns (of a run's file), grid, side, features: as the configuration had them.
        known: side flag → fact → its range over the training runs (:mod:`.applicability`); trained_on: how many these are.
        members: model → its fits: folds, or ``refit``; files: path → SHA-256.
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
        dict[Name, Annotated[list[Fold | Literal["refit"]], Field(min_length=1, max_length=1000)]],
        Field(min_length=1, max_length=10_000),
    ]
    files: Annotated[dict[str, str], Field(max_length=100_000)] = Field({})

    def fits_of(self, member: str) -> str:
        """The name of a member's fits (:mod:`.novelty`)."""
        fits = self.members[member]
        return REFIT if "refit" in fits else fits_of(len(fits))

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


def _checked(settings: type[Settings], given: dict, where: str) -> tuple[Any, list[str]]:
    try:
        return settings.model_validate(given), []
    except ValidationError as error:
        return None, problems_of(error, settings, (where,))


def _own(settings: type[Settings], facts: dict) -> dict:
    return {key: value for key, value in facts.items() if key in settings.model_fields}


def _absent(made: Settings, path: tuple[str, ...]) -> list[str]:
    """Which keys have their defaults as they are not told: a file of ours tells all."""
    lacking = [name for name in type(made).model_fields if name not in made.model_fields_set]
    found = [f"{place(path)}key {', '.join(map(repr, lacking))} is missing"] if lacking else []
    for name in made.model_fields_set:
        if isinstance(inner := getattr(made, name), Settings):
            found += _absent(inner, (*path, name))
    return found


def strange_manifest(facts: dict) -> list[str]:
    """What of model.json, which is of our format and version, is not as we write it, a line each."""
    manifest, problems = _checked(Manifest, _own(Manifest, facts), "model.json")
    if problems := problems or _absent(manifest, ("model.json",)):
        return problems
    if len({tuple(ranges) for ranges in facts["known"].values()}) > 1:
        problems.append("model.json.known: the groups have different facts")
    if facts["grid"]["times"] % facts["features"]["bands"]:
        problems.append("model.json.features.bands: does not divide grid.times")
    return problems


def strange_ensemble(ensemble: Ensemble, members: Collection[str], labels: Collection[str]) -> list[str]:
    """What of ensemble.json is not of these members and labels, a line each."""
    problems = [] if ensemble.members else ["ensemble.json.members: there is none"]
    for number, name in enumerate(ensemble.members):
        if name not in members:
            problems.append(f"ensemble.json.members.{number}: found {name!r}, allowed: {', '.join(members)}")
    parts: dict[str, tuple[Collection[str], Collection[str]]] = {
        "weights": (ensemble.weights, members),
        "bias": (ensemble.bias, labels),
        **{f"weights.{name}": (weights, labels) for name, weights in ensemble.weights.items()},
    }
    for part, (found, wanted) in parts.items():
        problems += [f"ensemble.json.{part}: key {one!r} is missing" for one in wanted if one not in found]
        if part != "weights":  # whose keys are labels
            problems += [f"ensemble.json.{part}.{one}: unknown key" for one in found if one not in wanted]
    if ensemble.novelty is not None:
        slopes = {name: own.slope for name, own in ensemble.novelty.items()}
        problems += [f"ensemble.json.novelty: key {one!r} is missing" for one in ensemble.members if one not in slopes]
        for name, own in ensemble.novelty.items():
            numbers = (*own.slope.values(), own.centre, own.scale, own.low, own.high)
            if not (all(map(math.isfinite, numbers)) and own.scale > 0 and own.low <= own.high):
                problems.append(f"ensemble.json.novelty.{name}: not what a fit gives")
        for name, slope in slopes.items():
            lacking = [one for one in labels if one not in slope]
            problems += [f"ensemble.json.novelty.{name}.slope: key {one!r} is missing" for one in lacking]
    if not 0 < ensemble.clip < 0.5:
        problems.append(f"ensemble.json.clip: found {ensemble.clip}, allowed: above 0 and below 0.5")
    return problems


def strange_known(known: Known, manifest: Manifest) -> list[str]:
    """What of known.parquet is not of this folder, a line each."""
    columns, rows = known.prints.shape[1], len(known.ids)
    expected = manifest.grid.masses * min(BANDS, manifest.grid.times)
    problems = []
    if rows == 0 or columns != expected:
        problems.append(f"known.parquet: found {rows} runs of {columns} columns, expected {expected} columns")
    if not np.isfinite(known.prints).all():
        problems.append("known.parquet: print: found a value that is no number")
    wanted = {manifest.fits_of(name) for name in manifest.members} - {REFIT}
    there = {fits_of(count) for count in known.folds}
    problems += [f"known.parquet: column {name!r} is missing" for name in sorted(wanted - there)]
    return problems


def strange_model(facts: dict, where: str) -> list[str]:
    """The same of a member's own model.json, a fitted model's settings above all.

    Args:
        where: it is, for the messages.
    """
    _, problems = _checked(ModelFacts, _own(ModelFacts, facts), where)
    if problems:
        return problems
    told, inner = facts["settings"], f"{where}.settings"
    if told.get("family") not in [*families()]:  # a list: it may be anything
        return [f"{inner}.family: found {told.get('family')!r}, allowed: {', '.join(families())}"]
    given = {key: value for key, value in told.items() if key != "seed"}  # the run's seed is added
    settings, problems = _checked(families()[told["family"]].settings, given, inner)
    return problems or [f"{inner}.{problem}" for problem in settings.strange()]
