"""What a model tells of the reason for its answer."""

from dataclasses import dataclass

import numpy as np


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
