"""Blends against brute force; what is fitted on a fold's own labels never answers for it."""

import numpy as np
import pytest
from scipy.optimize import minimize
from test_ensemble import CLIP, SHRINKAGES, case, reference_combine, reference_loss, subset_losses

from ionscape.config.sections import Ensemble
from ionscape.evaluation.blending import METHODS, Blend, cross_fitted, fit_blend
from ionscape.evaluation.metrics import log_loss
from support.settings import changed

SETTINGS = Ensemble(method="auto", clip=CLIP, ridge=0.01)


def logits_of(probabilities):
    p = np.clip(probabilities, CLIP, 1 - CLIP)
    return np.log(p / (1 - p))


def test_a_blend_is_a_weighted_sum_of_clipped_logits():
    _, probabilities = case(0, models=2, samples=5, spread=8)
    weights, bias = np.array([[0.5, 2.0], [1.0, 0.0]]), np.array([0.25, -1.0])
    found = Blend(weights, bias, {})(probabilities, CLIP)
    for sample in range(5):
        for label in range(2):
            z = logits_of(probabilities)[:, sample, label] @ weights[:, label] + bias[label]
            assert found[sample, label] == pytest.approx(1 / (1 + np.exp(-z)), rel=1e-12)


def test_select_is_the_plain_mean_of_the_best_subset():
    labels, probabilities = case(3, models=3, samples=45)
    losses = subset_losses(labels, probabilities)
    best = min(losses, key=losses.get)
    blend = METHODS["select"](labels, probabilities, SETTINGS, SHRINKAGES)
    assert blend.members == list(best)
    np.testing.assert_allclose(blend(probabilities, CLIP), reference_combine(probabilities[list(best)], CLIP), rtol=1e-12)


def test_temper_finds_each_models_best_slope():
    labels, probabilities = case(1, models=3, samples=200, spread=4)
    blend = METHODS["temper"](labels, probabilities, SETTINGS, SHRINKAGES)
    slopes = np.linspace(0.01, 3, 600)
    for model, z in enumerate(logits_of(probabilities)):
        losses = [reference_loss(labels, 1 / (1 + np.exp(-slope * z))) for slope in slopes]
        assert 3 * blend.weights[model, 0] == pytest.approx(slopes[np.argmin(losses)], abs=0.006)
    np.testing.assert_array_equal(blend.weights[:, 0], blend.weights[:, 1])


@pytest.mark.parametrize("ridge", [0.001, 0.1])
def test_weigh_has_the_lowest_penalized_loss(ridge):
    labels, probabilities = case(2, models=4, samples=60, spread=3)
    z = logits_of(probabilities)

    def objective(weights):
        p = 1 / (1 + np.exp(-np.einsum("msl,m->sl", z, weights)))
        return reference_loss(labels, p) + ridge * np.sum((weights - 0.25) ** 2)

    found = METHODS["weigh"](labels, probabilities, changed(SETTINGS, ridge=ridge), SHRINKAGES).weights[:, 0]
    reference = minimize(objective, np.full(4, 0.25), bounds=[(0, 3)] * 4, method="Powell", options={"xtol": 1e-8}).x
    assert objective(found) <= objective(reference) + 1e-7
    assert (found >= 0).all()


def test_a_wrong_model_gets_no_weight_and_a_strong_ridge_is_the_mean():
    labels, probabilities = case(5, models=2, samples=200)
    wrong = np.where(labels > 0.5, 0.2, 0.8)[None]  # a negative weight would make it perfect
    three = np.concatenate([probabilities, wrong])
    weights = METHODS["weigh"](labels, three, changed(SETTINGS, ridge=1e-6), SHRINKAGES)
    assert weights.members == [0, 1]
    assert Blend(np.zeros((3, 2)), np.ones(2), {}).members == [0, 1, 2]  # nothing was learnt: the bias answers
    held = METHODS["weigh"](labels, three, changed(SETTINGS, ridge=1e6), SHRINKAGES).weights
    np.testing.assert_allclose(held, 1 / 3, atol=1e-5)


def test_stack_tells_labels_apart():
    """Model 0 knows the first label, model 1 the second; the second label's models are all too sure."""
    rng = np.random.default_rng(0)
    labels = (rng.random((400, 2)) < 0.3).astype(np.float32)
    signal, noise = np.where(labels > 0.5, 2.0, -2.0), rng.normal(0, 3, (2, 400, 2))
    logits = np.stack([noise[0], noise[1]])
    logits[0, :, 0], logits[1, :, 1] = signal[:, 0] + noise[0, :, 0] / 3, signal[:, 1] + noise[1, :, 1] / 3 - 4
    blend = METHODS["stack"](labels, 1 / (1 + np.exp(-logits)), changed(SETTINGS, ridge=1e-4), SHRINKAGES)
    assert blend.weights[0, 0] > 5 * blend.weights[1, 0]
    assert blend.weights[1, 1] > 5 * blend.weights[0, 1]
    assert blend.bias[1] > blend.bias[0] + 1


def test_auto_takes_the_method_that_answers_best_for_folds_that_it_did_not_see():
    labels, probabilities = case(4, models=3, samples=60, spread=5)
    folds = np.arange(60) % 3
    losses = {
        name: log_loss(labels, cross_fitted(labels, probabilities, folds, changed(SETTINGS, method=name), SHRINKAGES))
        for name in METHODS
    }
    name, blend = fit_blend(labels, probabilities, folds, SETTINGS, SHRINKAGES)
    assert name == min(losses, key=losses.get)
    expected = METHODS[name](labels, probabilities, SETTINGS, SHRINKAGES)
    np.testing.assert_array_equal(blend.weights, expected.weights)


def test_auto_with_two_folds_selects_within_each():
    labels, probabilities = case(4, models=3, samples=60)
    folds = np.arange(60) % 2
    found = cross_fitted(labels, probabilities, folds, SETTINGS, SHRINKAGES)
    expected = cross_fitted(labels, probabilities, folds, changed(SETTINGS, method="select"), SHRINKAGES)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("method", ["auto", *METHODS])
def test_a_folds_own_labels_have_no_say_in_its_answer(method):
    labels, probabilities = case(7, models=3, samples=36)
    folds = np.arange(36) % 3
    settings = changed(SETTINGS, method=method)
    nested = cross_fitted(labels, probabilities, folds, settings, SHRINKAGES)
    changed_elsewhere = False
    for fold in range(3):
        spoiled = labels.copy()
        spoiled[folds == fold] = 1 - spoiled[folds == fold]
        again = cross_fitted(spoiled, probabilities, folds, settings, SHRINKAGES)
        np.testing.assert_array_equal(again[folds == fold], nested[folds == fold])
        changed_elsewhere |= (again != nested).any()
    assert changed_elsewhere
