"""The cells of an image, as the configuration says them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Grid:
    """The image's cells.

    Attributes:
        masses: number of rows; row m holds the intensities of m/z m.
        times: number of bins of the x axis.
        drop_masses: rounded m/z that are left out (helium).
        limits: the x axis' ends in its unit; None: each run's own smallest and largest value over the kept rows.
        statistic: of the intensities in a cell, ``sum`` (METHOD) or ``mean``.
    """

    masses: int
    times: int
    drop_masses: tuple[int, ...] = ()
    limits: tuple[float, float] | None = None
    statistic: str = "sum"
