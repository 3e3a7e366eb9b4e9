"""One run → one mass × time image (METHOD.md, *One run → one image*, steps 1–3)."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .errors import InputError
from .formats import FORMATS
from .runs import Run, RunFile
from .tables import atomic, describe, read_metadata, reading, vector_column, vectors

#: Rows of a row group: 64 images of 256 × 192 are 12 MB, so streaming stays small and loading stays fast.
ROW_GROUP = 64

#: Byte-stream split: the bytes of equal weight of neighbouring floats compress far better together.
ENCODINGS = {"sample_id": "PLAIN", "image.list.element": "BYTE_STREAM_SPLIT"}


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
        runs: (sample_id, path relative to ``root``) of each; columns: as :class:`.runs.RunFile`.
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


def shard_rows(total: int, shard: int, shards: int) -> range:
    """The rows of samples.parquet that belong to a shard (counted from 0): contiguous, sizes differ by at most 1."""
    return range(total * shard // shards, total * (shard + 1) // shards)


def image_schema(grid: Grid, normalization: str, axis: str) -> pa.Schema:
    """Schema of an image file: ``sample_id: string, image: fixed_size_list<float>[masses·times]`` and its facts."""
    schema = pa.schema(
        [("sample_id", pa.string()), ("image", pa.list_(pa.float32(), grid.masses * grid.times))],
    )
    return describe(
        schema,
        "images",
        normalization=normalization,
        masses=grid.masses,
        times=grid.times,
        mass_range=[0, grid.masses - 1],
        axis=axis,
        axis_range=list(grid.limits) if grid.limits else None,
        drop_masses=list(grid.drop_masses),
        statistic=grid.statistic,
    )


def write_images(path: str | Path, schema: pa.Schema, batches: Iterable[tuple[Sequence[str], np.ndarray]]) -> None:
    """Streams (sample_ids, images [n, masses, times]) batches into one Parquet file, a row group each."""
    with (
        atomic(path) as temporary,
        pq.ParquetWriter(
            temporary,
            schema,
            compression="zstd",
            use_dictionary=False,
            column_encoding=ENCODINGS,
            write_page_checksum=True,
        ) as writer,
    ):
        for ids, images in batches:
            column = vector_column(images.reshape(len(images), -1))
            writer.write_table(pa.Table.from_arrays([pa.array(ids, pa.string()), column], schema=schema))


def stream_images(path: str | Path) -> Iterator[tuple[list[str], np.ndarray]]:
    """Row group by row group: (sample_ids, float32 [n, masses, times]). Raises as tables.read_table."""
    facts = read_metadata(path, "images")
    with reading(path, "images"):
        file = pq.ParquetFile(path, page_checksum_verification=True)
    with file:
        for group in range(file.num_row_groups):
            with reading(path, "images"):
                table = file.read_row_group(group, use_threads=False)  # as tables.read_table
                images = vectors(table["image"]).reshape(-1, facts["masses"], facts["times"])
                ids = table["sample_id"].to_pylist()
            yield ids, images


def load_images(path: str | Path) -> tuple[list[str], np.ndarray, dict]:
    """A whole image file: (sample_ids, one contiguous float32 array [n, masses, times], facts). Raises as read_table."""
    facts = read_metadata(path, "images")
    with reading(path, "images"):
        rows = pq.read_metadata(path).num_rows
    images = np.empty((rows, facts["masses"], facts["times"]), dtype=np.float32)
    ids: list[str] = []
    for group, part in stream_images(path):  # one row group beside the result, not the whole file twice
        with reading(path, "images"):  # a damaged footer may promise fewer
            images[len(ids) : len(ids) + len(group)] = part
        ids += group
    if len(ids) != rows:
        raise InputError(f"{path}: holds {len(ids)} of {rows} images; run rule {FORMATS['images'][1]} again")
    return ids, images, facts
