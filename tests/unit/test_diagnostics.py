"""Diagnostics on cases whose answer is known."""

import numpy as np
import pytest
from test_blends import SETTINGS, candidates
from test_ensemble import SHRINKAGES, case

from ionscape.evaluation.diagnostics import by_similarity, calibration, correlations, family_gains, suspects
from ionscape.evaluation.run_metrics import Correlations
from support.settings import changed


def test_correlations():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 50, 3))
    found = np.array(correlations(np.stack([one, -2 * one, other])))
    np.testing.assert_allclose(np.diag(found), 1)
    assert found[0, 1] == pytest.approx(-1)
    assert found[0, 2] == pytest.approx(np.corrcoef(one.ravel(), other.ravel())[0, 1])
    assert correlations(one[None]) == [[1.0]]


def test_a_model_whose_logits_are_all_alike_correlates_with_nothing():
    one = np.random.default_rng(0).standard_normal((20, 3))
    found = correlations(np.stack([one, np.zeros_like(one)]))
    assert found == [[pytest.approx(1), None], [None, None]]
    assert Correlations(models=["a", "b"], logits=found).model_dump()["logits"] == found


def test_a_family_that_only_disturbs_gains_less_than_one_that_knows():
    labels, probabilities = case(1, models=2, samples=120)
    rng = np.random.default_rng(0)
    noise = rng.uniform(0.3, 0.7, probabilities[:1].shape)
    gains = family_gains(
        candidates(labels, np.concatenate([probabilities, noise]), np.arange(120) % 3),
        ["image", "image", "table"],
        changed(SETTINGS, method="weigh"),
        SHRINKAGES,
    )
    assert list(gains) == ["image", "table"]
    assert gains["image"].gain > 0.1 > abs(gains["table"].gain)
    low, high = gains["image"].gain_interval
    assert 0 < low < gains["image"].gain < high


def test_one_family_has_nothing_to_be_left_out_of():
    labels, probabilities = case(1, models=2)
    assert family_gains(candidates(labels, probabilities, np.arange(40) % 2), ["image"] * 2, SETTINGS, SHRINKAGES) == {}


def test_losses_by_similarity_by_hand():
    labels = np.zeros((40, 1), np.float32)
    similarity = np.linspace(0.5, 0.9, 40)[::-1]
    nested = np.where(similarity[:, None] > 0.7, 0.1, 0.5)
    far, near = by_similarity(labels, nested, similarity)
    assert (far.samples, near.samples) == (20, 20)
    assert (far.log_loss, near.log_loss) == (pytest.approx(-np.log(0.5)), pytest.approx(-np.log(0.9)))
    assert far.similarity == pytest.approx(similarity[20:].mean())
    assert len(by_similarity(labels[:30], nested[:30], similarity[:30])) == 1


def test_calibration_by_hand():
    labels = np.array([[1], [0], [1], [1]], np.float32)
    found = calibration(labels, np.array([[0.05], [0.07], [0.95], [1.0]]), ["mineral"])
    mineral = found["mineral"]
    assert mineral.count == [2, 2]
    assert mineral.frequency == [0.5, 1.0]
    assert mineral.probability == pytest.approx([0.06, 0.975])
    assert mineral.ece == pytest.approx((0.44 * 2 + 0.025 * 2) / 4)
    assert found["all"] == mineral


def test_suspects_are_labels_that_every_model_contradicts():
    labels = np.array([[1, 0], [0, 1]], np.float32)
    probabilities = np.array([[[0.05, 0.99], [0.2, 0.5]], [[0.02, 0.95], [0.9, 0.01]]])
    found = suspects(labels, probabilities, ["S1", "S2"], ["aromatic", "mineral"])
    assert [(entry.sample_id, entry.label, entry.value) for entry in found] == [
        ("S1", "aromatic", 1),
        ("S1", "mineral", 0),
    ]
    assert [entry.probability for entry in found] == pytest.approx([0.05, 0.05])
