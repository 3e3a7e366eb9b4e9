"""One model on one fold: who trains, who validates, who is predicted."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa

from ..config.model_settings import ModelSettings
from ..data.samples import Samples
from ..files.artifact import decoding, read_table, write_table
from ..models.family import families
from ..models.fitted import FittedModel
from ..models.logits import LogitTable, probabilities_of
from ..training.context import FitContext
from .folds import ALWAYS, Folds
from .metrics import log_loss


@dataclass(frozen=True)
class FoldResult:
    """What train_fold makes.

    Attributes:
        model: the fitted family model.
        validation, predicted: sample_ids of ``oof`` and ``test``, in the order of samples.parquet.
        oof, test: float32 logits [n, labels].
        log_loss: of ``oof``; None of a refit.
    """

    model: FittedModel
    validation: list[str]
    predicted: list[str]
    oof: np.ndarray
    test: np.ndarray
    log_loss: float | None


def train_fold(
    samples: Samples,
    predicted: np.ndarray,
    folds: Folds,
    fold: int | None,
    settings: ModelSettings,
    context: FitContext,
) -> FoldResult:
    """Fits a model on all folds but one, and predicts that one and the test samples.

    Args:
        fold: None is a refit, on all of them, which validates nothing; it ends after the context's ``last_epoch``.
        samples: all samples, in the order of samples.parquet; predicted: bool [n], which are predicted besides.

    Raises:
        Interrupted: it was told to stop.
    """
    rows, validating = folds.split(samples.ids, fold)
    validation, test = samples.take(validating), samples.take(predicted)
    model = families()[settings.family].model().fit(samples.take(rows), validation, settings, context)
    loss = log_loss(validation.labels, probabilities_of(model.validation_logits)) if len(validation) else None
    return FoldResult(model, list(validation.ids), list(test.ids), model.validation_logits, model.logits(test), loss)


def chosen_epoch(histories: Sequence["History"]) -> int | None:
    """The mean of the epochs that the folds' trainings kept; None of a family without epochs."""
    epochs = [history.facts["best_epoch"] for history in histories]
    return round(float(np.mean(epochs))) if epochs and None not in epochs else None


def save_fold(result: FoldResult, folder: Path, model: str, fold: int | None, inputs: dict) -> None:
    """Writes ``weights.safetensors``, ``model.json``, ``history.parquet``, ``test.parquet``, and of a fold ``oof.parquet``.

    Args:
        model, fold: which one it is, for the files' metadata; a refit has fold ALWAYS there.
        inputs: facts of the images or features that it was fitted on, for who predicts with it.
    """
    fitted = result.model
    about = {
        "model": model,
        "fold": ALWAYS if fold is None else fold,
        "seed": getattr(fitted.settings, "seed", None),
        "config_hash": config_hash(fitted.settings),
        "best_epoch": fitted.best_epoch,
        "log_loss": result.log_loss,
    }
    fitted.save(folder, {**about, "inputs": inputs})
    History(fitted.history, about).write(folder / "history.parquet")
    LogitTable(result.predicted, fitted.labels, result.test, about).write(folder / "test.parquet")
    if fold is not None:
        LogitTable(result.validation, fitted.labels, result.oof, about).write(folder / "oof.parquet")


def config_hash(settings: ModelSettings) -> str:
    """A short name of the settings: SHA-256 of their sorted JSON, 16 hexadecimal digits."""
    return hashlib.sha256(json.dumps(settings.stored(), sort_keys=True).encode()).hexdigest()[:16]


#: Columns of history.parquet.
NUMBERS = ("rate", "train_loss", "validation_loss", "seconds", "validation_seconds", "samples_per_second", "memory_mb")


@dataclass(frozen=True)
class History:
    """history.parquet: how a fold's training went.

    Attributes:
        rows: one an epoch (:func:`ionscape.training.loop.train` says what of); none for a family without epochs.
        facts: of whose it is: as :class:`.logits.LogitTable` has them.
    """

    rows: list[dict[str, Any]]
    facts: dict[str, Any]

    def write(self, path: Path) -> None:
        """Writes history.parquet."""
        columns = [("epoch", pa.int32()), *((name, pa.float64()) for name in NUMBERS), ("recomputed", pa.bool_())]
        write_table(pa.Table.from_pylist(self.rows, schema=pa.schema(columns)), path, "history", **self.facts)

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """The reverse of :meth:`write`. Raises InputError: a missing or damaged file, or one of another version."""
        table, facts = read_table(path, "history")
        with decoding(path, "history"):
            rows = table.select(["epoch", *NUMBERS, "recomputed"]).to_pylist()
        return cls(rows, {key: value for key, value in facts.items() if key not in ("format", "version")})
