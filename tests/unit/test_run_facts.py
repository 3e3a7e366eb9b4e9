"""Facts of runs, and which new ones do not look like those that are known."""

import numpy as np
import pytest

from ionscape.config.grid import Grid
from ionscape.data.run import Run
from ionscape.data.run_facts import RunFacts, read_facts, run_facts, write_facts
from ionscape.serving.applicability import known_ranges, unlike


def run(axis, mass, intensity):
    return Run(*(np.array(part, dtype=np.float64) for part in (axis, mass, intensity)), missing=3)


def test_facts_of_a_run():
    found = run_facts(run([0, 2, 1, 1, 2], [-1, 15.4, 15.5, 20, 3], [1, -2, 4, 8, 0]), Grid(16, 8, limits=(0, 1.5)))
    assert vars(found) == {
        "rows": 5,
        "missing": 3,
        "negative": 1,
        "outside": 3,  # −1, 20, and 15.5, which rounds to 16
        "off_axis": 2,
        "scans": 3,
        "axis_low": 0,
        "axis_high": 2,
        "mass_low": -1,
        "mass_high": 20,
        "total": 11,
    }


def test_known_ranges_and_the_table(tmp_path):
    facts = [
        RunFacts(scans=100, mass_low=1, mass_high=99, total=5.0),
        RunFacts(scans=150, mass_low=2, mass_high=98, total=1.0),
    ]
    write_facts(tmp_path / "runs.parquet", ["a", "b"], facts)
    table = read_facts(tmp_path / "runs.parquet")
    assert list(table) == list(RunFacts.__annotations__)
    assert table["scans"].tolist() == [100, 150]
    both = {"scans": [100, 150], "mass_low": [1, 2], "mass_high": [98, 99], "total": [1, 5]}
    assert known_ranges(table, np.array([0, 0]), axis=False) == {"0": both}
    apart = known_ranges(table, np.array([1, 0]), axis=True)
    assert apart["1"]["scans"] == [100, 100]
    assert apart["0"]["axis_high"] == [0, 0]


RANGES = {"scans": [100, 200], "mass_low": [10, 12], "mass_high": [90, 100], "total": [1e6, 1e8]}
LIKE = {"scans": 120, "mass_low": 11, "mass_high": 99, "total": 1e7}
OTHER = {name: [low * 2, high * 2] for name, (low, high) in RANGES.items()}


@pytest.mark.parametrize(
    ("changes", "phrases"),
    [
        ({}, []),
        ({"scans": 95}, []),  # a tenth of the range beyond it is as well
        ({"scans": 90}, ["scans 90 (known: 100–200)"]),
        ({"total": 7e5}, []),
        ({"total": 1e5}, ["total ion current 100000 (known: 1e+06–1e+08)"]),
        ({"total": 0.0}, ["total ion current 0 (known: 1e+06–1e+08)"]),
        ({"mass_high": 101.1, "mass_low": 9}, ["lowest m/z 9 (known: 10–12)", "highest m/z 101.1 (known: 90–100)"]),
    ],
)
def test_what_is_unlike_the_known_runs(changes, phrases):
    assert unlike(RunFacts(**{**LIKE, **changes}), {"0": RANGES, "1": OTHER}, 0) == phrases


def test_a_run_is_compared_with_those_of_its_side():
    known, run = {"0": RANGES, "1": OTHER}, RunFacts(**{**LIKE, "scans": 300})
    assert [unlike(run, known, side)[:1] for side in (0, None)] == [["scans 300 (known: 100–200)"], []]
    assert [phrase.split(" (")[0] for phrase in unlike(run, known, 1)] == ["lowest m/z 11", "highest m/z 99"]


def test_rounding_is_no_difference_and_units_are():
    known = {"0": {**RANGES, "mass_low": [50.1, 50.1], "axis_low": [0, 10], "axis_high": [1700, 1800]}}
    run = RunFacts(**{**LIKE, "mass_low": 50.0999985, "axis_low": 0, "axis_high": 30})  # minutes for seconds
    assert unlike(run, known, 0) == ["end of the x axis 30 (known: 1700–1800)"]
