"""The ensemble against exhaustive search and loops over cells."""

import itertools
import math

import numpy as np
import pytest

from ionscape.evaluation.blending import Blend
from ionscape.evaluation.selection import average_folds, drop, fit_ensemble, grow, selection_loss, shrinkage_grid

CLIP = 1e-4
SHRINKAGES = shrinkage_grid(20, 1e-5, 1e-1)
LABELS = ["aromatic", "mineral"]


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def reference_combine(probabilities, clip):
    """METHOD, Ensemble, first point, cell by cell."""
    models, samples, labels = probabilities.shape
    result = np.empty((samples, labels))
    for i, j in itertools.product(range(samples), range(labels)):
        logits = []
        for m in range(models):
            p = min(max(probabilities[m, i, j], clip), 1 - clip)
            logits.append(math.log(p / (1 - p)))
        result[i, j] = sigmoid(sum(logits) / models)
    return result


def reference_loss(labels, probabilities):
    """Every label has as many samples, so the mean over labels is the mean over cells; p is kept 1e-7 from 0 and 1."""
    p = np.clip(probabilities.astype(np.float64), 1e-7, 1 - 1e-7)
    return float(np.mean(-labels * np.log(p) - (1 - labels) * np.log(1 - p)))


def reference_selection_loss(labels, probabilities):
    return min(reference_loss(labels, p) for p in (probabilities * (1 - 2 * c) + c for c in SHRINKAGES))


def case(seed, models=3, samples=40, spread=2.0):
    """Labels, and probabilities of overconfident models whose errors are their own."""
    rng = np.random.default_rng(seed)
    truth = rng.standard_normal((samples, 2))
    labels = (truth > 0.5).astype(np.float32)
    noise = rng.standard_normal((models, samples, 2)) * rng.uniform(0.3, 1.5, (models, 1, 1))
    return labels, 1 / (1 + np.exp(-spread * 2 * (truth - 0.5 + noise)))


# Combining


def equally(probabilities, clip):
    """Combined with one weight for all."""
    models, _, labels = probabilities.shape
    return Blend(np.full((models, labels), 1 / models), np.zeros(labels), {})(probabilities, clip)


@pytest.mark.parametrize("seed", range(3))
def test_equal_weights_are_the_mean_of_clipped_logits(seed):
    _, probabilities = case(seed, spread=6)
    probabilities[0, :4] = [[0, 1], [1, 0], [1e-9, 1 - 1e-9], [0.5, 0.5]]
    assert (probabilities < CLIP).any()
    np.testing.assert_allclose(equally(probabilities, CLIP), reference_combine(probabilities, CLIP), rtol=1e-12)


def test_one_model_is_clipped_too():
    np.testing.assert_allclose(equally(np.array([[[0.0, 1.0, 0.3]]]), 0.01), [[0.01, 0.99, 0.3]])


def test_folds_are_averaged_as_probabilities():
    logits = np.array([[[0.0, 4.0]], [[6.0, -4.0]]], dtype=np.float32)
    expected = [[(sigmoid(0) + sigmoid(6)) / 2, (sigmoid(4) + sigmoid(-4)) / 2]]
    np.testing.assert_allclose(average_folds(logits), expected, rtol=1e-12)
    assert abs(average_folds(logits)[0, 0] - sigmoid(3)) > 0.1


# Selection


def test_shrinkages_are_0_and_20_log_spaced():
    assert SHRINKAGES.shape == (21,)
    assert SHRINKAGES[0] == 0
    np.testing.assert_allclose(SHRINKAGES[[1, 20]], [1e-5, 1e-1])
    np.testing.assert_allclose(SHRINKAGES[2:] / SHRINKAGES[1:-1], 10 ** (4 / 19))


@pytest.mark.parametrize("spread", [0.2, 1, 4])
def test_the_selection_loss_is_the_best_over_shrinkages(spread):
    labels, probabilities = case(1, spread=spread)
    for p in probabilities:
        loss, shrinkage = selection_loss(labels, p, SHRINKAGES)
        assert loss == pytest.approx(reference_selection_loss(labels, p), rel=1e-9)
        assert loss == pytest.approx(reference_loss(labels, p * (1 - 2 * shrinkage) + shrinkage), rel=1e-9)


def test_overconfidence_is_shrunk_and_underconfidence_not():
    labels = np.array([[1], [1], [1], [0]], dtype=np.float32)
    assert selection_loss(labels, np.full((4, 1), 0.999), SHRINKAGES)[1] == SHRINKAGES[-1]
    assert selection_loss(labels, np.full((4, 1), 0.7), SHRINKAGES)[1] == 0
    assert selection_loss(labels, np.full((4, 1), 0.5), SHRINKAGES)[1] == 0  # nothing changes: the first of equals


def random_losses(seed, models):
    """A loss of every subset, with no structure that a greedy walk could rely on."""
    rng = np.random.default_rng(seed)
    subsets = [s for k in range(1, models + 1) for s in itertools.combinations(range(models), k)]
    return dict(zip(subsets, rng.random(len(subsets)), strict=True))


def reference_path(losses, models, growing):
    """At each size, the best of the subsets one step from the one before."""
    path = []
    sizes = range(1, models + 1) if growing else range(models, 0, -1)
    for size in sizes:
        near = [s for s in losses if len(s) == size]
        if path and growing:
            near = [s for s in near if set(path[-1]) < set(s)]
        elif path:
            near = [s for s in near if set(s) < set(path[-1])]
        path.append(min(near, key=losses.get))
    return path


