"""METHOD.md, steps 1–3: a run as a mass × time image."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from ..config.grid import Grid
from ..data.run import Run
from ..data.run_file import RunFile
from ..errors import InputError
from .store import ROW_GROUP


def kept_rows(run: Run, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """METHOD step 1: which rows are kept, bool [rows], and the rounded mass of those, float64 [kept rows]."""
    mass = np.rint(run.mass)  # half to even
    keep = (mass >= 0) & (mass <= grid.masses - 1)
    for dropped in grid.drop_masses:
        keep &= mass != dropped
    if grid.limits is not None:
        keep &= (run.axis >= grid.limits[0]) & (run.axis <= grid.limits[1])
    return keep, mass[keep]


def axis_ends(run: Run | RunFile, grid: Grid) -> tuple[float, float]:
    """METHOD step 2: the ends of the x axis that the bins are spread over.

    Raises:
        InputError: no mass in range, or a single axis value (there is nothing to spread over the bins).
    """
    lows, highs = [], []
    for part in run:
        axis = part.axis[kept_rows(part, grid)[0]]
        if len(axis):
            lows.append(float(axis.min()))
            highs.append(float(axis.max()))
    if not lows:
        raise InputError(
            f"{run.where}no row has a mass of 0–{grid.masses - 1} other than {list(grid.drop_masses)}"
            + (f" within {grid.limits} of the x axis" if grid.limits else "")
        )
    low, high = grid.limits or (min(lows), max(highs))
    if not high > low:
        raise InputError(f"{run.where}all kept rows share one value of the x axis ({low}); a run needs at least two")
    if not high - low < np.inf:
        raise InputError(f"{run.where}the x axis goes from {low} to {high}: too far for a number")
    return low, high


@np.errstate(over="ignore", invalid="ignore")  # an infinity is looked for at the end
def render(run: Run | RunFile, grid: Grid) -> np.ndarray:
    """METHOD steps 1–3: intensities summed, or averaged, per (mass, time bin) and divided by the image's maximum.

    Args:
        run: its parts, which are gone through twice; in how many it comes makes no difference to the image.

    Returns:
        float32 [masses, times], maximum 1; negative sums stay negative.

    Raises:
        InputError: as :func:`axis_ends`, or no cell is positive, or a sum is too large for a float64, or a
            negative one too large beside the largest.
    """
    low, high = axis_ends(run, grid)
    image = np.zeros(grid.masses * grid.times)
    counts = np.zeros(len(image), dtype=np.int64)
    for part in run:
        keep, mass = kept_rows(part, grid)
        bins = np.rint((part.axis[keep] - low) / (high - low) * (grid.times - 1))
        if len(bins) and not 0 <= bins.min() <= bins.max() < grid.times:
            raise InputError(f"{run.where}it changed while it was read")
        cells = (mass * grid.times + bins).astype(np.int64)
        np.add.at(image, cells, part.intensity[keep])
        if grid.statistic == "mean":
            np.add.at(counts, cells, 1)
    if grid.statistic == "mean":
        image /= np.maximum(counts, 1)
    top = image.max()
    if not 0 < top < np.inf:
        raise InputError(f"{run.where}the largest sum of a cell's intensities must be positive and finite, it is {top}")
    image /= top  # in place: the page faults of one more array cost more than the arithmetic
    if image.min() < np.finfo(np.float32).min:
        raise InputError(f"{run.where}the smallest sum of a cell's intensities is {image.min():.3g} times the largest")
    return image.astype(np.float32).reshape(grid.masses, grid.times)


def render_images(
    runs: Sequence[tuple[str, str]],
    root: str | Path,
    columns: dict[str, str],
    grid: Grid,
    progress: Callable[[int, int], None],
) -> Iterator[tuple[list[str], np.ndarray]]:
    """Reads and renders runs, a row group at a time.

    Args:
        runs: (sample_id, path relative to ``root``) of each; columns: as :class:`.run_file.RunFile`.
        progress: called with (runs rendered, runs).

    Raises:
        InputError: as RunFile and :func:`render`, with the file's name.
    """
    for start in range(0, len(runs), ROW_GROUP):
        group = runs[start : start + ROW_GROUP]
        images = np.empty((len(group), grid.masses, grid.times), dtype=np.float32)
        for row, (_, path) in enumerate(group):
            images[row] = render(RunFile(Path(root) / path, columns), grid)
            progress(start + row + 1, len(runs))
        yield [sample for sample, _ in group], images
