"""Replicates in different folds: each sample's most similar run that its models were trained on."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa

from ..files.artifact import decoding, read_table, write_table
from ..images.similarity import nearest_apart
from .folds import ALWAYS, Folds

#: Cosine similarity of images from which two runs are called near-identical.
NEAR_IDENTICAL = 0.995


@dataclass(frozen=True)
class Replicates:
    """replicates.parquet: of each sample that validates a fold its most similar run of another fold.

    Attributes:
        ids, nearest: sample_ids; similarity: cosine of their images, float32 [n].
    """

    ids: list[str]
    nearest: list[str]
    similarity: np.ndarray

    def write(self, path: str | Path) -> None:
        """Writes replicates.parquet."""
        columns = {"sample_id": self.ids, "nearest": self.nearest, "similarity": pa.array(self.similarity, pa.float32())}
        write_table(pa.table(columns), path, "replicates")

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """The reverse of :meth:`write`. Raises InputError: a missing or damaged file, or one of another version."""
        table, _ = read_table(path, "replicates")
        with decoding(path, "replicates"):
            return cls(table["sample_id"].to_pylist(), table["nearest"].to_pylist(), table["similarity"].to_numpy())

    @property
    def near_identical(self) -> np.ndarray:
        """Which have a near-identical run in another fold, bool [n]."""
        return self.similarity >= NEAR_IDENTICAL

    @property
    def warning(self) -> str | None:
        """What to say of near-identical runs, if there are any."""
        near = int(self.near_identical.sum())
        if not near:
            return None
        first = int(self.similarity.argmax())
        return (
            f"{near} of {len(self.ids)} samples have a near-identical run in another fold, such as {self.ids[first]} has "
            f"{self.nearest[first]} (cosine similarity {self.similarity[first]:.4f}): if new samples are no replicates of "
            f"these, scores are optimistic; folds.alike: {NEAR_IDENTICAL} keeps such runs together"
        )


def find_replicates(folds: Folds, prints: np.ndarray) -> Replicates:
    """The most similar run of another fold. ``prints``: fingerprints of the samples that have a fold, in its order."""
    ids, fold = list(folds.of), np.array(list(folds.of.values()))
    cosine, row = nearest_apart(prints, fold)
    validated = np.flatnonzero(fold > ALWAYS)
    return Replicates([ids[n] for n in validated], [ids[row[n]] for n in validated], cosine[validated])
