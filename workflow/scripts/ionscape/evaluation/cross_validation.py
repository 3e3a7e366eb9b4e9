"""One model on one fold: who trains, who validates, who is predicted."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from ..config.model_settings import ModelSettings
from ..data.samples import Samples
from ..files.artifact import write_table
from ..models.family import families
from ..models.fitted import FittedModel
from ..models.logits import logit_table, probabilities_of
from ..training.context import FitContext
from .folds import split_fold
from .metrics import log_loss


@dataclass(frozen=True)
class FoldResult:
    """What train_fold makes.

    Attributes:
        model: the fitted family model.
        validation, predicted: sample_ids of ``oof`` and ``test``, in the order of samples.parquet.
        oof, test: float32 logits [n, labels].
        log_loss: of ``oof``.
    """

    model: FittedModel
    validation: list[str]
    predicted: list[str]
    oof: np.ndarray
    test: np.ndarray
    log_loss: float


def train_fold(
    samples: Samples,
    predict: np.ndarray,
    folds: dict[str, int],
    fold: int,
    settings: ModelSettings,
    context: FitContext,
) -> FoldResult:
    """Fits a model on all folds but one, and predicts that one and the test samples.

    Args:
        samples: all samples, in the order of samples.parquet; predict: bool [n].

    Raises:
        Interrupted: it was told to stop.
    """
    rows, held_out = split_fold(list(samples.ids), folds, fold)
    validation, test = samples.take(held_out), samples.take(predict)
    model = families()[settings.family].model().fit(samples.take(rows), validation, settings, context)
    loss = log_loss(validation.labels, probabilities_of(model.validation_logits))
    return FoldResult(model, list(validation.ids), list(test.ids), model.validation_logits, model.logits(test), loss)


def save_fold(result: FoldResult, folder: Path, model: str, fold: int, inputs: dict) -> None:
    """Writes ``weights.safetensors``, ``model.json``, ``history.parquet``, ``test.parquet`` and ``oof.parquet``.

    Args:
        model, fold: which one it is, for the files' metadata.
        inputs: facts of the images or features that it was fitted on, for who predicts with it.
    """
    settings, labels = result.model.settings, result.model.labels
    about = {
        "model": model,
        "fold": fold,
        "seed": getattr(settings, "seed", None),
        "config_hash": config_hash(settings),
        "best_epoch": result.model.best_epoch,
        "log_loss": result.log_loss,
    }
    result.model.save(folder, {**about, "inputs": inputs})
    write_table(history_table(result.model.history), folder / "history.parquet", "history", **about)
    write_table(logit_table(result.predicted, labels, result.test), folder / "test.parquet", "logits", **about)
    write_table(logit_table(result.validation, labels, result.oof), folder / "oof.parquet", "logits", **about)


def config_hash(settings: ModelSettings) -> str:
    """A short name of the settings: SHA-256 of their sorted JSON, 16 hexadecimal digits."""
    return hashlib.sha256(json.dumps(settings.stored(), sort_keys=True).encode()).hexdigest()[:16]


def history_table(history: list[dict]) -> pa.Table:
    """One row an epoch (:func:`ionscape.training.train` says what of); no rows for a family without epochs."""
    numbers = ("rate", "train_loss", "validation_loss", "seconds", "validation_seconds", "samples_per_second", "memory_mb")
    columns = [("epoch", pa.int32()), *((name, pa.float64()) for name in numbers), ("recomputed", pa.bool_())]
    schema = pa.schema(columns)
    return pa.Table.from_pylist(history, schema=schema)
