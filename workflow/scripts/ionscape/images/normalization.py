"""METHOD.md, step 5: what an image's intensities are relative to."""

from collections.abc import Callable

import numpy as np

#: METHOD step 5: the divisor is clipped below at this.
SMALLEST_DIVISOR = np.float32(1e-4)


def _divided(images: np.ndarray, axis: int) -> np.ndarray:
    return images / np.maximum(images.max(axis=axis, keepdims=True), SMALLEST_DIVISOR)


#: Name → what it makes of images, float32 [..., masses, times].
NORMALIZATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "none": lambda images: images,
    "mass": lambda images: _divided(images, -1),
    "time": lambda images: _divided(images, -2),
}


def normalize(images: np.ndarray, normalization: str) -> np.ndarray:
    """Divides by maxima: ``mass`` every mass row by its maximum over times, ``time`` every column over masses.

    Args:
        images: float32 [..., masses, times].
        normalization: one of :data:`NORMALIZATIONS`.

    Returns:
        float32, same shape; the input itself for ``none``.
    """
    return NORMALIZATIONS[normalization](images)
