"""Per-mass statistics of a run's image, for table models."""

import numpy as np

GROUPS = ("log_maximum", "log_mean", "time_of_maximum", "bands", "mass_bands")


def extract_features(images: np.ndarray, bands: int, floor: float) -> dict[str, np.ndarray]:
    """Statistics of each mass row of images in [0, 1] (METHOD step 3).

    Args:
        images: float32 [n, masses, times], not normalized further.
        bands: number of equal bands of the x axis; must divide ``times``.
        floor: smallest relative intensity told apart from nothing; logarithms are taken above it.

    Returns:
        float32 arrays [n, k] by group:
        ``log_maximum`` log10 of the row's maximum; ``log_mean`` log10 of its mean; ``time_of_maximum`` the
        bin of the maximum in [0, 1], 0 for an empty row; ``bands`` log10 of the maximum in each band, relative to
        the image; ``mass_bands`` the same relative to the row's maximum. The last two run over masses, then bands.
    """
    n, masses, times = images.shape
    maximum = images.max(axis=2)
    seen = maximum > floor
    in_band = images.reshape(n, masses, bands, times // bands).max(axis=3)
    relative = in_band / np.maximum(maximum, floor)[..., None]

    def log(values: np.ndarray) -> np.ndarray:
        return np.log10(np.maximum(values, floor)).astype(np.float32)

    return {
        "log_maximum": log(maximum),
        "log_mean": log(images.mean(axis=2)),
        "time_of_maximum": np.where(seen, images.argmax(axis=2) / (times - 1), 0).astype(np.float32),
        "bands": log(in_band).reshape(n, masses * bands),
        "mass_bands": log(relative).reshape(n, masses * bands),
    }


def feature_names(masses: int, bands: int) -> dict[str, list[str]]:
    """Names of the columns of :func:`extract_features`, by group: ``log_maximum m/z 44``, ``bands m/z 44 3/16``."""
    single = {group: [f"{group} m/z {m}" for m in range(masses)] for group in GROUPS[:3]}
    banded = {
        group: [f"{group} m/z {m} {b + 1}/{bands}" for m in range(masses) for b in range(bands)] for group in GROUPS[3:]
    }
    return single | banded
