"""Runs of instruments' software: mzML as psims writes it, ANDI-MS as SciPy does; both against the same numbers as CSV."""

import gzip
import re

import numpy as np
import pytest
from reading import read_run
from scipy.io import netcdf_file
from writers import write_andi, write_mzml

from ionscape.errors import InputError

COLUMNS = {"axis": "time", "mass": "m/z", "intensity": "counts", "time": "time"}


@pytest.fixture
def run():
    """Scans of 0–4 points: minutes, m/z with a decimal, counts."""
    rng = np.random.default_rng(0)
    points = [n % 5 for n in range(40)]
    times = [round(0.25 + n / 100, 4) for n in range(40)]
    return [(t, np.sort(rng.integers(20, 2000, k)) / 10, rng.random(k) * 1e5) for t, k in zip(times, points, strict=True)]


def write_csv(path, scans):
    rows = [
        f"{minutes},{mass},{float(count)!r}"
        for minutes, masses, counts in scans
        for mass, count in zip(masses, counts, strict=True)
    ]
    path.write_text("\n".join(["time,m/z,counts", *rows]) + "\n")


def assert_same(path, scans):
    read = read_run(path, COLUMNS)
    for array, expected in zip(
        (read.axis, read.mass, read.intensity),
        (
            [minutes for minutes, masses, _ in scans for _ in masses],
            np.concatenate([masses for _, masses, _ in scans]),
            np.concatenate([counts for _, _, counts in scans]),
        ),
        strict=True,
    ):
        assert array.dtype == np.float64
        np.testing.assert_allclose(array, expected, rtol=1e-6)
    assert read.missing == 0


@pytest.mark.parametrize("unit", ["minute", "second"])
def test_mzml(tmp_path, run, unit):
    write_mzml(tmp_path / "run.mzML", run, unit=unit)
    assert_same(tmp_path / "run.mzML", run)
    (tmp_path / "packed.mzML.gz").write_bytes(gzip.compress((tmp_path / "run.mzML").read_bytes()))
    assert_same(tmp_path / "packed.mzML.gz", run)


@pytest.mark.parametrize("scaled", [{}, {"intensity_values": 4.0}])
def test_andi(tmp_path, run, scaled):
    write_andi(tmp_path / "RUN.CDF", run, **scaled)
    assert_same(tmp_path / "RUN.CDF", run)


def test_csv_is_the_same_run(tmp_path, run):
    write_csv(tmp_path / "run.csv", run)
    assert_same(tmp_path / "run.csv", run)


def test_spectra_of_fragments_are_no_part_of_the_run(tmp_path, run):
    write_mzml(tmp_path / "run.mzML", run, level=2)
    with pytest.raises(InputError, match=r"run\.mzML: holds no MS1 spectrum with peaks"):
        read_run(tmp_path / "run.mzML", COLUMNS)


def test_an_axis_that_instruments_do_not_tell(tmp_path, run):
    write_mzml(tmp_path / "run.mzML", run)
    with pytest.raises(InputError, match="knows retention time only, the x axis is column 'temp'"):
        read_run(tmp_path / "run.mzML", {**COLUMNS, "axis": "temp"})


def test_a_spectrum_with_more_masses_than_intensities(tmp_path, run):
    """It ended in an IndexError."""
    minutes, masses, counts = run[3]
    write_mzml(tmp_path / "run.mzML", [*run[:3], (minutes, masses, counts[:-1]), *run[4:]])
    with pytest.raises(InputError, match=r"run\.mzML: spectrum 4 has 3 m/z and 2 intensities; the file is damaged"):
        read_run(tmp_path / "run.mzML", COLUMNS)


@pytest.mark.parametrize("kind", ["mzML", "mzML.gz", "cdf"])
@pytest.mark.parametrize("share", [0, 0.3, 0.9])
def test_a_file_that_ends_early(tmp_path, run, kind, share):
    path = tmp_path / f"run.{kind}"
    write_andi(path, run) if kind == "cdf" else write_mzml(tmp_path / "run.mzML", run)
    whole = path.read_bytes() if kind != "mzML.gz" else gzip.compress((tmp_path / "run.mzML").read_bytes())
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(InputError, match=rf"{re.escape(str(path))}: (cannot be read|holds no|\d+ scan times)"):
        read_run(path, COLUMNS)


def test_netcdf_that_is_something_else(tmp_path):
    with netcdf_file(tmp_path / "x.nc", "w") as file:
        file.createDimension("n", 2)
        file.createVariable("temperature", "d", ("n",))[:] = [1, 2]
    with pytest.raises(InputError, match="no ANDI-MS: variables scan_acquisition_time, point_count, mass_values"):
        read_run(tmp_path / "x.nc", COLUMNS)
    (tmp_path / "y.nc").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(InputError, match="netCDF-4"):
        read_run(tmp_path / "y.nc", COLUMNS)


def test_counts_that_do_not_fit(tmp_path, run):
    write_andi(tmp_path / "run.cdf", run)
    with netcdf_file(tmp_path / "run.cdf", "a") as file:
        file.variables["point_count"][3] = 99
    with pytest.raises(InputError, match="do not fit"):
        read_run(tmp_path / "run.cdf", COLUMNS)
