"""Images as Parquet: shards of raw ones, one file a normalization."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..config.grid import Grid
from ..errors import InputError
from ..files.artifact import describe, read_metadata, reading
from ..files.atomic import atomic
from ..files.vectors import vector_column, vectors
from ..files.versions import FORMATS

#: Rows of a row group: 64 images of 256 × 192 are 12 MB, so streaming stays small and loading stays fast.
ROW_GROUP = 64

#: Byte-stream split: the bytes of equal weight of neighbouring floats compress far better together.
ENCODINGS = {"sample_id": "PLAIN", "image.list.element": "BYTE_STREAM_SPLIT"}


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
    """Row group by row group: (sample_ids, float32 [n, masses, times]). Raises as artifact.read_table."""
    facts = read_metadata(path, "images")
    with reading(path, "images"):
        file = pq.ParquetFile(path, page_checksum_verification=True)
    with file:
        for group in range(file.num_row_groups):
            with reading(path, "images"):
                table = file.read_row_group(group, use_threads=False)  # as artifact.read_table
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


def load_some(paths: Iterable[str], wanted: set[str]) -> tuple[list[str], np.ndarray]:
    """The images of some samples out of shards: (sample_ids, float32 [n, masses, times])."""
    ids, parts = [], []
    for path in paths:
        for names, images in stream_images(path):
            rows = [row for row, name in enumerate(names) if name in wanted]
            ids += [names[row] for row in rows]
            parts.append(images[rows])
    return ids, np.concatenate(parts)
