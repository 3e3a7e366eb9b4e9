"""What every family is fitted on, and how it tells the reason of what it predicts."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


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
        return Samples([self.ids[row] for row in rows], self.inputs[rows], self.side[rows], self.labels[rows])


@dataclass(frozen=True)
class Evidence:
    """What speaks for a label in each of n samples, as one model sees it; positive for the label, negative against it.

    Attributes:
        masses: float32 [n, masses], of each m/z; the family says in which unit.
        image: float32 [n, masses, times], of each cell; None where a family knows masses only.
        curve: float32 [n, times], the probability of its label in each time bin, times how much the bin counts relative to
            the one that counts most; None where a family does not look at bins one by one.
        top: of each sample the inputs that count most, (name, contribution); None where inputs have no names.
    """

    masses: np.ndarray
    image: np.ndarray | None = None
    curve: np.ndarray | None = None
    top: list[list[tuple[str, float]]] | None = None
