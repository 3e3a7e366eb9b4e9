"""Per-mass statistics of a run's image, for table models."""

from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np
import pyarrow as pa
from scipy.ndimage import convolve1d

from ..config.sections import Features, Group
from ..files.artifact import read_metadata, write_table
from ..files.vectors import vector_column
from .store import stream_images

GROUPS = get_args(Group)

#: Groups with a column a mass and band; the others have one a mass.
BANDED = ("bands", "mass_bands")


#: Images that are prepared at once, where only a little is kept of each.
BLOCK = 256


def prepare(images: np.ndarray, background: float | None, smoothing: int) -> np.ndarray:
    """Images without background and smoothed in time, as the statistics are taken of them: float32 [n, masses, times].

    Args:
        background: quantile over time to subtract from each mass row (:func:`without_background`); None: nothing.
        smoothing: bins on either side that a triangular window reaches; 0: none.
    """
    if background is not None:
        images = without_background(images, background)
    if smoothing:
        window = np.convolve(np.ones(smoothing + 1), np.ones(smoothing + 1)) / (smoothing + 1) ** 2
        images = convolve1d(images, window.astype(np.float32), axis=2, mode="constant")
    return images


@np.errstate(invalid="ignore")  # of what is not observed
def without_background(images: np.ndarray, quantile: float) -> np.ndarray:
    """Each mass row minus its own quantile over time: :func:`.transforms.subtract_background` without torch, which takes
    seconds to import.

    Args:
        images: float32 [n, masses, times]; quantile: 0 (the minimum) … 1, linear between neighbouring values.
    """
    observed = (images != 0).any(axis=1, keepdims=True)
    images = np.maximum(images, np.float32(0))
    ordered = np.where(observed, images, np.float32(np.inf))
    if quantile == 0:  # no need to sort
        return np.where(observed, images - ordered.min(axis=2, keepdims=True), np.float32(0))
    ordered.sort(axis=2)
    place = np.float32(quantile) * np.maximum(observed.sum(axis=(1, 2)) - 1, 0).astype(np.float32)
    low = np.floor(place).astype(np.int64)[:, None, None]
    share = (place - np.floor(place))[:, None, None]
    below, above = (
        np.take_along_axis(ordered, np.broadcast_to(at, (*images.shape[:2], 1)), axis=2)
        for at in (low, np.minimum(low + 1, images.shape[2] - 1))
    )
    background = np.where(share > 0, below + share * np.where(share > 0, above - below, 0), below)
    return np.where(observed, np.maximum(images - background, 0), np.float32(0)).astype(np.float32)


def band_maxima(images: np.ndarray, background: float | None, smoothing: int, bands: int) -> np.ndarray:
    """The maximum of each band of the x axis, not negative, of images as :func:`prepare` makes them.

    Args:
        images: float32 [n, masses, times]; background, smoothing: as :func:`prepare`.
        bands: where they do not divide the bins, the first have one bin more; at most as many as there are bins.

    Returns:
        float32 [n, masses, bands].
    """
    parts = np.array_split(np.arange(images.shape[2]), min(bands, images.shape[2]))
    result = np.empty((*images.shape[:2], len(parts)), dtype=np.float32)
    for start in range(0, len(images), BLOCK):
        prepared = prepare(images[start : start + BLOCK], background, smoothing)
        for band, part in enumerate(parts):
            result[start : start + BLOCK, :, band] = prepared[:, :, part].max(axis=2)
    return np.maximum(result, 0)


def extract_features(images: np.ndarray, bands: int, floor: float) -> dict[str, np.ndarray]:
    """Statistics of each mass row of images in [0, 1] (METHOD step 3, and :func:`prepare`).

    Args:
        images: float32 [n, masses, times], not normalized further.
        bands: number of equal bands of the x axis; must divide ``times``.
        floor: smallest relative intensity told apart from nothing; logarithms are taken above it.

    Returns:
        float32 arrays [n, k] by group:
        ``log_maximum`` log10 of the row's maximum; ``log_mean`` log10 of its mean; ``time_of_maximum`` the
        bin of the maximum in [0, 1]; ``centroid`` and ``spread`` mean and standard deviation of the bin in [0, 1], weighted
        by intensity; ``width`` the share of bins above half of the maximum; all four 0 for an empty row; ``bands`` log10 of
        the maximum in each band, relative to the image; ``mass_bands`` the same relative to the row's maximum. The last two
        run over masses, then bands.
    """
    n, masses, times = images.shape
    maximum = images.max(axis=2)
    seen = maximum > floor
    in_band = images.reshape(n, masses, bands, times // bands).max(axis=3)
    relative = in_band / np.maximum(maximum, floor)[..., None]
    weights = np.maximum(images, 0)
    weights = weights / np.maximum(weights.sum(axis=2, keepdims=True), np.finfo(np.float32).tiny)
    place = np.linspace(0, 1, times, dtype=np.float32)
    centroid = weights @ place
    spread = np.sqrt((weights * (place - centroid[..., None]) ** 2).sum(axis=2))

    def log(values: np.ndarray) -> np.ndarray:
        return np.log10(np.maximum(values, floor)).astype(np.float32)

    def where_seen(values: np.ndarray) -> np.ndarray:
        return np.where(seen, values, 0).astype(np.float32)

    return {
        "log_maximum": log(maximum),
        "log_mean": log(images.mean(axis=2)),
        "time_of_maximum": where_seen(images.argmax(axis=2) / (times - 1)),
        "centroid": where_seen(centroid),
        "spread": where_seen(spread),
        "width": where_seen((images > maximum[..., None] / 2).mean(axis=2)),
        "bands": log(in_band).reshape(n, masses * bands),
        "mass_bands": log(relative).reshape(n, masses * bands),
    }


def feature_names(masses: int, bands: int) -> dict[str, list[str]]:
    """Names of the columns of :func:`extract_features`, by group: ``log_maximum m/z 44``, ``bands m/z 44 3/16``."""
    return {
        group: [f"{group} m/z {m} {b + 1}/{bands}" for m in range(masses) for b in range(bands)]
        if group in BANDED
        else [f"{group} m/z {m}" for m in range(masses)]
        for group in GROUPS
    }


def write_features(path: str | Path, shards: Sequence[str], settings: Features) -> None:
    """Writes features.parquet: ``sample_id`` and a vector a group of :func:`extract_features`, of all shards' images."""
    parts = []
    for shard in shards:
        for ids, images in stream_images(shard):
            prepared = prepare(images, settings.background, settings.smoothing)
            groups = extract_features(prepared, settings.bands, settings.floor)
            columns = {name: vector_column(values) for name, values in groups.items()}
            parts.append(pa.table({"sample_id": pa.array(ids, pa.string()), **columns}))
    masses = read_metadata(shards[0], "images")["masses"]
    write_table(pa.concat_tables(parts), path, "features", masses=masses, **settings.model_dump())
