"""METHOD steps 4 and 6–9, time resizing and positions against loops in Python's own arithmetic."""

import math

import numpy as np
import pytest
import torch

from ionscape.images.transforms import add_positions, mixup, resize_time, scale_intensity, scale_masses, to_channels

LOG_SCALINGS = ("log10", "log1p", "root4")
torch.set_num_threads(1)


def scaled(image, log_scaling):
    """Steps 7–9 of one sample [channels, masses, times], all maxima and minima over both channels together."""
    values = [float(value) for value in image.ravel()]
    top = max(values)
    values = [min(max(value / top, 1e-4), 1) for value in values]
    if log_scaling == "log10":
        values = [math.log10(value) for value in values]
    elif log_scaling == "root4":
        values = [value**0.25 for value in values]
    else:
        values = [math.log10(1 + 1000 * value) for value in values]
        top = max(values)
        values = [value / top for value in values]
    low, high = min(values), max(values)
    return np.array([(value - low) / (high - low) for value in values]).reshape(image.shape)


def resized(image, width):
    """Bilinear in time, align_corners False, no antialias: one output column at a time of [..., times]."""
    times = image.shape[-1]
    result = np.empty((*image.shape[:-1], width))
    for column in range(width):
        source = max((column + 0.5) * times / width - 0.5, 0)
        left = math.floor(source)
        right = min(left + 1, times - 1)
        result[..., column] = (1 - (source - left)) * image[..., left] + (source - left) * image[..., right]
    return result


def random_images(seed, shape=(4, 2, 6, 12)):
    """Intensities over seven decades, with negatives and an empty row; samples and channels of unlike size."""
    rng = np.random.default_rng(seed)
    images = 10.0 ** rng.uniform(-7, 0, shape) * rng.choice([1, 1, 1, -1], shape)
    images *= 10.0 ** rng.uniform(-2, 2, (*shape[:2], 1, 1))
    images[:, :, 3] = 0
    return images.astype(np.float32)


def test_the_image_goes_into_the_channel_that_the_side_says():
    images = random_images(0, (1, 3, 5, 7))[0]
    result = to_channels(torch.from_numpy(images), torch.tensor([1, 0, 1])).numpy()
    assert (result.shape, result.dtype) == ((3, 2, 5, 7), np.float32)
    for sample, side in enumerate([1, 0, 1]):
        np.testing.assert_array_equal(result[sample, side], images[sample])
        assert not result[sample, 1 - side].any()


def test_mixup_mixes_images_and_joins_labels():
    images, partners = random_images(1), random_images(2)
    labels = np.array([[1, 0, 0], [1, 0, 0], [0, 0, 0], [0, 1, 1]], dtype=np.float32)
    partner_labels = np.array([[0, 1, 0], [0, 1, 0], [0, 0, 1], [0, 1, 0]], dtype=np.float32)
    share = [0.4, 1.0, 0.6, 0.5]
    mixed, joined = mixup(*map(torch.from_numpy, (images, labels, partners, partner_labels)), torch.tensor(share))
    for sample, f in enumerate(share):
        expected = f * images[sample] + (1 - f) * partners[sample]
        np.testing.assert_allclose(mixed[sample], expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())
    assert joined.tolist() == [[1, 1, 0], [1, 0, 0], [0, 0, 1], [0, 1, 1]]


def test_a_share_of_1_leaves_all_as_it_is():
    images, labels = torch.from_numpy(random_images(1)), torch.zeros(4, 3)
    partners = torch.full_like(images, torch.inf)  # 0·inf would be NaN
    mixed, joined = mixup(images, labels, partners, torch.ones(4, 3), torch.ones(4))
    assert torch.equal(mixed, images)
    assert torch.equal(joined, labels)


