"""Replicates that nobody declared: runs whose images are nearly the same."""

from collections.abc import Collection, Iterable, Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .features import band_maxima
from .store import stream_images

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


def fingerprints_of(paths: Iterable[str], wanted: Collection[str]) -> np.ndarray:
    """The :func:`fingerprints` of some samples' images, of these shards, in the shards' order."""
    parts = [
        fingerprints(images[[sample in wanted for sample in ids]]) for path in paths for ids, images in stream_images(path)
    ]
    return np.concatenate(parts)


def together(groups: Sequence[str], prints: np.ndarray, least: float) -> list[str]:
    """Groups joined where two of their samples are alike, chains of such groups too: a name each sample.

    Args:
        groups: of each sample; prints: their :func:`fingerprints`; least: cosine similarity from which two are alike.
    """
    place = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    of = np.array([place[group] for group in groups])
    first = np.arange(len(place))  # of each group, the first that it is joined with
    for start in range(0, len(prints), BLOCK):
        rows, columns = np.nonzero(prints[start : start + BLOCK] @ prints.T >= least)
        ends = np.concatenate([[of[start + rows], of[columns]], [np.arange(len(first)), first]], axis=1)
        graph = coo_array((np.ones(ends.shape[1], dtype=bool), ends), shape=(len(first), len(first)))
        _, part = connected_components(graph, directed=False)
        first = np.unique(part, return_index=True)[1][part]
    names = list(place)
    return [names[number] for number in first[of]]


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
