"""mzML."""

import xml.etree.ElementTree as ElementTree
import zlib
from pathlib import Path

import numpy as np

from ...errors import InputError
from ...files.compressed import expanded
from ..run import Columns

#: Ends of the names of such files.
ENDS = (".mzml", ".mzml.gz")


def read(path: Path) -> Columns:
    """All MS1 spectra of an mzML file, plain or ``.gz``, peak by peak.

    Raises:
        InputError: not mzML, damaged, or without an MS1 spectrum that holds a peak.
    """
    if path.suffix.lower() == ".gz":
        for _ in expanded(path):  # pymzml would expand whatever there is
            pass
    import pymzml.run  # half a second: only where a run is mzML

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
