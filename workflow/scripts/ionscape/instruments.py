"""What instruments' software exports besides CSV: mzML, and ANDI-MS (ASTM E1947, classic netCDF)."""

import xml.etree.ElementTree as ElementTree
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pymzml.run
from scipy.io import netcdf_file

from .errors import InputError
from .expansion import expanded

#: Columns of a run: retention time in minutes, m/z, intensity, each float64 [rows].
Columns = tuple[np.ndarray, np.ndarray, np.ndarray]

SECONDS = 60.0


def read_mzml(path: Path) -> Columns:
    """All MS1 spectra of an mzML file, plain or ``.gz``, peak by peak.

    Raises:
        InputError: not mzML, damaged, or without an MS1 spectrum that holds a peak.
    """
    if path.suffix.lower() == ".gz":
        for _ in expanded(path):  # pymzml would expand whatever there is
            pass
    times, masses, intensities = [], [], []
    seen = 0
    try:
        with pymzml.run.Reader(str(path)) as reader:
            for scan in reader:
                seen += 1
                if scan.ms_level not in (1, None) or len(scan.mz) == 0:
                    continue
                masses.append(np.asarray(scan.mz, dtype=np.float64))
                intensities.append(np.asarray(scan.i, dtype=np.float64))
                if len(masses[-1]) != len(intensities[-1]):
                    found = f"{len(masses[-1])} m/z and {len(intensities[-1])} intensities"
                    raise InputError(f"{path}: spectrum {seen} has {found}; the file is damaged")
                times.append(np.full(len(masses[-1]), scan.scan_time_in_minutes()))
    except InputError:
        raise
    except (ElementTree.ParseError, OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path}: cannot be read as mzML after {seen} spectra: {error}") from error
    except Exception as error:  # pymzml tells a strange file from a good one by whatever fails first
        raise InputError(f"{path}: cannot be read as mzML after {seen} spectra: {type(error).__name__}: {error}") from error
    if not times:
        raise InputError(f"{path}: holds no MS1 spectrum with peaks")
    return np.concatenate(times), np.concatenate(masses), np.concatenate(intensities)


def read_andi(path: Path) -> Columns:
    """All scans of an ANDI-MS file, point by point.

    Raises:
        InputError: not classic netCDF, damaged, or without the variables of ANDI-MS.
    """
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


def _scaled(variable) -> np.ndarray:
    """A variable's values times its ``scale_factor``, plus its ``add_offset``, float64: ANDI-MS may store integers."""
    values = np.asarray(variable.data, dtype=np.float64).ravel()
    return values * float(getattr(variable, "scale_factor", 1.0)) + float(getattr(variable, "add_offset", 0.0))


def _is_hdf5(path: Path) -> bool:
    try:
        with open(path, "rb") as stream:
            return stream.read(4) == b"\x89HDF"
    except OSError:
        return False


#: Ends of file names, in lower case → reader.
READERS: dict[str, Callable[[Path], Columns]] = {
    ".mzml": read_mzml,
    ".mzml.gz": read_mzml,
    ".cdf": read_andi,
    ".nc": read_andi,
}


def reader_of(path: Path) -> Callable[[Path], Columns] | None:
    """The reader of a file by the end of its name; None for a CSV and anything else."""
    name = path.name.lower()
    return next((reader for end, reader in READERS.items() if name.endswith(end)), None)
