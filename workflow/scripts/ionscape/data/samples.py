"""Samples: their ids, inputs, side flags and labels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

#: The split, in the metadata and in samples.parquet, whose samples are divided into folds.
TRAIN = "train"


@dataclass(frozen=True)
class Samples:
    """Samples in the order of samples.parquet.

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
