"""What is told of a run at a glance, and whether a new run looks like those that a model knows."""

from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa

from .images import Grid
from .runs import Run, RunFile

#: A new run's fact may lie this share of the known runs' range beyond it.
MARGIN = 0.1


LARGEST = float(np.finfo(np.float64).max)

#: No run has as many scans: the count stops here, so that a strange file cannot fill the memory.
MOST_SCANS = 1_000_000


@dataclass
class RunFacts:
    """One run. What METHOD step 1 defines and is therefore no error is counted.

    Attributes:
        rows: of the table; missing: empty cells; negative: negative intensities; outside: rows whose rounded mass is out of
            the images' range; off_axis: rows outside the axis limits.
        scans: different values of the x axis; axis_low, axis_high: its ends, in its unit.
        mass_low, mass_high: ends of the m/z range.
        total: sum of all intensities, in the file's unit.
    """

    rows: int = 0
    missing: int = 0
    negative: int = 0
    outside: int = 0
    off_axis: int = 0
    scans: int = 0
    axis_low: float = 0.0
    axis_high: float = 0.0
    mass_low: float = 0.0
    mass_high: float = 0.0
    total: float = 0.0


def run_facts(run: Run | RunFile, grid: Grid) -> RunFacts:
    """The facts of a run, gone through part by part; raises InputError as :class:`.runs.RunFile` does."""
    facts = RunFacts(axis_low=np.inf, axis_high=-np.inf, mass_low=np.inf, mass_high=-np.inf)
    low, high = grid.limits or (-np.inf, np.inf)
    scans = np.empty(0)
    for part in run:
        mass = np.rint(part.mass)
        facts.rows += len(mass)
        facts.missing += part.missing
        facts.negative += int((part.intensity < 0).sum())
        facts.outside += int(((mass < 0) | (mass >= grid.masses)).sum())
        facts.off_axis += int(((part.axis < low) | (part.axis > high)).sum())
        facts.axis_low = min(facts.axis_low, float(part.axis.min()))
        facts.axis_high = max(facts.axis_high, float(part.axis.max()))
        facts.mass_low = min(facts.mass_low, float(part.mass.min()))
        facts.mass_high = max(facts.mass_high, float(part.mass.max()))
        with np.errstate(over="ignore"):
            facts.total += float(part.intensity.sum())
        if len(scans) < MOST_SCANS:
            scans = np.union1d(scans, part.axis)[:MOST_SCANS]
    facts.scans = len(scans)
    facts.total = float(np.clip(facts.total, -LARGEST, LARGEST))  # of finite numbers, but infinity is no JSON
    return facts


def facts_table(ids: list[str], facts: list[RunFacts]) -> pa.Table:
    """runs.parquet's table: ``sample_id`` and a column a fact, one row a sample."""
    rows = [{"sample_id": sample, **asdict(entry)} for sample, entry in zip(ids, facts, strict=True)]
    numbers = [(name, pa.int64() if kind is int else pa.float64()) for name, kind in RunFacts.__annotations__.items()]
    return pa.Table.from_pylist(rows, schema=pa.schema([("sample_id", pa.string()), *numbers]))


#: What a new run is compared by → (words, whether its logarithm is compared, least slack).
COMPARED = {
    "scans": ("scans", True, 0.0),
    "mass_low": ("lowest m/z", False, 0.5),
    "mass_high": ("highest m/z", False, 0.5),
    "total": ("total ion current", True, 0.01),
}

#: Compared too where the images' axis has limits: a time in other units is another picture.
COMPARED_AXIS = {"axis_low": ("start of the x axis", False, 0.0), "axis_high": ("end of the x axis", False, 0.0)}


def known_ranges(table: pa.Table, side: np.ndarray, axis: bool) -> dict[str, dict[str, list[float]]]:
    """Smallest and largest value of each compared fact over the runs of each side flag: "0" or "1" → fact → [low, high].

    Args:
        table: rows of :func:`facts_table`; side: of each, 0 or 1; axis: whether the ends of the axis are compared.
    """
    facts = COMPARED | COMPARED_AXIS if axis else COMPARED
    values = {name: table[name].to_numpy() for name in facts}
    return {
        str(flag): {name: [float(f(of[side == flag])) for f in (np.min, np.max)] for name, of in values.items()}
        for flag in np.unique(side).tolist()
    }


def unlike(facts: RunFacts, known: dict[str, dict[str, list[float]]], side: int | None) -> list[str]:
    """What of a run lies well outside of what the known runs have: a phrase each, such as ``scans 12 (known: 170–321)``.

    Args:
        known: of :func:`known_ranges`; a fact may lie 10 % of the range's width beyond it.
        side: the run's side flag; None, or one that no known run has: the ranges of all are taken together.
    """
    groups = [known[str(side)]] if str(side) in known else list(known.values())
    found = []
    for name, (words, logarithmic, least) in (COMPARED | COMPARED_AXIS).items():
        if name not in groups[0]:
            continue
        value, low, high = getattr(facts, name), min(g[name][0] for g in groups), max(g[name][1] for g in groups)
        scaled = np.array([value, low, high], dtype=np.float64)
        if logarithmic:
            scaled = np.log(np.maximum(scaled, np.finfo(np.float64).tiny))
        slack = max(MARGIN * (scaled[2] - scaled[1]), least)
        if not scaled[1] - slack <= scaled[0] <= scaled[2] + slack:
            found.append(f"{words} {value:.6g} (known: {low:.6g}–{high:.6g})")
    return found
