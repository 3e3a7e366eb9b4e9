"""A sample of mutated runs, of which `make faults` tries thousands; and what they found, each by its name."""

import re

import numpy as np
import pytest
from hostile_instruments import instruments_of, mutated_instruments
from hostile_runs import mutated_csvs, simulated, strange_paths
from large_files import large_files
from mutations import MUTATIONS
from plain_reading import COLUMNS, GRID, plain_image

from ionscape.data.run_file import RunFile
from ionscape.errors import InputError
from ionscape.files import compressed
from ionscape.images.render import render


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
    monkeypatch.setattr(compressed, "BLOCK_BYTES", block)
    run = RunFile(path, COLUMNS)
    assert len(list(run)) > 1
    np.testing.assert_array_equal(render(run, GRID), plain_image(bases[0]))


def test_a_fault_in_a_later_part_is_named_by_its_line(tmp_path, bases, monkeypatch):
    monkeypatch.setattr(compressed, "BLOCK_BYTES", 1 << 12)
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


def test_large_files(tmp_path, bases):
    assert_well(large_files(bases[0], tmp_path))
