"""Summary statistics of a run."""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from ..config.grid import Grid
from ..files.artifact import decoding, read_table, write_table
from .run import Run
from .run_file import RunFile

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
    """The facts of a run, gone through part by part; raises InputError as :class:`.run_file.RunFile` does."""
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


def write_facts(path: str | Path, ids: list[str], facts: list[RunFacts]) -> None:
    """Writes runs.parquet: ``sample_id`` and a column a fact, one row a sample."""
    rows = [{"sample_id": sample, **asdict(entry)} for sample, entry in zip(ids, facts, strict=True)]
    numbers = [(name, pa.int64() if kind is int else pa.float64()) for name, kind in RunFacts.__annotations__.items()]
    write_table(pa.Table.from_pylist(rows, schema=pa.schema([("sample_id", pa.string()), *numbers])), path, "runs")


def read_facts(path: str | Path) -> dict[str, np.ndarray]:
    """runs.parquet: fact → its value of each sample, [n]. Raises InputError: missing, damaged, or of another version."""
    table, _ = read_table(path, "runs")
    with decoding(path, "runs"):
        return {name: table[name].to_numpy() for name in RunFacts.__annotations__}
