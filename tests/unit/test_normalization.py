"""METHOD step 5 against loops over rows and columns."""

import numpy as np
import pytest

from ionscape.images.normalization import NORMALIZATIONS, normalize


def reference(image, normalization):
    """One image, one mass row or one time column at a time."""
    result = image.copy()
    masses, times = image.shape
    if normalization == "mass":
        for mass in range(masses):
            result[mass, :] = image[mass, :] / max(image[mass, :].max(), np.float32(1e-4))
    elif normalization == "time":
        for time in range(times):
            result[:, time] = image[:, time] / max(image[:, time].max(), np.float32(1e-4))
    return result


def random_images(seed, shape=(3, 16, 12)):
    """Intensities over seven decades, with negatives, empty rows and columns, and an all-negative row."""
    rng = np.random.default_rng(seed)
    images = (10.0 ** rng.uniform(-7, 0, shape)).astype(np.float32) * rng.choice([1, 1, 1, -1], shape).astype(np.float32)
    images[:, 3] = 0
    images[:, :, 5] = 0
    images[:, 7] = -np.abs(images[:, 7])
    images[:, 9] *= np.float32(1e-5)
    return images


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
@pytest.mark.parametrize("seed", range(4))
def test_random_images(normalization, seed):
    images = random_images(seed)
    result = normalize(images, normalization)
    assert result.dtype == np.float32
    assert np.isfinite(result).all()
    np.testing.assert_array_equal(result, np.stack([reference(image, normalization) for image in images]))


def test_the_names_mean_what_the_method_says():
    image = np.array([[1, 2], [4, 16]], dtype=np.float32)  # rows are masses, columns are times
    assert normalize(image, "none").tolist() == [[1, 2], [4, 16]]
    assert normalize(image, "mass").tolist() == [[0.5, 1], [0.25, 1]]
    assert normalize(image, "time").tolist() == [[0.25, 0.125], [1, 1]]


def test_the_divisor_is_clipped_at_1e_4():
    image = np.array([[5e-5, 2e-5], [2e-4, 1e-4]], dtype=np.float32)
    np.testing.assert_allclose(normalize(image, "mass"), [[0.5, 0.2], [1, 0.5]], rtol=1e-6)
    np.testing.assert_allclose(normalize(image, "time"), [[0.25, 0.2], [1, 1]], rtol=1e-6)


@pytest.mark.parametrize("normalization", NORMALIZATIONS)
def test_the_input_stays_as_it_is(normalization):
    images = random_images(9)
    before = images.copy()
    normalize(images, normalization)
    np.testing.assert_array_equal(images, before)


def test_unknown_name():
    with pytest.raises(KeyError, match="masses"):
        normalize(random_images(0), "masses")
