"""A sample of mutated runs, of which `make faults` tries thousands; and what they found, each by its name."""

import gzip
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hostile_runs import (
    COLUMNS,
    GRID,
    MUTATIONS,
    instruments_of,
    mutated_csvs,
    mutated_instruments,
    plain_image,
    simulated,
    strange_paths,
)

from ionscape import expansion
from ionscape.errors import InputError
from ionscape.images import render
from ionscape.runs import RunFile


@pytest.fixture(scope="module")
def bases():
    return simulated(runs=2, rows=300)


def assert_well(outcomes):
    assert not [problem for outcome in outcomes for problem in outcome.problems]
    assert all(outcome.tried for outcome in outcomes)


def test_mutated_csvs(tmp_path, bases):
    assert_well(mutated_csvs(bases, 12 * len(MUTATIONS), 1, tmp_path))


def test_mutated_instruments(tmp_path, bases):
    assert_well(mutated_instruments(instruments_of(bases[0], tmp_path), 150, 1, tmp_path))


def test_strange_paths(tmp_path):
    assert_well(strange_paths(tmp_path))


@pytest.mark.parametrize("block", [1 << 11, 1 << 12])
def test_parts_make_the_same_image(tmp_path, bases, monkeypatch, block):
    path = tmp_path / "run.csv"
    path.write_bytes(bases[0] + b"\n\n" * block)  # a whole block of blank lines too
    monkeypatch.setattr(expansion, "BLOCK_BYTES", block)
    run = RunFile(path, COLUMNS)
    assert len(list(run)) > 1
    np.testing.assert_array_equal(render(run, GRID), plain_image(bases[0]))


def test_a_fault_in_a_later_part_is_named_by_its_line(tmp_path, bases, monkeypatch):
    monkeypatch.setattr(expansion, "BLOCK_BYTES", 1 << 12)
    path = tmp_path / "run.csv"
    lines = bases[0].splitlines()
    path.write_bytes(b"\n".join([*lines[:250], b'1,2,"x\ny"', *lines[250:]]))
    with pytest.raises(InputError, match=re.escape(f"{path}, line 251, column 'intensity': 'x\\ny' is not a number")):
        list(RunFile(path, COLUMNS))


def test_a_negative_sum_beyond_float32(run_csv):
    """It made an image with -inf."""
    path = run_csv("0,1,1e-300", "1,2,-1e300")
    with pytest.raises(InputError, match=r"the smallest sum of a cell's intensities is -inf times the largest"):
        render(RunFile(path, COLUMNS), GRID)


@pytest.mark.parametrize("text", [" ", " nan", "\t"])
def test_a_blank_that_arrow_does_not_take(run_csv, text):
    """It was said to be no CSV, without its line."""
    path = run_csv("0,1,2", f"1,2,{text}")
    with pytest.raises(InputError, match=re.escape(f"line 3, column 'intensity': {text!r} is not a number")):
        list(RunFile(path, COLUMNS))


def test_a_name_too_long(tmp_path):
    with pytest.raises(InputError, match=r"the run does not exist"):
        list(RunFile(tmp_path / ("long" * 100 + ".csv"), COLUMNS))


RENDER = r"""
import re, sys, time
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from hostile_runs import COLUMNS, GRID
from ionscape.errors import InputError
from ionscape.images import render
from ionscape.runs import RunFile
started = time.monotonic()
try:
    print(render(RunFile(sys.argv[1], COLUMNS), GRID).shape)
except InputError as error:
    print(error)
# Not getrusage: it counts what the parent had when it started this process.
peak = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())[1]
print(time.monotonic() - started, int(peak) / 1024)
"""


def rendered(path: Path) -> tuple[str, float, float]:
    """What is said of it, seconds, and the peak of the process' memory in MiB."""
    folders = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "workflow/scripts")]
    done = subprocess.run(
        [sys.executable, "-c", RENDER, path, *folders], capture_output=True, text=True, check=True, timeout=100
    )
    said, facts = done.stdout.rsplit("\n", 2)[:2]
    return said, *map(float, facts.split())


def test_memory_of_a_large_run(tmp_path, bases):
    path = tmp_path / "run.csv"
    head, rows = bases[0].split(b"\n", 1)
    with open(path, "wb") as stream:
        stream.write(head + b"\n")
        for _ in range(200_000_000 // len(rows)):
            stream.write(rows)
    said, _, memory = rendered(path)
    assert said == f"({GRID.masses}, {GRID.times})"
    assert memory <= 400


@pytest.mark.parametrize("row", [b"0,1,2\n", b"0"])
def test_a_bomb(tmp_path, row):
    """10 GB, of rows and without any."""
    path = tmp_path / "run.csv.gz"
    block = gzip.compress(row * (10_000_000 // len(row)))
    path.write_bytes(gzip.compress(b"time,mass,intensity\n") + block * 1000)
    said, seconds, memory = rendered(path)
    assert re.search("expands to more than 100 times its size|has a line of more than 4 MiB", said)
    assert seconds <= 10
    assert memory <= 400
