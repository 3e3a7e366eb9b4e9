"""The families' Model: fitted, saved and loaded, and what it is fitted on."""

import json
import re

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from ionscape.data.samples import Samples
from ionscape.errors import InputError
from ionscape.models.image import model as image
from ionscape.models.table import model as table
from ionscape.training.context import FitContext
from support.settings import model_settings

LABELS = ["side", "sum", "µ never", "always"]
IMAGE = {
    "family": "image",
    "backbone": "test_resnet",
    "pretrained": False,
    "log_scaling": "log1p",
    "head": "mass_flat",
    "drop_path_rate": 0.1,
    "seed": 1,
    "epochs": 2,
    "warmup_epochs": 1,
    "rate": 1e-3,
    "weight_decay": 0.01,
    "batch_size": 8,
    "clip_gradient": 64,
    "label_smoothing": 0.01,
    "mixup": 0.5,
    "mixup_range": [0.4, 0.6],
    "mass_scaling": 0.5,
    "widths": [32, 48],
    "background": None,
    "average": 0,
    "select": "best_epoch",
    "precision": "fp32",
}
TABLE = {
    "family": "table",
    "algorithm": "lightgbm",
    "seed": 0,
    "trees": 30,
    "rate": 0.1,
    "leaves": 5,
    "leaf_samples": 5,
    "extra_trees": False,
    "column_share": 1.0,
    "row_share": 0.8,
    "l2": 1,
    "c": 0.1,
}
FITS = {
    "image": (image.Model, IMAGE),
    "image full": (image.Model, {**IMAGE, "head": "full"}),
    "image frozen": (image.Model, {**IMAGE, "head": "frozen", "feature_stride": 8, "c": 0.1}),
    "lightgbm": (table.Model, TABLE),
    "logistic regression": (table.Model, {**TABLE, "algorithm": "logistic_regression"}),
}
TABLES = ["lightgbm", "logistic regression"]
torch.set_num_threads(1)


def samples_of(kind, n, seed):
    """Labels: the side, whether a sum of inputs is high, never, always."""
    rng = np.random.default_rng(seed)
    inputs = rng.random((n, 64, 40) if kind.startswith("image") else (n, 6), dtype=np.float32)
    side = rng.integers(0, 2, n)
    flat = inputs.reshape(n, -1)[:, :3].sum(axis=1)
    labels = np.stack([side, flat > 1.5, np.zeros(n), np.ones(n)], axis=1).astype(np.float32)
    return Samples([f"S{i}" for i in range(n)], inputs, side, labels)


def fitted(kind, training=None, validation=None, threads=1, **changes):
    model, settings = FITS[kind]
    training = samples_of(kind, 25 if kind.startswith("image") else 120, 0) if training is None else training
    validation = samples_of(kind, 7, 1) if validation is None else validation
    return model.fit(training, validation, model_settings({**settings, **changes}), FitContext(LABELS, threads, [].append))


@pytest.mark.parametrize("kind", FITS)
def test_a_model_survives_saving_and_loading(kind, tmp_path):
    model, validation, test = fitted(kind), samples_of(kind, 7, 1), samples_of(kind, 5, 2)
    np.testing.assert_array_equal(model.logits(validation), model.validation_logits)
    logits = model.logits(test)
    assert (logits.shape, logits.dtype) == ((5, 4), np.float32)
    assert np.isfinite(logits).all()
    model.save(tmp_path, {"fold": 2, "inputs": {"masses": 64}})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.json", "weights.safetensors"]
    facts = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    assert (facts["labels"], facts["settings"]) == (LABELS, model.settings.stored())
    assert (facts["fold"], facts["inputs"]) == (2, {"masses": 64})
    loaded = type(model).load(tmp_path)
    assert loaded.labels == LABELS
    np.testing.assert_array_equal(loaded.logits(test), logits)


@pytest.mark.parametrize("kind", FITS)
def test_samples_are_predicted_one_by_one(kind):
    model, test = fitted(kind), samples_of(kind, 5, 2)
    alone = [model.logits(test.take(np.array([row])))[0] for row in range(5)]
    np.testing.assert_allclose(model.logits(test), alone, rtol=1e-4, atol=1e-5)
    assert model.logits(test.take(np.zeros(5, dtype=bool))).shape == (0, 4)


@pytest.mark.parametrize("kind", ["image", "lightgbm"])
def test_a_folder_without_a_model(kind, tmp_path):
    with pytest.raises(InputError, match=r"model\.json: cannot be read as JSON"):
        FITS[kind][0].load(tmp_path)


def test_an_image_model_is_tensors_and_json(tmp_path):
    model = fitted("image")
    model.save(tmp_path, {"inputs": {}})
    with safe_open(tmp_path / "weights.safetensors", "pt") as stored:
        state = model.network.state_dict()
        assert set(stored.keys()) == set(state)
        for name, tensor in state.items():
            assert torch.equal(stored.get_tensor(name), tensor), name
    assert json.loads((tmp_path / "model.json").read_text())["shape"] == [64, 40]


