"""METHOD.md, Training: schedule, batches, prediction over the widths, and the loop against plain NumPy."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from ionscape.data.samples import Samples
from ionscape.errors import Interrupted
from ionscape.images.transforms import add_positions, resize_time, scale_intensity, to_channels
from ionscape.models.image.model import ImageBatches, Model
from ionscape.models.image.network import Network
from ionscape.training.batches import smooth_labels
from ionscape.training.context import FitContext
from ionscape.training.loop import train, validation_loss
from ionscape.training.prediction import BATCH as BATCHES
from ionscape.training.schedule import learning_rate
from support.settings import model_settings

CPU = torch.device("cpu")
BATCH = BATCHES["cpu"]
SETTINGS = {
    "family": "image",
    "backbone": "test_resnet",
    "pretrained": False,
    "log_scaling": "log10",
    "head": "mass_flat",
    "drop_path_rate": 0.0,
    "seed": 3,
    "epochs": 2,
    "warmup_epochs": 1,
    "rate": 1e-3,
    "weight_decay": 0.01,
    "batch_size": 8,
    "clip_gradient": 64,
    "label_smoothing": 0.0,
    "mixup": 0.0,
    "mixup_range": [0.4, 0.6],
    "mass_scaling": 0.0,
    "widths": [32, 40, 64],
    "background": None,
    "average": 0,
    "select": "best_epoch",
    "precision": "fp32",
}
torch.set_num_threads(1)


def settings(**changes):
    assert changes.keys() <= SETTINGS.keys()
    return model_settings({**SETTINGS, **changes})


def samples_of(images, labels):
    """Sides alternate."""
    n = len(images)
    side = np.arange(n) % 2
    return Samples([f"S{i}" for i in range(n)], images.astype(np.float32), side, np.asarray(labels, dtype=np.float32))


def random_samples(n, shape=(32, 48), seed=0):
    """Noise, and a block in the upper or the lower half of the masses: the second label says which."""
    rng = np.random.default_rng(seed)
    images = rng.random((n, *shape)) * 1e-3
    labels = rng.integers(0, 2, (n, 2))
    for image, label in zip(images, labels, strict=True):
        mass, time = rng.integers(shape[0] // 2 - 5) + shape[0] // 2 * label[1], rng.integers(shape[1] - 7)
        image[mass : mass + 6, time : time + 8] = 1
    return samples_of(images, labels)


def own_pixels(n):
    """Sample i is pixel i of one row, and label i: a batch's rows can be told by either."""
    return samples_of(np.eye(n)[:, None, :], np.eye(n))


def epoch(samples, **changes):
    return list(ImageBatches(samples, settings(**changes), CPU).epoch())


def labels_of(batches):
    return torch.cat([labels for _, labels in batches])


def preprocessed(images, side, width, log_scaling="log10"):
    channels = to_channels(torch.from_numpy(images), torch.from_numpy(side))
    return add_positions(resize_time(scale_intensity(channels, log_scaling), width))


def test_learning_rate():
    assert learning_rate(0, 100, 20, 1e-4) == 0
    assert learning_rate(5, 100, 20, 1e-4) == pytest.approx(0.25e-4)
    assert learning_rate(19, 100, 20, 1e-4) == pytest.approx(0.95e-4)
    assert learning_rate(20, 100, 20, 1e-4) == 1e-4
    assert learning_rate(40, 100, 20, 1e-4) == pytest.approx(1e-4 * (1 + math.sqrt(0.5)) / 2)  # cos 45°
    assert learning_rate(60, 100, 20, 1e-4) == pytest.approx(0.5e-4)
    assert 0 < learning_rate(99, 100, 20, 1e-4) < 1e-7


def test_learning_rate_at_the_edges():
    assert learning_rate(0, 10, 0, 1e-4) == 1e-4  # no warm-up
    assert [learning_rate(step, 4, 4, 1.0) for step in range(4)] == [0, 0.25, 0.5, 0.75]  # nothing but warm-up


def test_smoothed_labels():
    np.testing.assert_allclose(smooth_labels(torch.tensor([0.0, 1.0]), 0.01), [0.01, 1 / 1.02 + 0.01], rtol=1e-6)
    assert smooth_labels(torch.tensor([0.0, 1.0]), 0).tolist() == [0, 1]
    labels = labels_of(epoch(own_pixels(16), label_smoothing=0.1))
    np.testing.assert_allclose(labels.unique(), [0.1, 1 / 1.2 + 0.1], rtol=1e-6)


