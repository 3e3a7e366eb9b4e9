"""Family ``library``: spectra and matches by hand, and a search that finds what is in a spectrum."""

import numpy as np
import pytest
from test_sequence import LABELS, events

from ionscape.data.samples import Samples
from ionscape.models.library.model import Model, spectra_of
from ionscape.training.context import FitContext
from support.settings import model_settings

SETTINGS = {"family": "library", "background": None, "intensity_power": 0.5, "mass_power": 1}


def settings(**changes):
    return model_settings({**SETTINGS, **changes})


def fit(training, validation, **changes):
    return Model.fit(training, validation, settings(**changes), FitContext(LABELS, 1, [].append))


def test_spectra_by_hand():
    image = np.array([[[0.5, 0.5], [3, 1], [1, 0], [-1, -1]]], np.float32)
    expected = np.array([0, 2, 2, 0]) / np.sqrt(8)  # m/z · √sum
    np.testing.assert_allclose(spectra_of(image, settings()), [expected])
    np.testing.assert_allclose(spectra_of(image * 9, settings()), [expected])
    plain = spectra_of(image, settings(background=0, intensity_power=1, mass_power=0))
    np.testing.assert_allclose(plain, np.array([[0, 2, 1, 0]]) / np.sqrt(5))
    assert not spectra_of(np.zeros((1, 3, 2), np.float32), settings()).any()


def test_a_logit_is_a_line_of_the_match_with_the_labels_mean_spectrum():
    training, asked = events(60, 0), events(20, 1)
    model = fit(training, asked)
    spectra = spectra_of(training.inputs, settings())
    mean = spectra[training.labels[:, 1] > 0].mean(axis=0)
    match = spectra_of(asked.inputs, settings()) @ mean / np.linalg.norm(mean)
    line = np.polyfit(match, model.validation_logits[:, 1], 1)
    assert line[0] > 0
    np.testing.assert_allclose(np.polyval(line, match), model.validation_logits[:, 1], atol=1e-4)


def test_it_finds_ions_that_say_the_label_and_is_kept(tmp_path):
    rng = np.random.default_rng(0)
    labels = (rng.random((80, 2)) < 0.5).astype(np.float32)
    images = rng.random((80, 12, 6)).astype(np.float32) * 0.1
    images[labels[:, 0] > 0, 3] += 1
    images[labels[:, 1] > 0, 7] += 1
    samples = Samples([f"S{n}" for n in range(80)], images, np.zeros(80, np.int64), labels)
    training, asked = samples.take(np.arange(50)), samples.take(np.arange(50, 80))
    model = fit(training, asked)
    assert ((model.validation_logits > 0) == (asked.labels > 0.5)).mean() > 0.9
    model.save(tmp_path, {"inputs": {}})
    np.testing.assert_array_equal(Model.load(tmp_path).logits(asked), model.validation_logits)
    assert model.logits(asked.take(np.arange(0))).shape == (0, 2)


def test_labels_of_one_class():
    samples = events(40, 3)
    never = Samples(samples.ids, samples.inputs, samples.side, np.zeros((40, 2), np.float32))
    logits = fit(never, never).validation_logits
    assert (logits == logits[0, 0]).all()
    assert logits[0, 0] == pytest.approx(np.log(1 / 40), abs=1e-4)
