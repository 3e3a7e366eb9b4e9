"""Logits: a model's own, and those of all models together."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy.special import expit, logit

from ..errors import InputError

#: Probabilities are kept this far from 0 and 1 where a logarithm is taken; float32 cannot tell closer ones apart.
EPSILON = 1e-7


def probabilities_of(logits: np.ndarray) -> np.ndarray:
    """Sigmoid, float64."""
    return expit(logits.astype(np.float64))


def clipped_logits(probabilities: np.ndarray, clip: float) -> np.ndarray:
    """Inverse sigmoid of probabilities clipped to [clip, 1 − clip]."""
    return logit(np.clip(probabilities, clip, 1 - clip))


def logit_table(ids: list[str], labels: list[str], logits: np.ndarray) -> pa.Table:
    """``sample_id`` and a float32 column a label."""
    columns = [pa.array(ids, pa.string()), *(pa.array(column, pa.float32()) for column in logits.T)]
    return pa.Table.from_arrays(columns, ["sample_id", *labels])


def collect_logits(parts: list[tuple[pa.Table, dict]]) -> pa.Table:
    """Logit tables of (model, fold) as one: ``model, fold, sample_id, <label> …``, in the order given."""
    tables = []
    for table, facts in parts:
        model = pa.array([facts["model"]] * len(table), pa.string())
        fold = pa.array([facts["fold"]] * len(table), pa.int32())
        tables.append(table.add_column(0, "fold", fold).add_column(0, "model", model))
    return pa.concat_tables([table.replace_schema_metadata() for table in tables])


@dataclass(frozen=True)
class Logits:
    """Collected logits: one row a (model, fold, sample).

    Attributes:
        model, fold, ids: [rows]; values: float32 [rows, labels]; models: names, in order of appearance.
    """

    model: np.ndarray
    fold: np.ndarray
    ids: np.ndarray
    values: np.ndarray
    models: list[str]

    @classmethod
    def read(cls, table: pa.Table, labels: list[str]) -> "Logits":
        """From the table of collect_logits."""
        model, fold, ids = (np.array(table[name].to_pylist()) for name in ("model", "fold", "sample_id"))
        values = np.column_stack([table[label].to_numpy() for label in labels])
        return cls(model, fold, ids, values, list(dict.fromkeys(model)))


def stack_oof(oof: Logits, ids: list[str], fold_of: dict[str, int]) -> np.ndarray:
    """Each model's out-of-fold logits in one order: float32 [models, samples, labels].

    Raises:
        InputError: a sample is missing, or its logits come from a fold that it does not validate.
    """
    row_of = {sample: row for row, sample in enumerate(ids)}
    stacked = np.full((len(oof.models), len(ids), oof.values.shape[1]), np.nan, dtype=np.float32)
    for index, name in enumerate(oof.models):
        rows = np.flatnonzero(oof.model == name)
        for sample, fold in zip(oof.ids[rows], oof.fold[rows], strict=True):
            if fold_of.get(sample) != fold:
                raise InputError(f"model {name}, sample {sample}: scored in fold {fold}, belongs to {fold_of.get(sample)}")
        stacked[index, [row_of[sample] for sample in oof.ids[rows]]] = oof.values[rows]
        if np.isnan(stacked[index]).any():
            raise InputError(f"model {name}: some samples have no out-of-fold logits, or they are not numbers")
    return stacked