@pytest.mark.parametrize(("n", "steps"), [(16, 2), (23, 2), (24, 3)])
def test_an_epoch_visits_every_sample_at_most_once(n, steps):
    batches = ImageBatches(own_pixels(n), settings(), CPU)
    assert len(batches) == steps
    visited = set()
    for _ in range(12):
        inputs, labels = zip(*batches.epoch(), strict=True)
        assert [len(part) for part in inputs] == [len(part) for part in labels] == [8] * steps
        rows = torch.cat(labels).argmax(dim=1).tolist()
        assert len(set(rows)) == 8 * steps
        visited |= set(rows)
    assert visited == set(range(n))  # what the last partial batch drops differs from epoch to epoch


@pytest.mark.parametrize("log_scaling", ["log10", "log1p", "root4"])
def test_batches_are_scaled_resized_and_then_given_positions(log_scaling):
    samples = random_samples(16)
    samples = Samples(samples.ids, samples.inputs, samples.side, np.eye(16, dtype=np.float32))
    for inputs, labels in epoch(samples, log_scaling=log_scaling):
        rows = labels.argmax(dim=1).numpy()
        expected = preprocessed(samples.inputs[rows], samples.side[rows], inputs.shape[-1], log_scaling)
        np.testing.assert_allclose(inputs, expected, atol=1e-6)


def test_batches_are_the_seeds_alone():
    everything_random = {"mixup": 0.5, "mass_scaling": 0.5}
    samples = random_samples(40)
    first, second = (ImageBatches(samples, settings(**everything_random), CPU) for _ in range(2))
    epochs = []
    for number in range(2):
        torch.manual_seed(number)  # the global generator has no part in it
        one, other = list(first.epoch()), list(second.epoch())
        assert all(torch.equal(a, b) for x, y in zip(one, other, strict=True) for a, b in zip(x, y, strict=True))
        epochs.append(labels_of(one))
    assert not torch.equal(*epochs)
    assert not torch.equal(epochs[0], labels_of(epoch(samples, seed=4, **everything_random)))


def test_widths_are_drawn_from_the_configuration_one_a_batch():
    batches = epoch(own_pixels(1200), batch_size=4, widths=[8, 11, 20])
    counts = {width: sum(inputs.shape[-1] == width for inputs, _ in batches) for width in (8, 11, 20)}
    assert sum(counts.values()) == 300
    assert min(counts.values()) > 70  # expected 100, standard deviation 8


@pytest.mark.parametrize("p", [0.0, 0.1, 1.0])
def test_a_share_of_p_is_mixed(p):
    labels = labels_of(epoch(own_pixels(1600), mixup=p, widths=[8]))
    mixed = (labels.sum(dim=1) == 2).float().mean()
    assert mixed == pytest.approx(p, abs=0.03)  # 4 standard deviations; at p = 1 some are their own partner


def test_mixup_takes_its_share_of_the_sample_itself_and_the_rest_of_the_partner():
    n = 400
    batches = epoch(own_pixels(n), mixup=1.0, mixup_range=[0.7, 0.8], widths=[n])
    pairs = [pair for batch in batches for pair in zip(*batch, strict=True)]
    visited, ratios = set(), []
    for image, label in pairs:
        values = image[:2, 0].numpy()  # channels × times; 1 + log10(ratio) / 4 after steps 7–9
        channel, own = np.argwhere(values == 1)[0]
        assert channel == own % 2
        visited.add(own)
        pixels = np.flatnonzero(label)
        assert own in pixels
        if len(pixels) == 2:
            partner = pixels[pixels != own][0]
            ratios.append(10 ** (4 * (values[partner % 2, partner] - 1)))
            values[partner % 2, partner] = 0
        values[channel, own] = 0
        np.testing.assert_allclose(values, 0, atol=1e-6)
    assert len(visited) == n
    shares = 1 / (1 + np.array(ratios))
    assert 0.699 < shares.min() < 0.705 < 0.795 < shares.max() < 0.801
    assert shares.mean() == pytest.approx(0.75, abs=0.01)


