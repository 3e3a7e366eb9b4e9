"""One raw run, or a part of one: axis × mass × intensity."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Run:
    """A raw run, or a part of one, after METHOD step 1's first rule (missing values are 0).

    Attributes:
        axis: float64 [rows], the x axis in the file's unit (retention time in minutes, or temperature in °C).
        mass: float64 [rows], m/z.
        intensity: float64 [rows], detector counts or current.
        missing: how many cells were empty.
    """

    axis: np.ndarray
    mass: np.ndarray
    intensity: np.ndarray
    missing: int

    #: What messages about it begin with.
    where = ""

    def __iter__(self) -> Iterator["Run"]:
        """Its parts, as of :class:`RunFile`: itself."""
        yield self


#: Columns of a run: retention time in minutes, m/z, intensity, each float64 [rows].
Columns = tuple[np.ndarray, np.ndarray, np.ndarray]