def test_a_loaded_image_model_needs_no_pretrained_weights(tmp_path):
    source = fitted("image full").network.backbone
    weights = tmp_path / "a.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in source.state_dict().items()}, weights)
    model, test = fitted("image full", pretrained=str(weights), rate=1e-12, epochs=1), samples_of("image", 3, 2)
    torch.testing.assert_close(model.network.backbone.conv1[0].weight, source.conv1[0].weight)  # it did start there
    model.save(tmp_path, {"inputs": {}})
    weights.unlink()
    np.testing.assert_array_equal(image.Model.load(tmp_path).logits(test), model.logits(test))


def test_an_image_model_keeps_its_history():
    rows = []
    training, validation = samples_of("image", 25, 0), samples_of("image", 7, 1)
    model = image.Model.fit(training, validation, model_settings(IMAGE), FitContext(LABELS, 1, rows.append))
    assert model.history == rows
    for row in rows:
        assert (row["memory_mb"], row["recomputed"]) == (None, False)  # on a CPU, which had memory enough
        assert 0 < row["validation_seconds"] < row["seconds"]
        assert row["samples_per_second"] == pytest.approx(24 / (row["seconds"] - row["validation_seconds"]), rel=0.01)
    assert model.best_epoch == min(rows, key=lambda row: row["validation_loss"])["epoch"]


def test_too_few_images_for_a_batch():
    message = re.escape("7 training samples do not fill a batch of 8")
    with pytest.raises(InputError, match=message):
        fitted("image", training=samples_of("image", 7, 0))


@pytest.mark.parametrize("kind", TABLES)
def test_labels_of_one_class_are_constants(kind):
    """As if one more sample of 120 were of the other class."""
    logits = fitted(kind).logits(samples_of(kind, 50, 2))
    np.testing.assert_allclose(logits[:, 2], logit(1 / 121), rtol=1e-6)
    np.testing.assert_allclose(logits[:, 3], logit(120 / 121), rtol=1e-6)


@pytest.mark.parametrize("kind", TABLES)
def test_each_label_is_learnt_from_features_and_side(kind):
    model, test = fitted(kind), samples_of(kind, 200, 2)
    right = ((model.logits(test) > 0) == (test.labels > 0.5)).mean(axis=0)
    assert right[0] == 1  # the side alone tells it
    assert right[1] > 0.8


@pytest.mark.parametrize("kind", TABLES)
def test_the_validation_part_has_no_influence(kind):
    validation = samples_of(kind, 30, 5)
    opposite = Samples(validation.ids, validation.inputs * 9, 1 - validation.side, 1 - validation.labels)
    one, other = fitted(kind, validation=validation), fitted(kind, validation=opposite)
    assert_same_tensors(one, other)
    assert not np.array_equal(one.validation_logits, other.validation_logits)


@pytest.mark.parametrize("kind", TABLES)
def test_threads_do_not_change_a_model(kind):
    assert_same_tensors(fitted(kind, threads=1), fitted(kind, threads=3))


def assert_same_tensors(one, other):
    assert one.tensors.keys() == other.tensors.keys()
    for name, tensor in one.tensors.items():
        np.testing.assert_array_equal(tensor, other.tensors[name], err_msg=name)


def test_a_table_model_reports_each_label():
    rows = []
    table.Model.fit(
        samples_of("table", 60, 0), samples_of("table", 7, 1), model_settings(TABLE), FitContext(LABELS, 2, rows.append)
    )
    assert rows == [{"label": label, "done": n, "labels": 4} for n, label in enumerate(LABELS, start=1)]


def test_lightgbm_samples_by_seed():
    one, same, other = (fitted("lightgbm", seed=seed) for seed in (1, 1, 2))
    assert_same_tensors(one, same)
    assert not np.array_equal(one.validation_logits, other.validation_logits)


def test_logistic_regression_is_sklearns_on_standardized_columns():
    training, test = samples_of("table", 120, 0), samples_of("table", 40, 2)
    model = fitted("logistic regression", training=training)
    x, z = (np.column_stack([part.inputs, part.side]).astype(np.float64) for part in (training, test))
    mean, spread = x.mean(axis=0), x.std(axis=0)
    expected = LogisticRegression(C=0.1).fit((x - mean) / spread, training.labels[:, 1]).predict_proba((z - mean) / spread)
    np.testing.assert_allclose(expit(model.logits(test)[:, 1]), expected[:, 1], atol=1e-3)


def test_a_column_that_never_changes():
    training, test = samples_of("table", 120, 0), samples_of("table", 5, 2)
    training.inputs[:, 4] = 0.25
    assert np.isfinite(fitted("logistic regression", training=training).logits(test)).all()
