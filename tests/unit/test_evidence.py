"""What speaks for an answer: each family's evidence adds up to its logit, and the ensemble's to its models'."""

import numpy as np
import pyarrow.parquet as pq
import pytest
import test_kernel
import test_library
import test_models
import test_sequence
import torch
from test_sequence import LABELS, MASSES, TIMES, events

from ionscape.data.samples import Samples
from ionscape.evidence.choice import choose
from ionscape.evidence.combine import Reason, explain, shares, strongest
from ionscape.evidence.table import EvidenceTable
from ionscape.images.features import feature_names
from ionscape.models.evidence import Evidence
from ionscape.models.image import model as image
from ionscape.models.kernel import model as kernel
from ionscape.models.library import model as library
from ionscape.models.sequence.model import Model as SequenceModel
from ionscape.models.table import model as table
from ionscape.training.context import FitContext
from support.settings import model_settings

OWN_ION = np.array([3, 8])  # of labels a and b, as events() makes them


def own_share(evidence, labels):
    """The mean share of each label's own ion in the evidence."""
    return shares(evidence.masses)[np.arange(len(labels)), OWN_ION[labels]].mean()


def with_label(samples):
    """(samples, labels): every sample once for each label that it has."""
    rows, labels = np.nonzero(samples.labels)
    return samples.take(rows), labels


@pytest.fixture(scope="module")
def training():
    return events(200, 1)


def test_a_sequence_models_evidence_adds_up_to_its_logit(training):
    model = SequenceModel.fit(training, events(40, 2), test_sequence.settings(epochs=15), FitContext(LABELS, 1, [].append))
    samples, labels = with_label(events(30, 3))
    found = model.evidence(samples, labels)
    assert found.image.shape == (len(labels), MASSES, TIMES)
    np.testing.assert_allclose(found.masses, found.image.sum(axis=2), rtol=1e-5)
    nothing = Samples(samples.ids, np.zeros_like(samples.inputs), samples.side, samples.labels)
    row = np.arange(len(labels))
    gained = (model.logits(samples) - model.logits(nothing))[row, labels]
    told = found.image.sum(axis=(1, 2))
    assert np.corrcoef(told, gained)[0, 1] > 0.98  # eight steps of the path
    assert np.median(np.abs(told - gained) / np.abs(gained)) < 0.15
    assert own_share(found, labels) > 0.5
    assert found.curve.shape == (len(labels), TIMES)
    peak = samples.inputs[row, OWN_ION[labels]].argmax(axis=1)
    assert (np.abs(found.curve.argmax(axis=1) - peak) <= 2).mean() > 0.8  # the event is where the ion is


@pytest.mark.parametrize("stride", [2, 3])
def test_the_event_curve_has_the_images_bins(training, stride):
    how = test_sequence.settings(epochs=1, stride=stride, scalings=["log", "root"], background=[0, 0.1])
    model = SequenceModel.fit(training, events(8, 2), how, FitContext(LABELS, 1, [].append))
    found = model.evidence(events(5, 3), np.array([0, 1, 0, 1, 1]))
    assert found.curve.shape == (5, TIMES)
    assert found.image.shape == (5, MASSES, TIMES)


