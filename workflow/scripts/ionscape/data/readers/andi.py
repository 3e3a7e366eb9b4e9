"""ANDI-MS (ASTM E1947): classic netCDF."""

from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ..run import Columns

SECONDS = 60.0

#: Ends of the names of such files.
ENDS = (".cdf", ".nc")


def read(path: Path) -> Columns:
    """All scans of an ANDI-MS file, point by point.

    Raises:
        InputError: not classic netCDF, damaged, or without the variables of ANDI-MS.
    """
    from scipy.io import netcdf_file  # a quarter of a second: only where a run is netCDF

    names = ("scan_acquisition_time", "point_count", "mass_values", "intensity_values")
    try:
        with netcdf_file(path, "r", mmap=False) as file:
            if absent := [name for name in names if name not in file.variables]:
                raise InputError(f"{path}: is netCDF, but no ANDI-MS: variables {', '.join(absent)} are missing")
            seconds, counts, masses, intensities = (_scaled(file.variables[name]) for name in names)
    except InputError:
        raise
    except Exception as error:  # scipy tells a strange file from a good one by whatever fails first
        hint = "; netCDF-4 (HDF5) is not ANDI-MS, convert it: nccopy -k classic" if _is_hdf5(path) else ""
        raise InputError(f"{path}: cannot be read as netCDF: {type(error).__name__}: {error}{hint}") from error
    counts = counts.astype(np.int64)
    if len(masses) == 0:
        raise InputError(f"{path}: holds no point")
    if len(counts) != len(seconds) or (counts < 0).any() or not counts.sum() == len(masses) == len(intensities):
        raise InputError(
            f"{path}: {len(seconds)} scan times and {len(counts)} point counts of {counts.sum()} points do not fit "
            f"{len(masses)} masses and {len(intensities)} intensities"
        )
    return np.repeat(seconds / SECONDS, counts), masses, intensities


def _scaled(variable: Any) -> np.ndarray:
    """A variable's values times its ``scale_factor``, plus its ``add_offset``, float64: ANDI-MS may store integers."""
    values = np.asarray(variable.data, dtype=np.float64).ravel()
    return values * float(getattr(variable, "scale_factor", 1.0)) + float(getattr(variable, "add_offset", 0.0))


def _is_hdf5(path: Path) -> bool:
    try:
        with open(path, "rb") as stream:
            return stream.read(4) == b"\x89HDF"
    except OSError:
        return False