@pytest.mark.parametrize("walk", [grow, drop])
@pytest.mark.parametrize("seed", range(10))
def test_paths_against_greedy_over_explicit_subsets(walk, seed):
    models = 2 + seed % 4
    losses = random_losses(seed, models)
    path = walk(models, lambda subset: losses[tuple(subset)])
    assert [tuple(subset) for subset, _ in path] == reference_path(losses, models, walk is grow)
    assert [loss for _, loss in path] == [losses[tuple(subset)] for subset, _ in path]


def test_growing_goes_on_when_the_loss_rises():
    losses = {(0,): 0.5, (1,): 0.6, (2,): 0.7, (0, 1): 0.9, (0, 2): 0.8, (1, 2): 0.7, (0, 1, 2): 0.1}
    assert [s for s, _ in grow(3, lambda subset: losses[tuple(subset)])] == [[0], [0, 2], [0, 1, 2]]


def test_growing_stops_at_30_models():
    """Each further model lowers the loss: the path ends all the same, as the author's does."""
    path = grow(40, lambda subset: 1 / len(subset))
    assert [len(subset) for subset, _ in path] == list(range(1, 31))
    assert len(drop(40, lambda subset: 1 / len(subset))) == 40


def test_one_model():
    assert grow(1, lambda subset: 0.3) == drop(1, lambda subset: 0.3) == [([0], 0.3)]


def subset_losses(labels, probabilities):
    models = len(probabilities)
    subsets = [s for k in range(1, models + 1) for s in itertools.combinations(range(models), k)]
    return {s: reference_selection_loss(labels, reference_combine(probabilities[list(s)], CLIP)) for s in subsets}


def test_up_to_three_models_the_ensemble_is_the_best_of_all_subsets():
    """The best single model is on one path, the best pair on the other, all three on both."""
    directions = set()
    for seed in range(10):
        labels, probabilities = case(seed, models=2 + (seed > 1))
        losses = subset_losses(labels, probabilities)
        fitted = fit_ensemble(labels, probabilities, CLIP, SHRINKAGES)
        assert fitted["members"] == list(min(losses, key=losses.get))
        assert fitted["loss"] == pytest.approx(min(losses.values()), rel=1e-9)
        directions.add(fitted["direction"])
    assert "grow" in directions


def test_the_better_direction_is_used():
    """Models 1 and 2 are wrong in opposite ways and right together; model 0, alone the best, only disturbs them."""
    labels = np.tile([[1.0], [0.0]], (20, 1))
    right = np.where(labels > 0.5, 1.0, -1.0)
    tilt = np.where(np.arange(40) % 4 < 2, 1, -1)[:, None]
    logits = np.stack([0.5 * right, 2 * right + 6 * tilt, 2 * right - 6 * tilt])
    probabilities = 1 / (1 + np.exp(-logits))
    losses = subset_losses(labels, probabilities)
    assert min((s for s in losses if len(s) == 1), key=losses.get) == (0,)
    fitted = fit_ensemble(labels, probabilities, CLIP, SHRINKAGES)
    assert (fitted["members"], fitted["direction"]) == ([1, 2], "drop")
    assert 0 in fitted["paths"]["grow"][1][0]


@pytest.mark.parametrize("seed", range(3))
def test_five_models(seed):
    labels, probabilities = case(seed, models=5, samples=25)
    losses = subset_losses(labels, probabilities)
    fitted = fit_ensemble(labels, probabilities, CLIP, SHRINKAGES)
    walked = [*fitted["paths"]["grow"], *fitted["paths"]["drop"]]
    assert sorted(len(subset) for subset, _ in walked) == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    for subset, loss in walked:
        assert loss == pytest.approx(losses[tuple(subset)], rel=1e-9)
    assert fitted["loss"] == min(loss for _, loss in walked)
    assert (fitted["members"], fitted["loss"]) in walked
    assert min(losses.values()) - 1e-12 <= fitted["loss"]
    assert fitted["loss"] <= min(losses[(m,)] for m in range(5)) + 1e-12


def test_of_equal_subsets_drop_keeps_the_larger():
    """Models 1 and 2 are wrong in opposite ways and right together, so are 3 and 4; 0, alone the best, disturbs."""
    labels = np.tile([[1.0], [0.0]], (20, 1))
    right = np.where(labels > 0.5, 1.0, -1.0)
    tilt = np.where(np.arange(40) % 4 < 2, 1, -1)[:, None]
    pair = [2 * right + 6 * tilt, 2 * right - 6 * tilt]
    probabilities = 1 / (1 + np.exp(-np.stack([0.5 * right, *pair, *pair])))
    fitted = fit_ensemble(labels, probabilities, CLIP, SHRINKAGES)
    losses = [loss for subset, loss in fitted["paths"]["drop"] if 0 not in subset and len(subset) in (2, 4)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)
    assert (len(fitted["members"]), fitted["direction"]) == (4, "drop")


def test_of_equal_subsets_grow_keeps_the_smaller():
    labels, probabilities = case(0, models=1)
    fitted = fit_ensemble(labels, np.concatenate([probabilities, probabilities]), CLIP, SHRINKAGES)
    assert (fitted["members"], fitted["direction"]) == ([0], "grow")
