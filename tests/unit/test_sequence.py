"""Family ``sequence``: its batches recovered number by number, the attention's weighted mean, and a fitted model."""

import math
import re

import numpy as np
import pytest
import torch

from ionscape.data.samples import Samples
from ionscape.errors import InputError
from ionscape.images.transforms import log_intensity, overlay, subtract_background, warp_time
from ionscape.models.sequence.model import Model, SequenceBatches, to_sequence
from ionscape.models.sequence.network import Network
from ionscape.training.context import FitContext
from ionscape.training.prediction import BATCH
from support.settings import model_settings

CPU = torch.device("cpu")
LABELS = ["a", "b"]
ARCHITECTURES = ["convolutional", "transformer", "gru"]
SETTINGS = {
    "family": "sequence",
    "normalization": "none",
    "floor": 1e-4,
    "scalings": ["log"],
    "root": 4,
    "background": None,
    "architecture": "convolutional",
    "layers": 1,
    "stride": 1,
    "positions": False,
    "channels": 16,
    "kernel": 3,
    "dropout": 0.1,
    "seed": 3,
    "epochs": 12,
    "warmup_epochs": 1,
    "rate": 1e-2,
    "weight_decay": 0.01,
    "batch_size": 8,
    "clip_gradient": 64,
    "label_smoothing": 0.0,
    "overlay": 0.0,
    "overlay_range": [0.1, 1],
    "mixup": 0.0,
    "mixup_range": [0.2, 0.8],
    "time_warp": 0.0,
    "mass_scaling": 0.0,
    "average": 0,
    "select": "best_epoch",
    "precision": "fp32",
}
MASSES, TIMES = 12, 20
torch.set_num_threads(1)


def settings(**changes):
    assert changes.keys() <= SETTINGS.keys()
    return model_settings({**SETTINGS, **changes})


def own_pixels(n):
    """Sample i is full at mass i; its label is i, its side i mod 2."""
    images = np.zeros((n, n, 1), np.float32)
    images[np.arange(n), np.arange(n)] = 1
    return Samples([f"S{i}" for i in range(n)], images, np.arange(n) % 2, np.eye(n, dtype=np.float32))


def events(n, seed):
    """Label a: a peak at m/z 3, label b: one at m/z 8, both of two bins at any time, in noise."""
    rng = np.random.default_rng(seed)
    images = rng.random((n, MASSES, TIMES)).astype(np.float32) * 1e-3
    labels = rng.integers(0, 2, (n, 2)).astype(np.float32)
    for image, label in zip(images, labels, strict=True):
        image[0, rng.integers(TIMES)] = 1
        for mass, present in zip((3, 8), label, strict=True):
            start = rng.integers(TIMES - 1)
            image[mass, start : start + 2] = present * rng.uniform(0.1, 1)
    return Samples([f"S{i}" for i in range(n)], images, rng.integers(0, 2, n), labels)


def network(**changes):
    torch.manual_seed(0)
    options = {"architecture": "convolutional", "layers": 1, "channels": 8, "kernel": 3, "stride": 1, "dropout": 0.5}
    return Network(**{"rows": MASSES + 1, "times": TIMES, "labels": 2, "positions": False, **options, **changes}).eval()


def test_overlay_adds_the_partner_times_its_strength():
    images, partners = torch.rand(3, 4, 5), torch.rand(3, 4, 5)
    facts, others = torch.tensor([[0.0, 1], [0, 0], [0, 1]]), torch.tensor([[1.0, 0], [1, 0], [1, 1]])
    mixed, labels = overlay(images, facts, partners, others, torch.tensor([0.5, 0.0, 1.0]))
    torch.testing.assert_close(mixed[0], images[0] + partners[0] / 2)
    assert torch.equal(mixed[1], images[1])
    assert labels.tolist() == [[1, 1], [0, 0], [1, 1]]


