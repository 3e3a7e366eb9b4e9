"""Replicates that nobody declared: runs whose images are nearly the same."""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .features import band_maxima

#: Cosine similarity from which two runs are reported as near-identical.
NEAR_IDENTICAL = 0.995

#: What is compared: the maxima of this many bands of the x axis, of rows smoothed over this many bins on either side,
#: their fourth roots, so that faint ions count too.
BANDS, SMOOTHING, ROOT = 16, 4, 4

#: Rows of a similarity matrix that are computed at once.
BLOCK = 1024


def fingerprints(images: np.ndarray) -> np.ndarray:
    """What tells a run from others, without its background: float32 [n, masses · bands] of unit length.

    Args:
        images: float32 [n, masses, times], any scale.
    """
    bands = band_maxima(images, 0.0, SMOOTHING, BANDS)
    rooted = bands.reshape(len(images), bands.shape[1] * bands.shape[2]) ** (1 / ROOT)
    return rooted / np.maximum(np.linalg.norm(rooted, axis=1, keepdims=True), np.finfo(np.float32).tiny)


def alike_pairs(prints: np.ndarray, least: float) -> Iterator[tuple[int, int]]:
    """Pairs of rows (i, j), i < j, with at least this cosine similarity; prints: :func:`fingerprints`."""
    for start in range(0, len(prints), BLOCK):
        similar = prints[start : start + BLOCK] @ prints[start:].T
        for i, j in zip(*np.nonzero(np.triu(similar >= least, k=1)), strict=True):
            yield start + int(i), start + int(j)


def nearest_apart(prints: np.ndarray, folds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each run the most similar one of another fold, which its models were trained on.

    Args:
        prints: :func:`fingerprints`; folds: int [n].

    Returns:
        cosine similarity float32 [n], −1 where all are of its fold; int64 [n], which row.
    """
    cosine, row = np.empty(len(prints), dtype=np.float32), np.empty(len(prints), dtype=np.int64)
    for start in range(0, len(prints), BLOCK):
        part = slice(start, start + BLOCK)
        similar = np.where(folds[part, None] == folds, np.float32(-1), prints[part] @ prints.T)
        row[part] = similar.argmax(axis=1)
        cosine[part] = similar.max(axis=1)
    return cosine, row


def together(groups: Sequence[str], pairs: Sequence[tuple[int, int]]) -> list[str]:
    """Groups joined where a pair connects them: a name each sample, that of its first sample's group.

    Args:
        groups: of each sample; pairs: of rows.
    """
    place = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    of = np.array([place[group] for group in groups])
    rows, columns = (of[[pair[end] for pair in pairs]] for end in (0, 1))
    graph = coo_array((np.ones(len(pairs)), (rows, columns)), shape=(len(place), len(place)))
    _, component = connected_components(graph, directed=False)
    first: dict[int, str] = {}
    for name, part in zip(place, component.tolist(), strict=True):
        first.setdefault(part, name)
    return [first[part] for part in component[of].tolist()]
