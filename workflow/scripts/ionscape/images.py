"""One run → one mass × time image (METHOD.md, *One run → one image*, steps 1–3)."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .errors import InputError
from .runs import Run, read_run
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


def cells(run: Run, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """METHOD steps 1 and 2: which rows of a run are kept, and the flat cell (mass · times + bin) of each kept row.

    Returns:
        keep: bool [rows]; index: int64 [kept rows].

    Raises:
        InputError: no mass in range, or a single axis value (there is nothing to spread over the bins).
    """
    mass = np.rint(run.mass)  # half to even
    keep = (mass >= 0) & (mass <= grid.masses - 1)
    for dropped in grid.drop_masses:
        keep &= mass != dropped
    if grid.limits is not None:
        keep &= (run.axis >= grid.limits[0]) & (run.axis <= grid.limits[1])
    if not keep.any():
        raise InputError(
            f"no row has a mass of 0–{grid.masses - 1} other than {list(grid.drop_masses)}"
            + (f" within {grid.limits} of the x axis" if grid.limits else "")
        )
    axis = run.axis[keep]
    low, high = grid.limits or (axis.min(), axis.max())
    if not high > low:
        raise InputError(f"all kept rows share one value of the x axis ({low}); a run needs at least two")
    if not high - low < np.inf:
        raise InputError(f"the x axis goes from {low} to {high}: too far for a number")
    bins = np.rint((axis - low) / (high - low) * (grid.times - 1))
    return keep, (mass[keep] * grid.times + bins).astype(np.int64)


def render(run: Run, grid: Grid) -> np.ndarray:
    """METHOD steps 1–3: intensities summed, or averaged, per (mass, time bin) and divided by the image's maximum.

    Returns:
        float32 [masses, times], maximum 1; negative sums stay negative.

    Raises:
        InputError: as :func:`cells`, or no cell is positive, or a sum is too large for a float64.
    """
    keep, index = cells(run, grid)
    intensity = run.intensity if keep.all() else run.intensity[keep]
    image = np.bincount(index, weights=intensity, minlength=grid.masses * grid.times)
    if grid.statistic == "mean":
        image /= np.maximum(np.bincount(index, minlength=len(image)), 1)
    top = image.max()
    if not 0 < top < np.inf:
        raise InputError(f"the largest sum of a cell's intensities must be positive and finite, it is {top}")
    image /= top  # in place: the page faults of one more array cost more than the arithmetic
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
        runs: (sample_id, path relative to ``root``) of each; columns: as :func:`.runs.read_run`.
        progress: called with (runs rendered, runs).

    Raises:
        InputError: as read_run and :func:`render`, with the file's name.
    """
    for start in range(0, len(runs), ROW_GROUP):
        group = runs[start : start + ROW_GROUP]
        images = np.empty((len(group), grid.masses, grid.times), dtype=np.float32)
        for row, (_, path) in enumerate(group):
            run = read_run(Path(root) / path, columns)
            try:
                images[row] = render(run, grid)
            except InputError as error:
                raise InputError(f"{Path(root) / path}: {error}") from error
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
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        for group in range(file.num_row_groups):
            with reading(path, "images"):
                table = file.read_row_group(group)
            images = vectors(table["image"]).reshape(-1, facts["masses"], facts["times"])
            yield table["sample_id"].to_pylist(), images


def load_images(path: str | Path) -> tuple[list[str], np.ndarray, dict]:
    """A whole image file: (sample_ids, one contiguous float32 array [n, masses, times], facts). Raises as read_table."""
    facts = read_metadata(path, "images")
    with reading(path, "images"):
        rows = pq.read_metadata(path).num_rows
    images = np.empty((rows, facts["masses"], facts["times"]), dtype=np.float32)
    ids: list[str] = []
    for group, part in stream_images(path):  # one row group beside the result, not the whole file twice
        images[len(ids) : len(ids) + len(group)] = part
        ids += group
    return ids, images, facts
