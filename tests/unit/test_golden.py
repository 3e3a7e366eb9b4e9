"""What an earlier version left is read as it was, or named with the rule to run again."""

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from ionscape.data.example.library import read_library
from ionscape.data.example.writer import write_example
from ionscape.data.samples import SampleTable
from ionscape.errors import InputError
from ionscape.evaluation.cross_validation import config_hash, train_fold
from ionscape.evaluation.folds import Folds
from ionscape.files.artifact import read_json, read_table
from ionscape.files.versions import FORMATS
from ionscape.images.store import load_images
from ionscape.models.inputs import load_inputs, with_inputs
from ionscape.models.logits import LogitTable
from ionscape.models.registry import load_fold
from ionscape.serving.export import open_export
from ionscape.serving.predict import predict
from ionscape.training.context import FitContext
from support.settings import changed, load_config

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests/golden"
RUN = GOLDEN / "run"
MODELS = ("events", "kernel", "lightgbm", "logistic-regression", "efficientnet", "library-search")

#: Artefact → (its format, the version that wrote it).
TABLES = {
    "samples.parquet": ("samples", 3),
    "runs.parquet": ("runs", 2),
    "replicates.parquet": ("replicates", 2),
    "folds.parquet": ("folds", 2),
    "features.parquet": ("features", 3),
    "evidence.parquet": ("evidence", 2),
    "images/none.parquet": ("images", 3),
    "logits/oof.parquet": ("logits", 2),
    "ensemble/nested.parquet": ("logits", 2),
    "models/events/fold0/history.parquet": ("history", 3),
    "models/events/fold0/oof.parquet": ("logits", 2),
}
DOCUMENTS = {
    "ensemble/ensemble.json": ("ensemble", 1),
    "ensemble/metrics.json": ("metrics", 3),
    "logs/config.json": ("config", 1),
}


@pytest.mark.parametrize(("name", "kind", "version"), [(name, *facts) for name, facts in (TABLES | DOCUMENTS).items()])
def test_each_artefact_is_read_or_named_with_its_rule(name, kind, version):
    read = read_table if name.endswith(".parquet") else read_json
    if FORMATS[kind][0] == version:
        read(RUN / name, kind)
    else:
        with pytest.raises(
            InputError, match=f"{name}: expected {kind} version .* found {kind} version {version}; run rule"
        ):
            read(RUN / name, kind)


@pytest.mark.parametrize("preset", sorted(json.loads((GOLDEN / "config_hashes.json").read_text(encoding="utf-8"))))
def test_an_unchanged_configuration_keeps_its_hashes(preset):
    expected = json.loads((GOLDEN / "config_hashes.json").read_text(encoding="utf-8"))[preset]
    given = yaml.safe_load((GOLDEN / f"configs/{preset}.yaml").read_text(encoding="utf-8"))
    models = load_config(given).models
    assert {name: config_hash(model) for name, model in models.items()} == expected


def samples_for(settings):
    table = SampleTable.read(RUN / "samples.parquet")
    inputs = RUN / "features.parquet" if settings.input_features else RUN / f"images/{settings.input_normalization}.parquet"
    ids, values, _ = load_inputs(str(inputs), settings)
    return with_inputs(table, ids, values), table.predicted, table.labels


@pytest.mark.parametrize("model", MODELS)
def test_a_fitted_model_answers_as_it_did(model):
    fitted = load_fold(RUN / f"models/{model}/fold0")
    samples, predicted, _ = samples_for(fitted.settings)
    expected = LogitTable.read(RUN / f"models/{model}/fold0/test.parquet").values
    np.testing.assert_allclose(fitted.logits(samples.take(predicted)), expected, rtol=1e-4, atol=1e-5)


def test_an_exported_folder_answers_as_it_did(tmp_path):
    shutil.copytree(GOLDEN / "export", tmp_path / "export")  # links become files, as in an exported folder
    exported = open_export(tmp_path / "export")
    library = next(ROOT.rglob("ei_library.csv"))
    write_example(read_library(library), tmp_path / "new", 3, 7)
    found = predict(exported, tmp_path / "new").table().to_pandas()
    expected = pd.read_csv(GOLDEN / "predictions.csv")
    assert found["sample_id"].tolist() == expected["sample_id"].tolist()
    labels = exported.manifest.labels
    np.testing.assert_allclose(found[labels], expected[labels], rtol=1e-4, atol=1e-6)


def test_a_training_goes_on_from_its_checkpoint(tmp_path, caplog):
    told = json.loads((GOLDEN / "checkpoint/expected.json").read_text(encoding="utf-8"))
    settings = load_config({"models": {"events": told["settings"]}}).models["events"]
    samples, predicted, labels = samples_for(settings)
    folds = Folds.read(RUN / "folds.parquet")
    checkpoint = tmp_path / "checkpoint.safetensors"
    shutil.copyfile(GOLDEN / "checkpoint/checkpoint.safetensors", checkpoint)
    caplog.set_level(logging.INFO, logger="ionscape")
    result = train_fold(samples, predicted, folds, 0, settings, FitContext(labels, checkpoint=checkpoint))
    assert "going on from the checkpoint: 1 epochs and 1 steps are done" in caplog.messages
    losses = [[row["train_loss"], row["validation_loss"]] for row in result.model.history]
    np.testing.assert_allclose(losses, told["losses"], rtol=1e-5)
    np.testing.assert_allclose(result.oof, told["logits"], rtol=1e-3, atol=1e-5)
    assert config_hash(settings) != config_hash(changed(settings, epochs=4))


def test_the_images_are_as_they_were():
    ids, images, facts = load_images(RUN / "images/none.parquet")
    assert (len(ids), images.shape[1:], facts["axis"]) == (40, (64, 32), "time")
