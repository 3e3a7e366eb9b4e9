"""Blends against brute force; what is fitted on a fold's own labels never answers for it."""

import numpy as np
import pytest
from scipy.optimize import minimize
from test_ensemble import CLIP, SHRINKAGES, case, reference_combine, reference_loss, subset_losses

from ionscape.config.sections import Ensemble
from ionscape.evaluation.blending import METHODS, Blend, Candidates, Slopes, cross_fitted, fit_blend
from ionscape.evaluation.metrics import log_loss
from support.settings import changed

SETTINGS = Ensemble(method="auto", clip=CLIP, ridge=0.01)


def candidates(labels, probabilities, folds=None, novelty=None):
    """Of one fold, and samples that are all as new, where nothing else is said."""
    samples = len(labels)
    folds = np.zeros(samples, dtype=int) if folds is None else folds
    novelty = np.zeros((len(probabilities), samples)) if novelty is None else novelty
    return Candidates(labels, folds, probabilities, novelty)


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
    blend = METHODS["select"](candidates(labels, probabilities), SETTINGS, SHRINKAGES)
    assert blend.members == list(best)
    np.testing.assert_allclose(blend(probabilities, CLIP), reference_combine(probabilities[list(best)], CLIP), rtol=1e-12)


def test_temper_finds_each_models_best_slope():
    labels, probabilities = case(1, models=3, samples=200, spread=4)
    blend = METHODS["temper"](candidates(labels, probabilities), SETTINGS, SHRINKAGES)
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

    found = METHODS["weigh"](candidates(labels, probabilities), changed(SETTINGS, ridge=ridge), SHRINKAGES).weights[:, 0]
    reference = minimize(objective, np.full(4, 0.25), bounds=[(0, 3)] * 4, method="Powell", options={"xtol": 1e-8}).x
    assert objective(found) <= objective(reference) + 1e-7
    assert (found >= 0).all()


def test_a_wrong_model_gets_no_weight_and_a_strong_ridge_is_the_mean():
    labels, probabilities = case(5, models=2, samples=200)
    wrong = np.where(labels > 0.5, 0.2, 0.8)[None]  # a negative weight would make it perfect
    three = np.concatenate([probabilities, wrong])
    weights = METHODS["weigh"](candidates(labels, three), changed(SETTINGS, ridge=1e-6), SHRINKAGES)
    assert weights.members == [0, 1]
    assert Blend(np.zeros((3, 2)), np.ones(2), {}).members == [0, 1, 2]  # nothing was learnt: the bias answers
    held = METHODS["weigh"](candidates(labels, three), changed(SETTINGS, ridge=1e6), SHRINKAGES).weights
    np.testing.assert_allclose(held, 1 / 3, atol=1e-5)