@pytest.mark.parametrize("changes", [{}, {"also_without": [0], "background": 0.0}])
def test_a_kernel_models_evidence_is_its_logits_slope(training, changes):
    """Against numerical differences of the logit as one cell of the views grows along the cosines."""
    model = test_kernel.fit(training, events(20, 2), **changes)
    samples, labels = with_label(events(30, 3))
    found = model.evidence(samples, labels)
    assert found.image.shape == samples.inputs.shape
    np.testing.assert_allclose(found.masses, found.image.sum(axis=2), rtol=1e-4, atol=1e-6)
    assert own_share(found, labels) > 0.25
    # The sum over all cells is the derivative of the logit when all cosines grow by their own size.
    how, step = model.settings, 1e-5
    known = kernel.views_of(model.tensors["bands"], how)
    asked = kernel.views_of(kernel.bands_of(samples.inputs, how), how)

    def logit(factor):
        squared = [2 - 2 * factor * (a.astype(float) @ b.T) for a, b in zip(asked, known, strict=True)]
        kernels = [np.exp(-how.width * d / s) for d, s in zip(squared, model.tensors["scales"], strict=True)]
        return (np.mean(kernels, axis=0) @ model.tensors["weights"])[np.arange(len(labels)), labels]

    slope = (logit(1 + step) - logit(1 - step)) / (2 * step)
    np.testing.assert_allclose(found.image.sum(axis=(1, 2)), slope, rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("algorithm", ["lightgbm", "logistic_regression"])
def test_a_table_models_evidence_adds_up_to_its_logit(algorithm):
    """Two masses and two bands: columns of log_maximum (2), bands (4), and the side flag."""
    groups = ["log_maximum", "bands"]
    rng = np.random.default_rng(0)
    inputs = rng.random((150, 6)).astype(np.float32)
    labels = np.column_stack([inputs[:, 1] > 0.5, inputs[:, 4] > 0.5, np.ones(150)]).astype(np.float32)
    samples = Samples([str(n) for n in range(150)], inputs, rng.integers(0, 2, 150), labels)
    how = model_settings({**test_models.TABLE, "algorithm": algorithm, "features": groups, "row_share": 1.0})
    model = table.Model.fit(samples, samples, how, FitContext(["a", "b", "c"], 1, [].append))
    model.inputs = {"masses": 2, "bands": 2}
    asked = np.arange(150) % 3
    found = model.evidence(samples, asked)
    logits = model.logits(samples)
    for label in (0, 1):  # of two classes: contributions are relative to a constant
        rows = asked == label
        parts = model._contributions(np.column_stack([inputs, samples.side])[rows], "ab"[label])
        rest = logits[rows, label] - parts.sum(axis=1)
        assert np.ptp(rest) < 1e-4
        assert found.masses[rows].shape == (50, 2)
        of_mass = parts[:, [0, 2, 3]].sum(axis=1), parts[:, [1, 4, 5]].sum(axis=1)
        np.testing.assert_allclose(found.masses[rows], np.column_stack(of_mass), rtol=1e-4, atol=1e-6)
    assert (found.masses[asked == 2] == 0).all()  # always there: nothing speaks for it
    names = feature_names(2, 2)
    assert found.top[0][0][0] == names["log_maximum"][1] == "log_maximum m/z 1"
    assert found.top[1][0][0] == names["bands"][2] == "bands m/z 1 1/2"


def test_a_library_searchs_evidence_adds_up_to_its_logit(training):
    samples, labels = with_label(events(30, 3))
    model = library.Model.fit(training, samples, model_settings(test_library.SETTINGS), FitContext(LABELS, 1, [].append))
    found = model.evidence(samples, labels)
    expected = model.logits(samples)[np.arange(len(labels)), labels] - model.tensors["bias"][labels]
    np.testing.assert_allclose(found.masses.sum(axis=1), expected, rtol=1e-4)
    assert found.image is None


def test_an_image_models_evidence_is_where_its_label_is():
    """Label 0 is a block at the bottom left, label 1 one at the top right; both are in every image that is asked."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (160, 2)).astype(np.float32)

    def images(labels):
        made = rng.random((len(labels), 64, 64)).astype(np.float32) * 0.01
        made[:, 4:20, 4:20] += labels[:, 0, None, None] * rng.random((len(labels), 16, 16))
        made[:, 44:60, 44:60] += labels[:, 1, None, None] * rng.random((len(labels), 16, 16))
        return made

    how = model_settings(
        {**test_models.IMAGE, "head": "full", "widths": [64], "mixup": 0, "mass_scaling": 0, "epochs": 16, "rate": 4e-3}
    )
    training = Samples([str(n) for n in range(160)], images(labels), np.zeros(160, np.int64), labels)
    torch.set_num_threads(1)
    model = image.Model.fit(training, training, how, FitContext(LABELS, 1, [].append))
    asked = Samples(["x"] * 20, images(np.ones((20, 2))), np.zeros(20, np.int64), np.ones((20, 2), np.float32))
    first, second = (model.evidence(asked, np.full(20, label)) for label in (0, 1))
    assert first.image.shape == (20, 64, 64)
    assert 0 <= first.image.min() <= first.image.max() <= 1.01
    below, above = (found.image[:, :32, :32].sum() / found.image[:, 32:, 32:].sum() for found in (first, second))
    assert below > 1.2 * above
    low, high = (shares(found.masses)[:, 4:20].sum(axis=1).mean() for found in (first, second))
    assert low > 0.6 > 0.4 > high
    nothing = Samples(asked.ids, np.zeros_like(asked.inputs), asked.side, asked.labels)
    gained = model.logits(asked)[:, 0] - model.logits(nothing)[:, 0]
    assert np.median(np.abs(first.masses.sum(axis=1) - gained) / np.abs(gained)) < 0.3  # four steps of the path


class Told:
    """A model that tells what it was made with, and notes what it was asked."""

    def __init__(self, masses, image=None, curve=None):
        self.told, self.asked = (masses, image, curve), []

    def evidence(self, samples, labels):
        self.asked.append((list(samples.ids), labels.tolist()))
        return Evidence(*(None if part is None else np.repeat(part[None], len(labels), axis=0) for part in self.told))


def test_models_are_weighed_as_the_ensemble_weighs_them():
    samples = Samples(["x", "y"], np.zeros((2, 3, 2), np.float32), np.zeros(2, np.int64), np.zeros((2, 2), np.float32))
    cells = np.array([[1.0, 0], [0, -5], [1, 2]])
    one, other = Told(np.array([1.0, -9, 3]), cells, np.array([0.5, 1])), Told(np.array([0.0, 2, 0]))
    pairs, progress = [(5, 0), (7, 1), (5, 1)], []
    place = np.full(9, -1)
    place[[5, 7]] = [0, 1]
    elsewhere = np.full(9, -1)
    members = {
        "one": lambda: iter([(one, samples, place), (Told(None), samples, elsewhere)]),
        "other": lambda: iter([(other, samples, place)]),
    }
    weights = {"one": [3.0, 0.0], "other": [1.0, 1.0]}
    first, second, third = explain(pairs, members, weights, (3, 2), lambda *done: progress.append(done))
    np.testing.assert_allclose(first.masses, 0.75 * np.array([0.25, 0, 0.75]) + 0.25 * np.array([0, 1, 0]))
    np.testing.assert_allclose(first.image, np.maximum(cells, 0) / 4)  # of the models that know time
    np.testing.assert_allclose(first.times, [0.5, 0.5])
    assert list(first.curves) == ["one"]
    np.testing.assert_allclose(second.masses, [0, 1, 0])  # model one has no weight there
    assert second.image.sum() == third.image.sum() == 0
    assert one.asked == [(["x"], [0])]
    assert other.asked == [(["x", "y", "x"], [0, 1, 1])]
    assert progress == [(1, 2), (2, 2)]


def test_shares_and_the_strongest():
    np.testing.assert_allclose(shares(np.array([[1.0, -1, 3], [-1, -2, 0]])), [[0.25, 0, 0.75], [0, 0, 0]])
    assert strongest(np.array([0, 0.2, 0.5, 0.3, 0]), 2) == [(2, 0.5), (3, 0.3)]
    assert strongest(np.array([0, 0.2]), 5) == [(1, 0.2)]


def test_whose_evidence_is_shown():
    truth = np.array([[1, 0], [1, 1], [0, 1], [0, 0], [1, 0]])
    p = np.array([[0.9, 0.1], [0.95, 0.4], [0.7, 0.8], [0.99, 0.2], [0.2, 0.6]])
    choice = choose(truth, p, averaged=1, samples=2, mistakes=2)
    assert choice.averaged == {0: [1], 1: [2]}
    assert choice.shown == [1, 0, 2]
    assert choice.mistakes == {3: 0, 4: 0}  # 0.99 and 0.8 off; row 4 is off by 0.6 for label 1 too
    assert set(choice.pairs(p)) == {(1, 0), (2, 1), (0, 0), (2, 0), (3, 0), (4, 0), (4, 1)}
    none = choose(truth, np.full((5, 2), 0.4), 3, 3, 9)
    assert none.averaged == {}
    assert none.shown == []
    assert none.mistakes == {0: 0, 1: 0, 2: 1, 4: 0}


def test_the_mean_of_a_label(tmp_path):
    def reason(*masses):
        return Reason(np.array(masses), np.zeros((2, 1)), {}, {})

    choice = choose(np.array([[1], [1]]), np.array([[0.8], [0.9]]), 2, 0, 0)
    images = np.array([[[3.0], [1]], [[0], [2]]])
    reasons = {(0, 0): reason(1, 0), (1, 0): reason(0.5, 0.5)}
    EvidenceTable.mean(choice, reasons, images, np.array([0, 1]), ["a"]).write(tmp_path / "evidence.parquet")
    assert pq.read_table(tmp_path / "evidence.parquet").to_pydict() == {
        "label": ["a", "a"],
        "mz": [0, 1],
        "evidence": [0.75, 0.25],
        "spectrum": [0.375, 0.625],
        "samples": [2, 2],
    }
    (entry,) = EvidenceTable.read(tmp_path / "evidence.parquet").labels.values()
    assert (entry.evidence.tolist(), entry.spectrum.tolist(), entry.samples) == ([0.75, 0.25], [0.375, 0.625], 2)


@pytest.mark.parametrize("head", ["full", "mass_flat"])
@pytest.mark.parametrize("backbone", ["hrnet_w18_small", "dpn48b", "resnet18", "regnetx_002", "tf_efficientnet_lite0"])
def test_every_kind_of_backbone_tells_its_evidence(backbone, head):
    """Of the presets' kinds: their layers have other names, and some give lists."""
    how = model_settings({**test_models.IMAGE, "backbone": backbone, "head": head, "drop_path_rate": 0, "widths": [64]})
    torch.manual_seed(0)
    network = image.Model.build(how, (64, 40), 2, fresh=True)
    images = np.random.default_rng(0).random((2, 64, 40), np.float32)
    samples = Samples(["x", "y"], images, np.array([0, 1]), np.ones((2, 2), np.float32))
    found = image.Model(network, how, (64, 40), LABELS, "fp32").evidence(samples, np.array([0, 1]))
    assert found.image.shape == (2, 64, 40)
    assert found.masses.shape == (2, 64)
    assert np.isfinite(found.masses).all()
    assert found.masses.any()
    assert found.image.min() >= 0
    inputs = torch.rand(1, 4, 64, 64)
    outputs = []
    layer = network.layer_of_stride(inputs, 8)
    layer.register_forward_hook(lambda module, given, output: outputs.append(output.shape))
    network(inputs)
    assert [shape[2:] for shape in outputs] == [(8, 8)]


def test_a_model_that_nothing_speaks_for_has_no_say():
    samples = Samples(["x"], np.zeros((1, 3, 2), np.float32), np.zeros(1, np.int64), np.zeros((1, 1), np.float32))
    against, speaking = Told(np.array([-1.0, -9, 0]), -np.ones((3, 2))), Told(np.array([0.0, 2, 2]))
    members = {
        "against": lambda: iter([(against, samples, np.zeros(1, np.int64))]),
        "for": lambda: iter([(speaking, samples, np.zeros(1, np.int64))]),
    }
    (reason,) = explain([(0, 0)], members, {"against": [2.0], "for": [1.0]}, (3, 2), lambda *done: None)
    np.testing.assert_allclose(reason.masses, [0, 0.5, 0.5])
