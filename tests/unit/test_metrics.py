"""The metrics against scikit-learn, and the baseline."""

import json
import math

import numpy as np
import pytest
from sklearn import metrics as sklearn
from test_ensemble import LABELS, case, reference_loss

from ionscape.evaluation.metrics import frequencies, log_loss, log_losses, score


@pytest.mark.parametrize("seed", range(3))
def test_scores_as_scikit_learn_has_them(seed):
    labels, probabilities = case(seed, samples=80)
    found = score(labels, probabilities[0], LABELS)
    for index, name in enumerate(LABELS):
        y, p = labels[:, index], probabilities[0, :, index]
        assert found.labels[name].model_dump() == pytest.approx(
            {
                "log_loss": sklearn.log_loss(y, p),
                "average_precision": sklearn.average_precision_score(y, p),
                "roc_auc": sklearn.roc_auc_score(y, p),
                "positives": int(y.sum()),
            }
        )
    for key in ("log_loss", "average_precision", "roc_auc"):
        assert getattr(found, key) == pytest.approx(np.mean([getattr(found.labels[name], key) for name in LABELS]))
    assert log_loss(labels, probabilities[0]) == pytest.approx(found.log_loss)
    assert reference_loss(labels, probabilities[0]) == pytest.approx(found.log_loss)


def test_a_label_of_one_class_has_a_log_loss_only():
    labels = np.array([[0, 1], [0, 0]], dtype=np.float32)
    found = score(labels, np.array([[0.1, 0.8], [0.2, 0.3]]), LABELS)
    assert found.labels["aromatic"].roc_auc is None
    assert found.labels["aromatic"].average_precision is None
    assert found.labels["aromatic"].log_loss == pytest.approx(-(math.log(0.9) + math.log(0.8)) / 2)
    assert found.roc_auc == 1
    nothing = score(labels[:, :1], np.array([[0.1], [0.2]]), LABELS[:1])
    assert (nothing.roc_auc, nothing.average_precision) == (None, None)
    json.dumps(nothing.model_dump(), allow_nan=False)


def test_certainty_that_is_wrong_costs_much_but_not_everything():
    losses = log_losses(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]], dtype=np.float32))
    np.testing.assert_allclose(losses, -math.log(1e-7), rtol=1e-6)
    assert log_losses(np.array([[1.0]]), np.array([[1.0]]))[0] < 1e-6


def test_the_baseline_is_the_frequencies_of_the_other_samples():
    labels = np.array([[1, 0], [1, 0], [0, 1], [0, 0]])
    folds = np.array([0, 1, 1, 2])
    found = frequencies(labels, folds, np.array([[1, 1]]))
    # fold 0 sees rows 1–3 and the extra one; fold 1 rows 0, 3 and it; fold 2 rows 0–2 and it
    np.testing.assert_allclose(found, [[2 / 4, 2 / 4], [2 / 3, 1 / 3], [2 / 3, 1 / 3], [3 / 4, 2 / 4]])
    np.testing.assert_allclose(frequencies(labels, folds, np.empty((0, 2)))[0], [1 / 3, 1 / 3])