def test_log_intensity():
    images = torch.tensor([[[8.0, 0.8, 0.08]], [[2e-9, 1e-9, 0]]])
    expected = [[[1, 0.75, 0.5]], [[1, 1 - np.log10(2) / 4, 0]]]
    np.testing.assert_allclose(log_intensity(images, 1e-4), expected, atol=1e-6)
    assert log_intensity(images, 0.1)[0].tolist() == [[1, 0, 0]]


def test_the_side_flag_is_the_last_row():
    sequences = to_sequence(torch.rand(2, MASSES, TIMES), torch.tensor([1, 0]), settings())
    assert sequences.shape == (2, MASSES + 1, TIMES)
    assert sequences[:, -1].tolist() == [[1] * TIMES, [0] * TIMES]


def test_without_augmentation_batches_are_the_samples():
    samples = events(24, 0)
    samples = Samples(samples.ids, samples.inputs, samples.side, np.eye(24, dtype=np.float32))
    seen = set()
    for inputs, labels in SequenceBatches(samples, settings(), CPU).epoch():
        rows = labels.argmax(dim=1).tolist()
        seen |= set(rows)
        images, side = torch.from_numpy(samples.inputs[rows]), torch.from_numpy(samples.side[rows])
        torch.testing.assert_close(inputs, to_sequence(images, side, settings()))
    assert seen == set(range(24))


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
def test_a_share_of_p_is_overlaid_log_uniformly(p):
    n = 800
    batches = SequenceBatches(own_pixels(n), settings(overlay=p, overlay_range=[0.01, 0.5]), CPU)
    strengths = []
    for inputs, labels in batches.epoch():
        for sequence, label in zip(inputs[:, :, 0], labels, strict=True):
            masses = label.nonzero()[:, 0]
            values = sequence[:-1]
            own = int(values.argmax())
            assert set(masses.tolist()) == set(values.nonzero()[:, 0].tolist())
            assert sequence[-1] == max(mass % 2 for mass in masses.tolist())  # the sides' maximum
            if len(masses) == 2:
                other = int(masses[masses != own][0])
                strengths.append(10 ** (4 * (float(values[other]) - 1)))
    assert len(strengths) / n == pytest.approx(p, abs=0.06)
    if p:
        logs = np.log(strengths)
        assert np.log(0.01) - 1e-3 < logs.min()
        assert logs.max() < np.log(0.5) + 1e-3
        assert logs.mean() == pytest.approx((np.log(0.01) + np.log(0.5)) / 2, abs=0.3)


def test_masses_are_scaled_by_powers_of_2():
    samples = Samples(list("abcdefgh"), np.ones((8, 400, 2), np.float32), np.zeros(8, int), np.eye(8, dtype=np.float32))
    ((inputs, _),) = SequenceBatches(samples, settings(mass_scaling=0.5), CPU).epoch()
    assert torch.equal(inputs[:, :-1, 0], inputs[:, :-1, 1])  # one factor a mass
    exponents = (inputs[:, :-1, 0] - 1) * 4 / np.log10(2)
    np.testing.assert_allclose(exponents.std(dim=1), 0.5, atol=0.08)
    assert np.corrcoef(exponents)[np.triu_indices(8, 1)].max() < 0.2


def test_batches_are_the_seeds_alone():
    def epoch(seed):
        batches = SequenceBatches(events(24, 0), settings(seed=seed, overlay=0.5, mass_scaling=0.5), CPU)
        return torch.cat([inputs for inputs, _ in batches.epoch()])

    assert torch.equal(epoch(1), epoch(1))
    assert not torch.equal(epoch(1), epoch(2))


