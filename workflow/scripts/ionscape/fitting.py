"""One model on one fold: who trains, who validates, who is predicted."""

import hashlib
import importlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pyarrow as pa
from safetensors import SafetensorError

from .errors import InputError
from .families import FAMILIES
from .features import extract_features, prepare
from .folds import ALWAYS
from .images import load_images
from .metrics import log_loss, probabilities_of
from .models.data import Samples
from .models.files import FACTS
from .normalization import normalize
from .tables import read_json, read_table, vectors, write_table


@dataclass(frozen=True)
class FoldResult:
    """What train_fold makes.

    Attributes:
        model: the fitted family model.
        validation, predicted: sample_ids of ``oof`` and ``test``, in the order of samples.parquet.
        oof, test: float32 logits [n, labels].
        log_loss: of ``oof``.
    """

    model: object
    validation: list[str]
    predicted: list[str]
    oof: np.ndarray
    test: np.ndarray
    log_loss: float


def load_inputs(path: str, family: str, groups: list[str] | None) -> tuple[list[str], np.ndarray, dict]:
    """A family's inputs: (sample_ids, float32 array, facts of the file). ``groups`` names the features to take."""
    if FAMILIES[family].inputs == "images":
        return load_images(path)
    table, facts = read_table(path, "features", columns=["sample_id", *groups])
    return table["sample_id"].to_pylist(), np.hstack([vectors(table[group]) for group in groups]), facts


def inputs_of(images: np.ndarray, settings: dict, features: dict) -> np.ndarray:
    """What a model is fed of images [n, masses, times] after METHOD step 3: normalized, or features [n, columns].

    Args:
        settings: of the model; features: the config's ``features``.
    """
    if FAMILIES[settings["family"]].inputs == "images":
        return normalize(images, settings.get("normalization", "none"))
    prepared = prepare(images, features["background"], features["smoothing"])
    groups = extract_features(prepared, features["bands"], features["floor"])
    return np.hstack([groups[name] for name in settings["features"]])


def load_samples(table: pa.Table, labels: list[str], ids: list[str], inputs: np.ndarray) -> tuple[Samples, np.ndarray]:
    """samples.parquet joined with inputs: all samples, and bool [n] which of them are to be predicted.

    Raises:
        InputError: the inputs are of other samples, or in another order.
    """
    if table["sample_id"].to_pylist() != ids:
        raise InputError("the images or features are not of the samples in samples.parquet; make them again")
    y = np.column_stack([table[label].to_numpy().astype(np.float32) for label in labels])
    samples = Samples(ids, inputs, table["side"].to_numpy().astype(np.int64), y)
    return samples, table["predict"].to_numpy()


def split_fold(ids: list[str], folds: dict[str, int], fold: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows that train and rows that validate: two disjoint ascending int arrays.

    Args:
        ids: all sample_ids; folds: sample_id → fold, or ALWAYS; samples that are not in it do neither.
    """
    of = np.array([folds.get(sample, ALWAYS - 1) for sample in ids])
    return np.flatnonzero((of >= ALWAYS) & (of != fold)), np.flatnonzero(of == fold)


def train_fold(
    samples: Samples,
    predict: np.ndarray,
    folds: dict[str, int],
    fold: int,
    labels: list[str],
    settings: dict,
    threads: int,
    progress: Callable[[dict], None],
    checkpoint: Path | None = None,
    stopping: Callable[[], str | None] = lambda: None,
) -> FoldResult:
    """Fits a model on all folds but one, and predicts that one and the test samples.

    Args:
        samples: all samples, in the order of samples.parquet; predict: bool [n].
        settings: of one model, ``family`` included.
        progress: called with a row of the family's history.
        checkpoint: file that a family with epochs keeps its state in; stopping: why to stop, asked between steps.

    Raises:
        Interrupted: it was told to stop.
    """
    rows, held_out = split_fold(list(samples.ids), folds, fold)
    validation, test = samples.take(held_out), samples.take(predict)
    family: ModuleType = importlib.import_module(FAMILIES[settings["family"]].module)
    model = family.Model.fit(samples.take(rows), validation, labels, settings, threads, progress, checkpoint, stopping)
    loss = log_loss(validation.labels, probabilities_of(model.validation_logits))
    return FoldResult(model, list(validation.ids), list(test.ids), model.validation_logits, model.logits(test), loss)


def save_fold(
    result: FoldResult, folder: Path, model: str, fold: int, labels: list[str], settings: dict, inputs: dict
) -> None:
    """Writes ``weights.safetensors``, ``model.json``, ``history.parquet``, ``test.parquet`` and ``oof.parquet``.

    Args:
        model, fold: which one it is, for the files' metadata; settings: what it was fitted with.
        inputs: facts of the images or features that it was fitted on, for who predicts with it.
    """
    about = {
        "model": model,
        "fold": fold,
        "seed": settings.get("seed"),
        "config_hash": config_hash(settings),
        "best_epoch": result.model.best_epoch,
        "log_loss": result.log_loss,
    }
    result.model.save(folder, {**about, "inputs": inputs})
    write_table(history_table(result.model.history), folder / "history.parquet", "history", **about)
    write_table(logit_table(result.predicted, labels, result.test), folder / "test.parquet", "logits", **about)
    write_table(logit_table(result.validation, labels, result.oof), folder / "oof.parquet", "logits", **about)


def load_fold(folder: Path) -> object:
    """The fitted model that :func:`save_fold` wrote: of its family, with ``logits`` and ``evidence``.

    Raises:
        InputError: missing or damaged files, or an unknown family.
    """
    settings = read_json(folder / FACTS, "model").get("settings", {})
    family = FAMILIES.get(settings.get("family"))
    if family is None:
        raise InputError(f"{folder / FACTS}: is of no family that is known here: {settings.get('family')!r}")
    model = importlib.import_module(family.module).Model
    try:
        return model.load(folder)
    except (OSError, SafetensorError, RuntimeError, KeyError) as error:
        if "allocate memory" in str(error):  # then nothing is wrong with the files
            raise
        raise InputError(f"{folder}: the model cannot be loaded ({error}); run rule train_fold again") from error


def config_hash(settings: dict) -> str:
    """A short name of the settings: SHA-256 of their sorted JSON, 16 hexadecimal digits."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def logit_table(ids: list[str], labels: list[str], logits: np.ndarray) -> pa.Table:
    """``sample_id`` and a float32 column a label."""
    columns = [pa.array(ids, pa.string()), *(pa.array(column, pa.float32()) for column in logits.T)]
    return pa.Table.from_arrays(columns, ["sample_id", *labels])


def history_table(history: list[dict]) -> pa.Table:
    """One row an epoch (:func:`ionscape.training.train` says what of); no rows for a family without epochs."""
    numbers = ("rate", "train_loss", "validation_loss", "seconds", "validation_seconds", "samples_per_second", "memory_mb")
    columns = [("epoch", pa.int32()), *((name, pa.float64()) for name in numbers), ("recomputed", pa.bool_())]
    schema = pa.schema(columns)
    return pa.Table.from_pylist(history, schema=schema)


def collect_logits(parts: list[tuple[pa.Table, dict]]) -> pa.Table:
    """Logit tables of (model, fold) as one: ``model, fold, sample_id, <label> …``, in the order given."""
    tables = []
    for table, facts in parts:
        model = pa.array([facts["model"]] * len(table), pa.string())
        fold = pa.array([facts["fold"]] * len(table), pa.int32())
        tables.append(table.add_column(0, "fold", fold).add_column(0, "model", model))
    return pa.concat_tables([table.replace_schema_metadata() for table in tables])
