"""Family ``kernel``: its views by hand, its optimum, and a fitted model."""

import re

import numpy as np
import pytest
from scipy.optimize import minimize
from test_sequence import LABELS, events

from ionscape.data.samples import Samples
from ionscape.errors import Interrupted
from ionscape.models.kernel.model import Model, bands_of, squared_distances, views_of
from ionscape.training.context import FitContext
from support.settings import model_settings

SETTINGS = {
    "family": "kernel",
    "views": ["intensity", "mass", "time", "spectrum"],
    "also_without": [],
    "root": 2,
    "background": None,
    "smoothing": 1,
    "bands": 10,
    "floor": 1e-4,
    "width": 2,
    "c": 100,
}


def settings(**changes):
    return model_settings({**SETTINGS, **changes})


def fit(training, validation, **changes):
    return Model.fit(training, validation, settings(**changes), FitContext(LABELS, 1, [].append))


def test_bands_are_maxima_of_the_smoothed_rows():
    images = np.zeros((1, 2, 7), np.float32)
    images[0, 0, 3] = 1
    images[0, 1] = -0.5
    bands = bands_of(images, settings(bands=3))  # bins 0–2, 3–4, 5–6 after the window 1/4, 1/2, 1/4
    assert bands[0].tolist() == [[0.25, 0.5, 0], [0, 0, 0]]
    assert bands_of(images, settings(bands=20, smoothing=0)).shape == (1, 2, 7)


def test_views():
    bands = np.array([[[0.64, 0.04], [0.16, 0], [0, 0]]], np.float32)
    expected = [[1, 0.25, 0.5, 0, 0, 0], [1, 0.25, 1, 0, 0, 0], [1, 1, 0.5, 0, 0, 0], [1, 0.5, 0]]
    for view, values in zip(views_of(bands, settings()), expected, strict=True):
        np.testing.assert_allclose(view, [values / np.linalg.norm(values)], atol=1e-6)
    (faint,) = views_of(np.array([[[1, 1e-6], [1e-8, 0]]], np.float32), settings(views=["time"]))
    assert faint[0, 1] / faint[0, 0] == pytest.approx((1e-6 / 1e-2) ** 0.5)
    assert not np.isnan(views_of(np.zeros((1, 2, 3), np.float32), settings())[0]).any()


def test_views_without_some_masses_are_those_of_the_others():
    bands = np.random.default_rng(0).random((4, 5, 3)).astype(np.float32)
    views = views_of(bands, settings(also_without=[0, 3, 99]))
    expected = [*views_of(bands, settings()), *views_of(bands[:, [1, 2, 4]], settings())]
    for view, other in zip(views, expected, strict=True):
        np.testing.assert_array_equal(view, other)


def test_distances():
    rng = np.random.default_rng(0)
    a, b = rng.random((5, 3)), rng.random((4, 3))
    np.testing.assert_allclose(squared_distances(a, b), ((a[:, None] - b) ** 2).sum(axis=2), atol=1e-12)


def test_it_is_the_optimum_of_kernel_logistic_regression():
    """Against a minimizer of C · Σ loss + ½ αᵀKα + ½ s² over α, side weight and bias, on the mean of the kernels."""
    samples = events(30, 0)
    model = fit(samples, samples, c=2.0)
    kernel = 0
    for view in views_of(bands_of(samples.inputs, settings()), settings()):
        d = squared_distances(view, view)
        kernel = kernel + np.exp(-2 * d / np.median(d[~np.eye(30, dtype=bool)])) / 4
    y = samples.labels[:, 0].astype(float)

    def objective(parameters):
        alpha, side, bias = parameters[:30], parameters[30], parameters[31]
        z = kernel @ alpha + side * samples.side + bias
        return 2.0 * (np.logaddexp(0, z) - y * z).sum() + alpha @ kernel @ alpha / 2 + side**2 / 2

    best = minimize(objective, np.zeros(32), method="BFGS", options={"gtol": 1e-6})
    found = np.concatenate([model.tensors["weights"][:, 0], [model.tensors["side"][0], model.tensors["bias"][0]]])
    assert objective(found) == pytest.approx(best.fun, rel=1e-5)


def test_a_fitted_model(tmp_path):
    training, validation = events(160, 1), events(80, 2)
    model = fit(training, validation)
    loss = np.logaddexp(0, np.where(validation.labels > 0.5, -1, 1) * model.validation_logits).mean()
    assert loss < 0.35  # 0.69 by the frequencies
    scaled = Samples(validation.ids, validation.inputs * 7, validation.side, validation.labels)
    np.testing.assert_allclose(model.logits(scaled), model.validation_logits, atol=1e-4)  # only relative intensities count
    np.testing.assert_array_equal(fit(training, validation).validation_logits, model.validation_logits)
    assert model.logits(validation.take(np.arange(0))).shape == (0, 2)
    model.save(tmp_path, {"inputs": {}})
    np.testing.assert_array_equal(Model.load(tmp_path).logits(validation), model.validation_logits)


def test_labels_of_one_class_and_the_side_flag():
    samples = events(40, 3)
    never = Samples(
        samples.ids, samples.inputs, samples.side, np.column_stack([np.zeros(40), samples.side]).astype(np.float32)
    )
    logits = fit(never, never).validation_logits
    assert (logits[:, 0] == logits[0, 0]).all()
    assert -4.5 < logits[0, 0] < -3  # one pseudo-sample among 41
    assert ((logits[:, 1] > 0) == (samples.side == 1)).mean() > 0.9


def test_told_to_stop():
    samples = events(20, 0)
    with pytest.raises(Interrupted, match=re.escape("SIGTERM: stopped after label 1 of 2")):
        Model.fit(samples, samples, settings(), FitContext(LABELS, 1, [].append, stopping=lambda: "SIGTERM"))