def test_scalings_are_stacked_and_a_background_is_subtracted_before_them():
    images = torch.tensor([[[8.0, 4, 4, 5], [0.3, 0.1, 0.2, 0.1], [0, 0, 0, 0]]])
    both = settings(scalings=["log", "mass"], floor=1e-2)
    sequences = to_sequence(subtract_background(images, torch.zeros(1)), torch.tensor([1]), both)
    assert sequences.shape == (1, 7, 4)
    np.testing.assert_allclose(sequences[0, 0], [1, 0, 0, 1 + np.log10(0.25) / 2], atol=1e-6)
    np.testing.assert_allclose(sequences[0, 3:6], [[1, 0, 0, 0.25], [1, 0, 0.5, 0], [0, 0, 0, 0]], atol=1e-6)
    root = to_sequence(images, torch.tensor([1]), settings(scalings=["root"], root=2))
    np.testing.assert_allclose(root[0, 0], np.sqrt([1, 0.5, 0.5, 0.625]), rtol=1e-6)
    unit = to_sequence(images, torch.tensor([1]), settings(scalings=["unit"], root=2))
    assert unit[0, :3].square().mean() == pytest.approx(1)
    np.testing.assert_allclose(unit[0, :3] / unit[0, 0, 0], root[0, :3], rtol=1e-6)
    faint = to_sequence(images * torch.tensor([1, 0.01, 1])[:, None], torch.tensor([1]), both)
    assert faint[0, 4].max() == pytest.approx(0.003 / 0.08)  # rows below the floor are not blown up


@pytest.mark.parametrize("quantile", [0.0, 0.25, 0.4, 1.0])
def test_the_background_is_a_quantile_of_each_mass_row(quantile):
    images = torch.rand(3, 4, 7)
    expected = np.clip(images.numpy() - np.quantile(images.numpy(), quantile, axis=2, keepdims=True), 0, None)
    mixed = torch.tensor([quantile, 0.5, quantile])  # each sample has its own
    np.testing.assert_allclose(subtract_background(images, mixed)[[0, 2]], expected[[0, 2]], atol=1e-6)
    np.testing.assert_allclose(subtract_background(images, torch.full((3,), quantile)), expected, atol=1e-6)


def test_bins_without_any_intensity_have_no_say_in_the_background():
    images = torch.rand(2, 4, 7) + 1
    short = torch.cat([torch.zeros(2, 4, 2), images, torch.zeros(2, 4, 3)], dim=2)
    for quantiles in (torch.zeros(2), torch.tensor([0.0, 0.3])):
        expected = subtract_background(images, quantiles)
        assert (expected[0] == 0).sum(dim=1).tolist() == [1] * 4
        torch.testing.assert_close(subtract_background(short, quantiles)[:, :, 2:9], expected)
        assert not subtract_background(short, quantiles)[:, :, [0, 1, 9, 10, 11]].any()
    assert not subtract_background(torch.zeros(1, 4, 7), torch.tensor([0.5])).any()
    dip = images.clone()
    dip[0, 2, 3] = -5
    expected = images.clone()
    expected[0, 2, 3] = 0
    assert torch.equal(subtract_background(dip, torch.zeros(2)), subtract_background(expected, torch.zeros(2)))


@pytest.mark.parametrize("scaling", ["log", "root", "unit", "mass"])
def test_an_image_of_which_nothing_is_left_is_zero(scaling):
    images = subtract_background(torch.full((1, 3, 5), 0.7), torch.zeros(1))
    assert not to_sequence(images, torch.tensor([0]), settings(scalings=[scaling])).any()


def test_time_is_warped():
    image = torch.arange(5.0).expand(1, 2, 5)
    np.testing.assert_allclose(warp_time(image, 2.0)[0, 0], [0, 0.25, 1, 2.25, 4])
    assert torch.equal(warp_time(image, 1.0), image)


