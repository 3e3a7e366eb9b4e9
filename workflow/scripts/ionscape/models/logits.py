"""Logits: a model's own, and those of all models together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
from scipy.special import expit, logit

from ..errors import InputError
from ..files.artifact import decoding, read_table, write_table

#: Probabilities are kept this far from 0 and 1 where a logarithm is taken; float32 cannot tell closer ones apart.
EPSILON = 1e-7


def probabilities_of(logits: np.ndarray) -> np.ndarray:
    """Sigmoid, float64."""
    return expit(logits.astype(np.float64))


def clipped_logits(probabilities: np.ndarray, clip: float) -> np.ndarray:
    """Inverse sigmoid of probabilities clipped to [clip, 1 − clip]."""
    return logit(np.clip(probabilities, clip, 1 - clip))


def _values(table: pa.Table, labels: Sequence[str]) -> np.ndarray:
    """The labels' columns, [rows, labels]."""
    return np.column_stack([table[label].to_numpy() for label in labels])


@dataclass(frozen=True)
class LogitTable:
    """Logits of samples, by one fold of a model or by an ensemble (oof.parquet, test.parquet, nested.parquet).

    Attributes:
        ids: sample_ids, in the order of samples.parquet; labels: names; values: float32 [n, labels].
        facts: whose they are: ``model``, and of a fold ``fold``, ``seed``, ``config_hash``, ``best_epoch``, ``log_loss``.
    """

    ids: list[str]
    labels: list[str]
    values: np.ndarray
    facts: dict[str, Any]

    @property
    def probabilities(self) -> np.ndarray:
        """float64 [n, labels]."""
        return probabilities_of(self.values)

    def write(self, path: str | Path) -> None:
        """Writes a Parquet file: ``sample_id`` and a float32 column a label."""
        columns = [pa.array(self.ids, pa.string()), *(pa.array(column, pa.float32()) for column in self.values.T)]
        write_table(pa.Table.from_arrays(columns, ["sample_id", *self.labels]), path, "logits", **self.facts)

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """The reverse of :meth:`write`. Raises InputError: a missing or damaged file, or one of another version."""
        table, facts = read_table(path, "logits")
        known = {key: value for key, value in facts.items() if key not in ("format", "version")}
        with decoding(path, "logits"):
            first, *labels = table.column_names
            if first != "sample_id":
                raise ValueError(f"the first column is {first}, expected sample_id")  # such as the collected ones
            return cls(table[first].to_pylist(), labels, _values(table, labels), known)


@dataclass(frozen=True)
class Logits:
    """Logits of all models and folds (logits/oof.parquet, logits/test.parquet): one row a (model, fold, sample).

    Attributes:
        model, fold, ids: [rows]; labels: names; values: float32 [rows, labels]; models: names, in order of appearance.
    """

    model: np.ndarray
    fold: np.ndarray
    ids: np.ndarray
    labels: list[str]
    values: np.ndarray
    models: list[str]

    @classmethod
    def collected(cls, parts: Sequence[LogitTable]) -> Self:
        """Those of models' folds, in the order given. Raises InputError: they are of different labels."""
        for part in parts:
            if part.labels != parts[0].labels:
                (one, other) = (f"model {each.facts['model']}, fold {each.facts['fold']}" for each in (part, parts[0]))
                raise InputError(f"{one} has logits of other labels than {other}; run rule train_fold again")
        sizes = [len(part.ids) for part in parts]
        models = [part.facts["model"] for part in parts]
        ids = [sample for part in parts for sample in part.ids]
        values = np.concatenate([part.values for part in parts])
        folds = np.repeat([part.facts["fold"] for part in parts], sizes)
        return cls(np.repeat(models, sizes), folds, np.array(ids), parts[0].labels, values, list(dict.fromkeys(models)))

    def write(self, path: str | Path) -> None:
        """Writes a Parquet file: ``model``, ``fold``, ``sample_id`` and a float32 column a label."""
        names = ["model", "fold", "sample_id", *self.labels]
        columns = [
            pa.array(self.model.tolist(), pa.string()),
            pa.array(self.fold, pa.int32()),
            pa.array(self.ids.tolist(), pa.string()),
            *(pa.array(column, pa.float32()) for column in self.values.T),
        ]
        write_table(pa.Table.from_arrays(columns, names), path, "logits", labels=self.labels)

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """The reverse of :meth:`write`. Raises InputError: a missing or damaged file, or one of another version."""
        table, facts = read_table(path, "logits")
        with decoding(path, "logits"):
            model, fold, ids = (np.array(table[name].to_pylist()) for name in ("model", "fold", "sample_id"))
            return cls(model, fold, ids, facts["labels"], _values(table, facts["labels"]), list(dict.fromkeys(model)))

    def out_of_fold(self, ids: list[str], folds: Mapping[str, Mapping[str, int]]) -> np.ndarray:
        """Each model's in one order: float32 [models, samples, labels].

        Args:
            folds: model → sample_id → the fold that it validates.

        Raises:
            InputError: a sample is missing, or its logits come from a fold that it does not validate.
        """
        row_of = {sample: row for row, sample in enumerate(ids)}
        stacked = np.full((len(self.models), len(ids), self.values.shape[1]), np.nan, dtype=np.float32)
        for index, name in enumerate(self.models):
            rows = np.flatnonzero(self.model == name)
            fold_of = folds[name]
            for sample, fold in zip(self.ids[rows], self.fold[rows], strict=True):
                if fold_of.get(sample) != fold:
                    found = f"scored in fold {fold}, belongs to {fold_of.get(sample)}"
                    raise InputError(f"model {name}, sample {sample}: {found}")
            stacked[index, [row_of[sample] for sample in self.ids[rows]]] = self.values[rows]
            if np.isnan(stacked[index]).any():
                raise InputError(f"model {name}: some samples have no out-of-fold logits, or they are not numbers")
        return stacked

    def own_folds(self) -> dict[str, dict[str, int]]:
        """Model → sample_id → the fold that its logits come from, of out-of-fold logits."""
        rows = {name: self.model == name for name in self.models}
        return {name: dict(zip(self.ids[of].tolist(), self.fold[of].tolist(), strict=True)) for name, of in rows.items()}

    def by_fold(self, name: str) -> list[tuple[list[str], np.ndarray]]:
        """Of a model, each fold's sample_ids and float32 [samples, labels]; nothing without samples."""
        rows = self.model == name
        of_fold = {k: rows & (self.fold == k) for k in np.unique(self.fold[rows]).tolist()}
        return [(self.ids[part].tolist(), self.values[part]) for part in of_fold.values()]
