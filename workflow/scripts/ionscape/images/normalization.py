"""METHOD.md, step 5: what an image's intensities are relative to."""

import numpy as np

NORMALIZATIONS = ("none", "mass", "time")

#: METHOD step 5: the divisor is clipped below at this.
SMALLEST_DIVISOR = np.float32(1e-4)


def normalize(images: np.ndarray, normalization: str) -> np.ndarray:
    """Divides by maxima: ``mass`` every mass row by its maximum over times, ``time`` every column over masses.

    Args:
        images: float32 [..., masses, times].
        normalization: one of :data:`NORMALIZATIONS`.

    Returns:
        float32, same shape; the input itself for ``none``.
    """
    if normalization == "none":
        return images
    axis = {"mass": -1, "time": -2}[normalization]
    return images / np.maximum(images.max(axis=axis, keepdims=True), SMALLEST_DIVISOR)