def test_mass_rows_are_scaled_by_powers_of_2_of_the_configured_spread():
    images = np.ones((64, 256, 2))
    batches = epoch(samples_of(images, np.eye(64)), mass_scaling=0.5, widths=[8])
    inputs = torch.cat([part for part, _ in batches])
    rows = labels_of(batches).argmax(dim=1).numpy()
    flat = inputs[np.arange(64), rows % 2].numpy()  # [samples, masses, width]
    assert np.ptp(flat, axis=2).max() < 1e-6  # one factor a mass row
    exponents = (flat[:, :, 0] - 1) * 4 / math.log10(2)  # less the sample's largest
    np.testing.assert_allclose(exponents.std(axis=1), 0.5, atol=0.12)
    assert np.corrcoef(exponents)[np.triu_indices(64, 1)].max() < 0.5  # drawn anew for every sample
    for sample in (0, 63):
        assert inputs[sample, 1 - rows[sample] % 2].abs().max() == 0


def test_what_is_always_there_is_subtracted_in_training_and_prediction():
    """Each mass row on its own offset gives the inputs and logits of the rows without."""
    images = random_samples(16).inputs
    images[..., 3] = 0  # a minimum in every row
    labels = np.tile([1, 0], (16, 1))
    clean, offset = (samples_of(images + add, labels) for add in (0, np.linspace(0, 2, images.shape[1])[:, None]))
    chosen = settings(background=[0, 0], mixup=0.5)
    for (one, _), (other, _) in zip(
        ImageBatches(clean, settings(mixup=0.5), CPU).epoch(), ImageBatches(offset, chosen, CPU).epoch(), strict=True
    ):
        torch.testing.assert_close(one, other, atol=1e-3, rtol=0)
    logits = [predict(Pooled(), samples, how, "fp32") for samples, how in ((clean, settings()), (offset, chosen))]
    np.testing.assert_allclose(*logits, atol=1e-3)


def test_prediction_is_the_mean_of_explicit_passes_over_the_widths():
    torch.manual_seed(0)
    network = Network("test_resnet", "mass_flat", 32, 3, 0.0, {"pretrained": False})
    samples = random_samples(BATCH + 3)
    widths = [32, 40, 48, 56, 64]
    network.train()  # predict must see to it
    result = predict(network, samples, settings(widths=widths), "fp32")
    assert (result.shape, result.dtype) == ((BATCH + 3, 3), np.float32)
    network.eval()
    picked = np.array([0, 1, BATCH - 1, BATCH, BATCH + 2])
    with torch.no_grad():
        passes = [network(preprocessed(samples.inputs[picked], samples.side[picked], width)) for width in widths]
    assert (passes[0] - passes[4]).abs().max() > 1e-3
    np.testing.assert_allclose(result[picked], sum(passes) / 5, rtol=1e-3, atol=1e-5)
    half = predict(network, samples.take(np.arange(4)), settings(widths=widths), "bf16")
    assert half.dtype == np.float32
    assert 0 < np.abs(half - result[:4]).max() < 0.1
    assert predict(network, samples.take(np.arange(0)), settings(), "fp32").shape == (0, 3)


def test_validation_loss_is_the_mean_over_samples_and_labels():
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(0, 3, (11, 3)).astype(np.float32), rng.integers(0, 2, (11, 3)).astype(np.float32)
    logits[0, 0], labels[0, 0] = 100, 0  # a probability of 1 in float32, yet a finite loss
    losses = [
        math.log1p(math.exp(-z)) if y else math.log1p(math.exp(z))
        for z, y in zip(logits.ravel().tolist(), labels.ravel().tolist(), strict=True)
    ]
    assert validation_loss(logits, labels) == pytest.approx(sum(losses) / 33, rel=1e-9)


class Pooled(nn.Module):
    """Logistic regression on the means of the four channels: its gradient fits on a line."""

    def __init__(self):
        super().__init__()
        self.classifier = nn.Linear(4, 2)
        nn.init.constant_(self.classifier.weight, 0.1)
        nn.init.constant_(self.classifier.bias, 1)

    def forward(self, inputs):
        return self.classifier(inputs.mean(dim=(2, 3)))


def predict(network, samples, how, precision):
    labels = [f"label{number}" for number in range(network.classifier.out_features)]
    return Model(network, how, samples.inputs.shape[1:], labels, precision).logits(samples)


def trained(network, training, validation, **changes):
    used = settings(**changes)
    rows = []

    def validated(graphs):
        assert graphs is None  # on a CPU
        return lambda: predict(network, validation, used, "reference")

    state = train(
        network, ImageBatches(training, used, CPU), validation, validated, used, "reference", FitContext([], 1, rows.append)
    )
    assert rows == state.history
    assert [row["epoch"] for row in rows] == list(range(1, used.epochs + 1))
    return state.history, state.best_epoch, state.best_logits


