"""A value that equals a label, but in the validation rows only: no out-of-fold score may profit from it."""

import numpy as np
import pytest
from test_kernel import SETTINGS as KERNEL
from test_library import SETTINGS as LIBRARY
from test_models import TABLE
from test_sequence import SETTINGS as SEQUENCE

from ionscape.data.samples import Samples
from ionscape.evaluation.cross_validation import train_fold
from ionscape.evaluation.folds import Folds
from ionscape.evaluation.metrics import log_loss
from ionscape.models.logits import probabilities_of
from ionscape.training.context import FitContext
from support.settings import model_settings

SAMPLES, FOLDS, MASSES, TIMES, LEAK = 150, 3, 6, 8, 5
MODELS = {
    "lightgbm": {**TABLE, "algorithm": "lightgbm"},
    "logistic regression": {**TABLE, "algorithm": "logistic_regression"},
    "sequence": {**SEQUENCE, "epochs": 8, "select": "last"},
    "kernel": {**KERNEL, "smoothing": 0, "bands": TIMES},
    "library": {**LIBRARY, "mass_power": 0},
}


def data():
    """Images whose m/z 1 says something of the label and whose m/z 5 (LEAK) says nothing; labels; folds."""
    rng = np.random.default_rng(0)
    labels = (rng.random((SAMPLES, 1)) < 0.4).astype(np.float32)
    images = rng.uniform(0.05, 1, (SAMPLES, MASSES, TIMES)).astype(np.float32) * 0.1
    images[:, 0, 0] = 1
    images[:, 1] *= np.exp(rng.normal(labels, 0.7))
    images[:, LEAK] = 0.05
    return images, labels, np.arange(SAMPLES) % FOLDS


def out_of_fold_loss(settings, leaks_into):
    """The loss over all folds; ``leaks_into(inside)``: in which rows of the fold's data the LEAK row equals the label."""
    images, labels, folds = data()
    ids = [f"S{row}" for row in range(SAMPLES)]
    of = dict(zip(ids, folds.tolist(), strict=True))
    logits = np.empty_like(labels)
    for fold in range(FOLDS):
        planted = images.copy()
        rows = leaks_into(folds == fold)
        planted[rows, LEAK] = np.where(labels[rows] > 0.5, 0.9, 0.001)
        inputs = np.log(planted.max(axis=2)) if settings["family"] == "table" else planted
        samples = Samples(ids, inputs, np.zeros(SAMPLES, np.int64), labels)
        nobody = np.zeros(SAMPLES, bool)
        context = FitContext(["mineral"])
        logits[folds == fold] = train_fold(samples, nobody, Folds(of), fold, model_settings(settings), context).oof
    return log_loss(labels, probabilities_of(logits))


@pytest.mark.parametrize("model", MODELS)
def test_a_leak_into_validation_rows_does_not_help(model):
    clean, leaked, everywhere = (
        out_of_fold_loss(MODELS[model], rows)
        for rows in (np.zeros_like, lambda inside: inside, lambda inside: np.ones_like(inside))
    )
    assert everywhere < 0.6 * clean  # where the training rows have it too it is found: the plant is a leak
    assert leaked > clean - 0.02
