"""Samples: the table of all of them (samples.parquet), and what models are fitted on and asked with."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa

from ..files.artifact import decoding, read_table, write_table

#: The split, in the metadata and in samples.parquet, whose samples are divided into folds.
TRAIN = "train"


@dataclass(frozen=True)
class SampleTable:
    """samples.parquet: one row a sample, in the order of the metadata.

    Attributes:
        ids: sample_ids. splits: names. side: int64 [n], 0 or 1 (METHOD step 4).
        groups: which samples belong together; the sample_id where nothing tells.
        paths: of the runs, relative to the data folder. md5: of the runs. rows: int64 [n], of the runs' tables.
        predicted: bool [n], which are to be predicted.
        labels: names. truth: float32 [n, labels], 0 or 1; NaN where unlabelled.
        submission, submission_labels: rows (sample_ids) and columns (labels) of the submission file, in its order.
    """

    ids: list[str]
    splits: list[str]
    side: np.ndarray
    groups: list[str]
    paths: list[str]
    md5: list[str]
    rows: np.ndarray
    predicted: np.ndarray
    labels: list[str]
    truth: np.ndarray
    submission: list[str]
    submission_labels: list[str]

    @cached_property
    def row_of(self) -> dict[str, int]:
        """sample_id → row."""
        return {sample: row for row, sample in enumerate(self.ids)}

    @property
    def labelled(self) -> np.ndarray:
        """Which samples have labels, bool [n]."""
        return ~np.isnan(self.truth).any(axis=1)

    def take(self, rows: np.ndarray) -> Self:
        """The samples at these rows (int or bool); the submission stays."""
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        texts = ("ids", "splits", "groups", "paths", "md5")
        parts: dict[str, Any] = {name: [getattr(self, name)[row] for row in rows] for name in texts}
        parts |= {name: getattr(self, name)[rows] for name in ("side", "rows", "predicted", "truth")}
        return replace(self, **parts)

    def train_part(self) -> Self:
        """The samples that folds are drawn of."""
        return self.take(self.of_split(TRAIN))

    def of_split(self, split: str) -> np.ndarray:
        """Which samples are in a split, bool [n]."""
        return np.array([name == split for name in self.splits], dtype=bool)

    def write(self, path: str | Path) -> None:
        """Writes samples.parquet."""
        columns = {
            "sample_id": pa.array(self.ids, pa.string()),
            "split": pa.array(self.splits, pa.string()),
            "side": pa.array(self.side, pa.int8()),
            "group": pa.array(self.groups, pa.string()),
            "path": pa.array(self.paths, pa.string()),
            "md5": pa.array(self.md5, pa.string()),
            "n_rows": pa.array(self.rows, pa.int64()),
            "predict": pa.array(self.predicted),
        }
        for name, values in zip(self.labels, self.truth.T, strict=True):
            columns[name] = pa.array(values, pa.float32(), from_pandas=True)  # null where unlabelled
        facts = {"labels": self.labels, "submission": self.submission, "submission_labels": self.submission_labels}
        write_table(pa.table(columns), path, "samples", **facts)

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """The reverse of :meth:`write`. Raises InputError: a missing or damaged file, or one of another version."""
        table, facts = read_table(path, "samples")
        with decoding(path, "samples"):
            texts = {name: table[name].to_pylist() for name in ("sample_id", "split", "group", "path", "md5")}
            return cls(
                ids=texts["sample_id"],
                splits=texts["split"],
                side=table["side"].to_numpy().astype(np.int64),
                groups=texts["group"],
                paths=texts["path"],
                md5=texts["md5"],
                rows=table["n_rows"].to_numpy(),
                predicted=table["predict"].to_numpy(),
                labels=facts["labels"],
                truth=np.column_stack([table[label].to_numpy() for label in facts["labels"]]).astype(np.float32),
                submission=facts["submission"],
                submission_labels=facts["submission_labels"],
            )


@dataclass(frozen=True)
class Samples:
    """Samples as a model sees them, in the order of samples.parquet.

    Attributes:
        ids: sample_id of each.
        inputs: float32 [n, masses, times] images (METHOD step 5), or [n, columns] features.
        side: int64 [n], 0 or 1 (METHOD step 4).
        labels: float32 [n, labels], 0 or 1; NaN where unlabelled.
    """

    ids: Sequence[str]
    inputs: np.ndarray
    side: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: np.ndarray) -> "Samples":
        """The samples at these rows (int or bool)."""
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        return Samples([self.ids[row] for row in rows.tolist()], self.inputs[rows], self.side[rows], self.labels[rows])

    def with_inputs(self, inputs: np.ndarray) -> "Samples":
        """The same samples, fed otherwise."""
        return Samples(self.ids, inputs, self.side, self.labels)