def test_mixup_is_a_weighted_mean_with_the_labels_of_both():
    batches = SequenceBatches(own_pixels(64), settings(mixup=0.5, mixup_range=[0.3, 0.4], scalings=["log"]), CPU)
    mixed = 0
    for inputs, labels in batches.epoch():
        for sequence, label in zip(inputs[:, :, 0], labels, strict=True):
            assert set(label.nonzero()[:, 0].tolist()) == set(sequence[:-1].nonzero()[:, 0].tolist())
            if label.sum() == 2:
                mixed += 1
                ratio = 10 ** (4 * (float(sequence[:-1][sequence[:-1] > 0].min()) - 1))
                assert 0.3 / 0.7 - 1e-3 < ratio < 0.4 / 0.6 + 1e-3
    assert mixed / 64 == pytest.approx(0.5, abs=0.2)


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("stride", [1, 3])
def test_logits_are_the_weighted_mean_of_the_bins(kernel, architecture, stride):
    net = network(kernel=kernel, architecture=architecture, stride=stride, positions=True, layers=2)
    sequences = torch.rand(4, MASSES + 1, TIMES)
    with torch.no_grad():
        logits, weights = (tensor.numpy() for tensor in net.events(sequences))
        assert logits.shape == weights.shape == (4, 2, math.ceil(TIMES / stride))
        np.testing.assert_allclose(weights.sum(axis=2), 1, rtol=1e-5)
        assert weights.std() > 1e-4
        expected = [[np.dot(*pair) for pair in zip(*sample, strict=True)] for sample in zip(logits, weights, strict=True)]
        np.testing.assert_allclose(net(sequences), expected, rtol=1e-4, atol=1e-6)


def test_when_an_event_is_does_not_matter_but_its_mass_does():
    net, placed = network(), network(positions=True)
    torch.nn.init.normal_(placed.positions)

    def logits(mass, time, net=net):
        sequence = torch.zeros(1, MASSES + 1, TIMES)
        sequence[0, mass, time] = 1
        with torch.no_grad():
            return net(sequence)

    torch.testing.assert_close(logits(3, 5), logits(3, 12))
    assert (logits(3, 5) - logits(4, 5)).abs().max() > 1e-3
    assert (logits(3, 5, placed) - logits(3, 12, placed)).abs().max() > 1e-4


@pytest.mark.parametrize("architecture", ["transformer", "gru"])
def test_other_bins_are_seen(architecture):
    net = network(architecture=architecture, layers=1)
    sequences = torch.rand(1, MASSES + 1, TIMES)
    changed = sequences.clone()
    changed[0, 3, 0] += 5
    with torch.no_grad():
        differs = (net.events(sequences)[0] - net.events(changed)[0]).abs().amax(dim=1)[0]
    assert (differs > 1e-6).all()


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_fitted_model(tmp_path, architecture):
    training, validation = events(160, 1), events(BATCH["cpu"] + 5, 2)
    rows = []
    how = settings(architecture=architecture, background=[0.0, 0.2], average=0.9, epochs=15)
    model = Model.fit(training, validation, how, FitContext(LABELS, 1, rows.append))
    assert model.history == rows
    assert min(row["validation_loss"] for row in rows) < 0.25  # 0.69 by the frequencies
    np.testing.assert_array_equal(model.logits(validation), model.validation_logits)
    np.testing.assert_allclose(model.logits(validation.take(np.arange(3))), model.validation_logits[:3], atol=1e-5)
    assert model.logits(validation.take(np.arange(0))).shape == (0, 2)
    model.save(tmp_path, {"inputs": {}})
    np.testing.assert_array_equal(Model.load(tmp_path).logits(validation), model.validation_logits)
    model.precision = "bf16"
    assert 0 < np.abs(model.logits(validation) - model.validation_logits).max() < 0.5


def test_the_same_seed_gives_the_same_logits():
    samples = events(16, 1)
    random = {"epochs": 2, "overlay": 0.5, "mass_scaling": 0.5, "dropout": 0.5}
    one, same, other = (
        Model.fit(samples, samples, settings(seed=seed, **random), FitContext(LABELS, 1, [].append)).validation_logits
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 1e-3


def test_too_few_samples_for_a_batch():
    with pytest.raises(InputError, match=re.escape("7 training samples do not fill a batch of 8")):
        Model.fit(events(7, 0), events(3, 0), settings(), FitContext(LABELS, 1, [].append))
