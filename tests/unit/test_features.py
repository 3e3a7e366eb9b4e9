"""Features against loops over images, masses and bands."""

import math

import numpy as np
import pytest
import torch

from ionscape.images.features import GROUPS, extract_features, feature_names, prepare, without_background
from ionscape.images.transforms import subtract_background

FLOOR = 1e-4


def reference(image, bands, floor):
    """One image, one mass at a time, in Python's own arithmetic."""
    masses, times = image.shape
    width = times // bands
    features = {group: [] for group in GROUPS}
    for mass in range(masses):
        row = [float(value) for value in image[mass]]
        top = max(row)
        features["log_maximum"].append(math.log10(max(top, floor)))
        features["log_mean"].append(math.log10(max(sum(row) / times, floor)))
        features["time_of_maximum"].append(row.index(top) / (times - 1) if top > floor else 0)
        total = sum(max(value, 0) for value in row)
        center, squares = 0.0, 0.0
        if top > floor:
            center = sum(max(value, 0) * t / (times - 1) for t, value in enumerate(row)) / total
            squares = sum(max(value, 0) * (t / (times - 1) - center) ** 2 for t, value in enumerate(row)) / total
        features["centroid"].append(center)
        features["spread"].append(math.sqrt(squares))
        features["width"].append(sum(value > top / 2 for value in row) / times if top > floor else 0)
        for band in range(bands):
            band_top = max(row[band * width : (band + 1) * width])
            features["bands"].append(math.log10(max(band_top, floor)))
            features["mass_bands"].append(math.log10(max(band_top / max(top, floor), floor)))
    return features


def random_images(seed, shape=(4, 10, 24)):
    """Intensities over seven decades, with negatives, an empty, a faint and an all-negative row."""
    rng = np.random.default_rng(seed)
    images = 10.0 ** rng.uniform(-7, 0, shape) * rng.choice([1, 1, 1, -1], shape)
    images[:, 2] = 0
    images[:, 3] *= 1e-5
    images[:, 4] = -np.abs(images[:, 4])
    return images.astype(np.float32)


@pytest.mark.parametrize("bands", [1, 4, 24])
@pytest.mark.parametrize("seed", range(3))
def test_random_images(seed, bands):
    images = random_images(seed)
    features = extract_features(images, bands, FLOOR)
    assert tuple(features) == GROUPS
    expected = [reference(image, bands, FLOOR) for image in images]
    for group, values in features.items():
        assert values.dtype == np.float32
        np.testing.assert_allclose(values, [image[group] for image in expected], rtol=1e-4, atol=1e-6, err_msg=group)


def test_a_peak_is_where_its_names_say():
    images = np.zeros((1, 3, 8), dtype=np.float32)
    images[0, 1, 6] = 0.1
    images[0, 2, 0] = 1
    features = extract_features(images, 4, FLOOR)
    names = feature_names(3, 4)
    value = {name: features[group][0, index] for group in GROUPS for index, name in enumerate(names[group])}
    assert value["log_maximum m/z 1"] == pytest.approx(-1)
    assert value["log_mean m/z 1"] == pytest.approx(math.log10(0.1 / 8))
    assert value["time_of_maximum m/z 1"] == pytest.approx(6 / 7)
    assert value["time_of_maximum m/z 0"] == 0
    assert value["bands m/z 1 4/4"] == pytest.approx(-1)
    assert value["mass_bands m/z 1 4/4"] == pytest.approx(0)
    assert value["bands m/z 1 3/4"] == value["mass_bands m/z 1 3/4"] == value["log_maximum m/z 0"] == -4
    assert value["bands m/z 2 1/4"] == 0


@pytest.mark.parametrize("quantile", [0, 0.05, 0.3, 0.5, 0.99, 1])
def test_the_background_is_the_networks_own(quantile):
    """Without torch, and with the minimum to the last bit."""
    rng = np.random.default_rng(1)
    images = rng.normal(0.3, 0.5, (5, 7, 23)).astype(np.float32)
    images[1, :, 4:9] = 0  # bins that the run did not reach
    images[2] = 0
    expected = subtract_background(torch.from_numpy(images), torch.full((5,), float(quantile))).numpy()
    found = without_background(images, quantile)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=0, atol=0 if quantile == 0 else 1e-6)


def test_rows_are_freed_of_their_background_and_smoothed():
    images = np.zeros((1, 2, 9), dtype=np.float32)
    images[0, 0] = 0.2
    images[0, 0, 4] = 1.1
    images[0, 1, :7] = 0.5  # the run ends at bin 7, where the other mass has a background only
    images[:, :, 7:] = 0
    found = prepare(images, 0.0, 2)
    np.testing.assert_allclose(found[0, 0], np.array([0, 0, 1, 2, 3, 2, 1, 0, 0]) * 0.1, atol=1e-6)
    assert not found[0, 1].any()
    assert prepare(images, None, 0) is images


@pytest.mark.parametrize(("masses", "bands"), [(10, 4), (3, 1)])
def test_one_name_a_column(masses, bands):
    features = extract_features(random_images(0, (2, max(masses, 5), 24))[:, :masses], bands, FLOOR)
    names = feature_names(masses, bands)
    assert {group: len(columns) for group, columns in names.items()} == {g: v.shape[1] for g, v in features.items()}
    everything = [name for columns in names.values() for name in columns]
    assert len(set(everything)) == len(everything)


def test_no_images():
    features = extract_features(np.zeros((0, 5, 8), dtype=np.float32), 2, FLOOR)
    assert [values.shape for values in features.values()] == [*[(0, 5)] * 6, (0, 10), (0, 10)]