def near_and_far(seed, samples=600):
    """Model 0 knows near samples and guesses surely on far ones; model 1 knows a little of all."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((samples, 2)) < 0.4).astype(np.float32)
    novelty = np.where(np.arange(samples) % 2, -5.0, -1.0) + rng.normal(0, 0.2, samples)
    signal = np.where(labels > 0.5, 1.0, -1.0)
    comparing = np.where(novelty[:, None] < -3, 4 * signal, rng.normal(0, 3, labels.shape))
    general = signal + rng.normal(0, 1, labels.shape)
    return labels, 1 / (1 + np.exp(-np.stack([comparing, general]))), np.stack([novelty, novelty])


def test_adapt_trusts_a_model_where_it_knows():
    labels, probabilities, novelty = near_and_far(0)
    given = candidates(labels, probabilities, np.arange(600) % 3, novelty)
    losses = {
        name: log_loss(labels, cross_fitted(given, changed(SETTINGS, method=name), SHRINKAGES))
        for name in ("weigh", "adapt")
    }
    assert losses["adapt"] < losses["weigh"] - 0.03
    blend = METHODS["adapt"](given, changed(SETTINGS, ridge=1e-4, novelty_ridge=1e-4), SHRINKAGES)
    s = blend.slopes.standardized(novelty)[0]
    weight = blend.weights[0, 0] + blend.slopes.slope[0, 0] * s
    assert weight[s < 0].min() > 4 * weight[s > 0].max()
    assert blend.weights[1, 0] + blend.slopes.slope[1, 0] > blend.weights[1, 0] - blend.slopes.slope[1, 0]
    found = blend(probabilities, CLIP, novelty)
    z = logits_of(probabilities)[:, 7, 1] @ (blend.weights[:, 1] + blend.slopes.slope[:, 1] * s[7])
    assert found[7, 1] == pytest.approx(1 / (1 + np.exp(-z)), rel=1e-9)


def test_beyond_the_samples_that_it_was_fitted_to_a_weight_stays_as_at_their_end():
    labels, probabilities, novelty = near_and_far(1)
    blend = METHODS["adapt"](candidates(labels, probabilities, None, novelty), SETTINGS, SHRINKAGES)
    farthest, beyond = np.full_like(novelty, novelty.max()), np.full_like(novelty, 3.0)
    np.testing.assert_allclose(blend(probabilities, CLIP, beyond), blend(probabilities, CLIP, farthest), rtol=1e-12)
    assert np.abs(blend(probabilities, CLIP, farthest) - blend(probabilities, CLIP)).max() > 0.01


def test_adapt_is_weigh_where_slopes_cost_too_much_or_all_are_as_new():
    labels, probabilities, novelty = near_and_far(2)
    plain = METHODS["weigh"](candidates(labels, probabilities), SETTINGS, SHRINKAGES).weights
    held = METHODS["adapt"](
        candidates(labels, probabilities, None, novelty), changed(SETTINGS, novelty_ridge=1e6), SHRINKAGES
    )
    alike = METHODS["adapt"](candidates(labels, probabilities), SETTINGS, SHRINKAGES)
    for blend in (held, alike):
        np.testing.assert_allclose(blend.weights, plain, atol=2e-4)
        np.testing.assert_allclose(blend.slopes.slope, 0, atol=1e-3)
    assert Slopes.none(np.zeros((1, 4)), 2).standardized(np.zeros((1, 1))) == 0


def test_stack_tells_labels_apart():
    """Model 0 knows the first label, model 1 the second; the second label's models are all too sure."""
    rng = np.random.default_rng(0)
    labels = (rng.random((400, 2)) < 0.3).astype(np.float32)
    signal, noise = np.where(labels > 0.5, 2.0, -2.0), rng.normal(0, 3, (2, 400, 2))
    logits = np.stack([noise[0], noise[1]])
    logits[0, :, 0], logits[1, :, 1] = signal[:, 0] + noise[0, :, 0] / 3, signal[:, 1] + noise[1, :, 1] / 3 - 4
    blend = METHODS["stack"](candidates(labels, 1 / (1 + np.exp(-logits))), changed(SETTINGS, ridge=1e-4), SHRINKAGES)
    assert blend.weights[0, 0] > 5 * blend.weights[1, 0]
    assert blend.weights[1, 1] > 5 * blend.weights[0, 1]
    assert blend.bias[1] > blend.bias[0] + 1


def test_auto_takes_the_method_that_answers_best_for_folds_that_it_did_not_see():
    labels, probabilities = case(4, models=3, samples=60, spread=5)
    folds = np.arange(60) % 3
    losses = {
        name: log_loss(
            labels, cross_fitted(candidates(labels, probabilities, folds), changed(SETTINGS, method=name), SHRINKAGES)
        )
        for name in METHODS
    }
    name, blend = fit_blend(candidates(labels, probabilities, folds), SETTINGS, SHRINKAGES)
    assert name == min(losses, key=losses.get)
    expected = METHODS[name](candidates(labels, probabilities), SETTINGS, SHRINKAGES)
    np.testing.assert_array_equal(blend.weights, expected.weights)


def test_auto_with_two_folds_selects_within_each():
    labels, probabilities = case(4, models=3, samples=60)
    folds = np.arange(60) % 2
    found = cross_fitted(candidates(labels, probabilities, folds), SETTINGS, SHRINKAGES)
    expected = cross_fitted(candidates(labels, probabilities, folds), changed(SETTINGS, method="select"), SHRINKAGES)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("method", ["auto", *METHODS])
def test_a_folds_own_labels_have_no_say_in_its_answer(method):
    labels, probabilities = case(7, models=3, samples=36)
    folds = np.arange(36) % 3
    settings = changed(SETTINGS, method=method)
    nested = cross_fitted(candidates(labels, probabilities, folds), settings, SHRINKAGES)
    changed_elsewhere = False
    for fold in range(3):
        spoiled = labels.copy()
        spoiled[folds == fold] = 1 - spoiled[folds == fold]
        again = cross_fitted(candidates(spoiled, probabilities, folds), settings, SHRINKAGES)
        np.testing.assert_array_equal(again[folds == fold], nested[folds == fold])
        changed_elsewhere |= (again != nested).any()
    assert changed_elsewhere