def test_the_loop_is_adamw_written_out():
    """Rates 0, 1/2, 1, then a cosine; decoupled decay; a gradient norm that is clipped at some steps."""
    chosen = {"epochs": 4, "rate": 0.05, "weight_decay": 0.3, "clip_gradient": 0.1, "label_smoothing": 0.01}
    samples = random_samples(27)
    network = Pooled()
    theta = np.hstack([network.classifier.weight.detach().numpy(), network.classifier.bias.detach().numpy()[:, None]])
    theta = theta.astype(np.float64)
    history, best_epoch, _ = trained(network, samples, samples, **chosen)

    batches = ImageBatches(samples, settings(**chosen), CPU)
    first, second, losses, clipped, at_end = np.zeros_like(theta), np.zeros_like(theta), [], [], []
    for step in range(12):
        if step % 3 == 0:
            iterator = batches.epoch()
        inputs, targets = (tensor.double().numpy() for tensor in next(iterator))
        x = np.hstack([inputs.mean(axis=(2, 3)), np.ones((8, 1))])
        p = 1 / (1 + np.exp(-x @ theta.T))
        losses.append(-(targets * np.log(p) + (1 - targets) * np.log(1 - p)).mean())
        gradient = (p - targets).T @ x / targets.size
        norm = np.sqrt((gradient**2).sum())
        clipped.append(norm > 0.1)
        gradient *= min(1, 0.1 / norm)
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        rate = 0.05 * (step / 3 if step < 3 else (1 + math.cos(math.pi * (step - 3) / 9)) / 2)
        theta -= rate * 0.3 * theta
        theta -= rate * (first / (1 - 0.9 ** (step + 1))) / (np.sqrt(second / (1 - 0.999 ** (step + 1))) + 1e-8)
        if step % 3 == 2:
            assert history[step // 3]["rate"] == pytest.approx(rate)
            at_end.append(theta.copy())
    assert 0 < sum(clipped) < 12
    np.testing.assert_allclose([row["train_loss"] for row in history], np.reshape(losses, (4, 3)).mean(axis=1), rtol=1e-4)
    np.testing.assert_allclose(network.classifier.weight.detach(), at_end[best_epoch - 1][:, :4], rtol=1e-3, atol=1e-5)


def test_warm_up_steps_are_truncated():
    """Half of an epoch of three steps is one step."""
    samples = random_samples(27)
    history, _, _ = trained(Pooled(), samples, samples, rate=0.05, warmup_epochs=0.5)
    assert [row["rate"] for row in history] == [learning_rate(step, 6, 1, 0.05) for step in (2, 5)]


def test_ties_keep_the_earlier_epoch():
    samples = random_samples(16)
    history, best_epoch, _ = trained(Pooled(), samples, samples, rate=0.0, epochs=3)
    assert len({row["validation_loss"] for row in history}) == 1
    assert best_epoch == 1


@pytest.mark.parametrize("opposite", [True, False])
def test_the_best_epoch_is_kept(opposite):
    """Validated on the opposite of what it learns, the loop's first epochs are its best, otherwise its last."""
    images = random_samples(32).inputs
    samples = samples_of(images, np.tile([1, 0], (32, 1)))
    labels = 1 - samples.labels if opposite else samples.labels
    validation = samples_of(images, labels)
    network = Pooled()
    nn.init.zeros_(network.classifier.bias)
    history, best_epoch, logits = trained(network, samples, validation, rate=0.05, epochs=4)
    losses = [row["validation_loss"] for row in history]
    assert best_epoch == 1 + int(np.argmin(losses))
    assert (best_epoch < 4) == opposite
    np.testing.assert_array_equal(predict(network, samples, settings(), "reference"), logits)
    assert validation_loss(logits, labels) == min(losses)


def test_the_last_epoch_is_kept_where_the_config_says_so():
    """Validated on the opposite of what it learns: the last epoch is the worst."""
    images = random_samples(32).inputs
    samples = samples_of(images, np.tile([1, 0], (32, 1)))
    validation = samples_of(images, 1 - samples.labels)
    network = Pooled()
    history, kept, logits = trained(network, samples, validation, rate=0.05, epochs=4, select="last")
    losses = [row["validation_loss"] for row in history]
    assert kept == 4 == 1 + int(np.argmax(losses))
    np.testing.assert_array_equal(predict(network, samples, settings(), "reference"), logits)


@pytest.mark.parametrize(("last_epoch", "epochs"), [(None, 3), (2, 2)])
def test_without_a_validation_part_the_last_epoch_is_kept(tmp_path, last_epoch, epochs):
    """As a refit has it; stopped and gone on from its checkpoint it ends with the same weights."""
    samples, rows = random_samples(16), []
    nobody, how = samples.take(np.arange(0)), settings(epochs=3, precision="reference")
    labels = [f"label{number}" for number in range(samples.labels.shape[1])]
    context = FitContext(labels, 1, rows.append, last_epoch=last_epoch)
    model = Model.fit(samples, nobody, how, context)
    assert [row["epoch"] for row in rows] == list(range(1, epochs + 1))
    assert [row["validation_loss"] for row in rows] == [None] * epochs
    assert (model.best_epoch, model.validation_logits.shape) == (epochs, (0, len(labels)))
    asked = itertools.count(1)
    stopped = replace(context, checkpoint=tmp_path / "checkpoint", stopping=lambda: "half" if next(asked) == 3 else None)
    with pytest.raises(Interrupted):
        Model.fit(samples, nobody, how, stopped)
    again = Model.fit(samples, nobody, how, replace(stopped, stopping=lambda: None))
    np.testing.assert_array_equal(again.logits(samples), model.logits(samples))
    if last_epoch is None:  # a validation part would not have changed a step
        with_one = Model.fit(samples, samples, settings(epochs=3, precision="reference", select="last"), FitContext(labels))
        np.testing.assert_array_equal(with_one.logits(samples), model.logits(samples))


def test_averaged_weights_are_a_moving_average_of_all_steps():
    """By hand: the weights after every step, whose average starts with the first; it is scored and kept."""
    samples = random_samples(24)
    seen = []

    class Watched(Pooled):
        def forward(self, inputs):
            if self.training:
                seen.append(self.classifier.weight.detach().double().clone())
            return super().forward(inputs)

    plain, averaged = Watched(), Pooled()
    how = {"rate": 0.05, "epochs": 4, "select": "last"}
    trained(plain, samples, samples, **how)
    history, _, logits = trained(averaged, samples, samples, **how, average=0.5)
    steps = [*seen[1:], plain.classifier.weight.detach().double()]  # after each of 12 steps
    expected = steps[0]
    for number, weights in enumerate(steps[1:], start=2):
        decay = min(0.5, (1 + number) / (10 + number))
        expected = decay * expected + (1 - decay) * weights
    np.testing.assert_allclose(averaged.classifier.weight.detach(), expected, rtol=1e-4)
    assert (averaged.classifier.weight - plain.classifier.weight).abs().max() > 1e-3
    np.testing.assert_array_equal(predict(averaged, samples, settings(), "reference"), logits)
    assert history[-1]["validation_loss"] == validation_loss(logits, samples.labels)


def test_a_loss_that_is_never_finite():
    samples = random_samples(16)
    network = Pooled()
    nn.init.constant_(network.classifier.bias, torch.nan)
    with pytest.raises(FloatingPointError, match="lower the model's rate"):
        trained(network, samples, samples)


def test_the_same_seed_gives_the_same_logits():
    samples = random_samples(24)
    changes = {"mixup": 0.5, "mass_scaling": 0.5, "drop_path_rate": 0.2}

    def fitted(seed):
        return Model.fit(samples, samples, settings(seed=seed, **changes), FitContext(["a", "b"], 1, [].append))

    one, same, other = fitted(5), fitted(5), fitted(6)
    np.testing.assert_array_equal(one.validation_logits, same.validation_logits)
    assert [row["train_loss"] for row in one.history] == [row["train_loss"] for row in same.history]
    assert np.abs(one.validation_logits - other.validation_logits).max() > 1e-3


def test_a_short_training_learns():
    training, validation = random_samples(64, (64, 32), 1), random_samples(40, (64, 32), 2)
    peak = samples_of(training.inputs, training.labels[:, 1:])
    held_out = samples_of(validation.inputs, validation.labels[:, 1:])
    model = Model.fit(peak, held_out, settings(epochs=10, rate=3e-3), FitContext(["peak"], 1, [].append))
    assert model.history[-1]["train_loss"] < model.history[0]["train_loss"] / 2
    right = (model.validation_logits > 0) == (held_out.labels > 0.5)
    assert right.mean() > 0.9