def test_mass_rows_are_scaled_alike_in_both_channels():
    images = random_images(3)
    exponents = np.random.default_rng(3).normal(size=(4, 6)).astype(np.float32)
    result = scale_masses(torch.from_numpy(images), torch.from_numpy(exponents)).numpy()
    for sample, channel, mass in np.ndindex(4, 2, 6):
        expected = images[sample, channel, mass] * 2.0 ** exponents[sample, mass]
        np.testing.assert_allclose(result[sample, channel, mass], expected, rtol=1e-5)


@pytest.mark.parametrize("log_scaling", LOG_SCALINGS)
@pytest.mark.parametrize("seed", range(3))
def test_log_scaling_of_random_images(seed, log_scaling):
    images = random_images(seed)
    result = scale_intensity(torch.from_numpy(images), log_scaling)
    assert result.dtype == torch.float32
    np.testing.assert_allclose(result, [scaled(image, log_scaling) for image in images], rtol=1e-4, atol=1e-5)
    assert result.amin(dim=(1, 2, 3)).tolist() == [0] * 4
    assert result.amax(dim=(1, 2, 3)).tolist() == [1] * 4


def test_log_scaling_by_hand():
    """A channel of 100, 10 beside one of 1, 0: maximum, floor and range are those of both."""
    images = torch.tensor([[[[100.0, 10.0]], [[1.0, 0.0]]]])
    np.testing.assert_allclose(scale_intensity(images, "log10").ravel(), [1, 0.75, 0.5, 0], atol=1e-6)
    low, high = math.log10(1.1), math.log10(1001)
    expected = [(math.log10(value) - low) / (high - low) for value in (1001, 101, 11, 1.1)]
    np.testing.assert_allclose(scale_intensity(images, "log1p").ravel(), expected, atol=1e-6)
    expected = [(value**0.25 - 0.1) / 0.9 for value in (1, 0.1, 0.01, 1e-4)]
    np.testing.assert_allclose(scale_intensity(images, "root4").ravel(), expected, atol=1e-6)


@pytest.mark.parametrize("log_scaling", LOG_SCALINGS)
def test_the_range_is_that_of_the_image_and_not_of_the_floor(log_scaling):
    result = scale_intensity(torch.tensor([[[[1.0, 0.5]], [[0.5, 0.1]]]]), log_scaling)
    assert (result.amin(), result.amax()) == (0, 1)
    assert not scale_intensity(torch.ones(1, 2, 3, 4), log_scaling).any()  # no range at all: 0, not NaN


@pytest.mark.parametrize("width", [1, 5, 12, 17, 24, 31])
def test_resizing_random_images(width):
    images = np.random.default_rng(5).normal(size=(2, 2, 3, 12)).astype(np.float32)
    result = resize_time(torch.from_numpy(images), width)
    np.testing.assert_allclose(result, resized(images.astype(np.float64), width), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("width", [128, 160, 192, 224, 256])
def test_resizing_to_the_methods_widths(width):
    images = np.random.default_rng(6).normal(size=(1, 2, 3, 192)).astype(np.float32)
    result = resize_time(torch.from_numpy(images), width)
    np.testing.assert_allclose(result, resized(images.astype(np.float64), width), rtol=1e-4, atol=1e-4)


def test_resizing_by_hand():
    images = torch.tensor([0.0, 0, 0, 0, 4, 0]).view(1, 1, 1, 6)
    assert resize_time(images, 2).ravel().tolist() == [0, 4]  # the middle of three columns; its neighbours are lost
    assert resize_time(images, 12).ravel().tolist() == [0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 1, 0]


def test_positions_are_x_by_width_and_y_by_height():
    images = torch.from_numpy(random_images(7, (2, 2, 4, 5)))
    result = add_positions(images)
    assert (result.shape, result.dtype) == ((2, 4, 4, 5), torch.float32)
    assert torch.equal(result[:, :2], images)
    for y, x in np.ndindex(4, 5):
        np.testing.assert_allclose(result[:, 2, y, x], x / 5, rtol=1e-6)
        np.testing.assert_allclose(result[:, 3, y, x], y / 4, rtol=1e-6)
