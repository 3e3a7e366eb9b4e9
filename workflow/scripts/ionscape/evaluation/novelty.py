"""How new a sample is to a model: how similar the most similar run is that the model learnt from.

A model is as good on a sample as what it learnt from is near (applicability domain; Sahigara et al. 2012): weights of an
ensemble may depend on it, and so does what may be expected of an answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa

from ..files.artifact import decoding, read_table, write_table
from ..files.vectors import vector_column, vectors
from ..images.similarity import BLOCK, nearest_apart
from .folds import ALWAYS, Folds

#: Fits that learn from all training samples.
REFIT = "refit"

#: Added to 1 − cosine before its logarithm is taken: runs that are nearer are as good as the same.
LEAST = 1e-3


def fits_of(count: int) -> str:
    """The name of the fits of so many folds."""
    return f"folds-{count}"


def novelty(similarity: np.ndarray) -> np.ndarray:
    """ln(1 − cosine + 0.001), float64: the larger, the newer is a sample."""
    return np.log(1 - similarity.astype(np.float64) + LEAST)


@dataclass(frozen=True)
class Known:
    """known.parquet: the runs that models learnt from, as :func:`.similarity.fingerprints`.

    Attributes:
        ids: sample_ids; prints: float32 [n, columns], of unit length.
        folds: number of folds → the fold that each run validates, int [n], or ALWAYS.
    """

    ids: list[str]
    prints: np.ndarray
    folds: dict[int, np.ndarray]

    def write(self, path: str | Path) -> None:
        """Writes known.parquet."""
        columns = {"sample_id": pa.array(self.ids, pa.string()), "print": vector_column(self.prints)}
        columns |= {fits_of(count): pa.array(fold, pa.int32()) for count, fold in self.folds.items()}
        write_table(pa.table(columns), path, "known", counts=list(self.folds))

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """The reverse of :meth:`write`. Raises InputError: a missing or damaged file, or one of another version."""
        table, facts = read_table(path, "known")
        with decoding(path, "known"):
            folds = {int(count): table[fits_of(count)].to_numpy() for count in facts["counts"]}
            return cls(table["sample_id"].to_pylist(), vectors(table["print"]), folds)

    def to_new(self, prints: np.ndarray) -> tuple[dict[str, np.ndarray], list[str]]:
        """How similar the most similar run is to samples that no fit learnt from.

        Args:
            prints: fingerprints of the samples, float32 [m, columns].

        Returns:
            fits → cosine, float32 [m], of folds the mean over their fits; and which run of all it is.
        """
        best, found = np.empty(len(prints), dtype=np.float32), np.empty(len(prints), dtype=np.int64)
        means = {count: np.empty(len(prints), dtype=np.float32) for count in self.folds}
        for start in range(0, len(prints), BLOCK):
            part = slice(start, start + BLOCK)
            cosine = prints[part] @ self.prints.T
            best[part], found[part] = cosine.max(axis=1), cosine.argmax(axis=1)
            for count, fold in self.folds.items():
                of_fits = [cosine[:, fold != k].max(axis=1, initial=-1) for k in range(count)]
                means[count][part] = np.mean(of_fits, axis=0)
        names = [self.ids[row] for row in found]
        return {REFIT: best, **{fits_of(count): mean for count, mean in means.items()}}, names

    def to_themselves(self) -> dict[str, np.ndarray]:
        """Fits → cosine of the most similar run that the fit which did not see a run learnt from; −1 where that is none."""
        return {fits_of(count): nearest_apart(self.prints, fold)[0] for count, fold in self.folds.items()}


def known_of(folds: Mapping[int, Folds], prints: np.ndarray) -> Known:
    """The runs that have a fold. ``folds``: by their number; ``prints``: of the samples that have one, in its order."""
    first = next(iter(folds.values()))
    return Known(list(first.of), prints, {count: np.array(list(one.of.values())) for count, one in folds.items()})


@dataclass(frozen=True)
class Similarity:
    """similarity.parquet: of the scored samples, and of those that are predicted, how similar the nearest known run is.

    Attributes:
        ids: sample_ids; nearest: that of the most similar known run.
        by: fits → cosine, float32 [n]; NaN where these fits have nothing to say of a sample, as the refit of a scored one.
    """

    ids: list[str]
    nearest: list[str]
    by: dict[str, np.ndarray]

    @classmethod
    def of(cls, known: Known, ids: list[str], prints: np.ndarray) -> Self:
        """Of the known runs that validate a fold, and of other samples. ``prints``: fingerprints of the latter."""
        count = next(iter(known.folds))
        row = nearest_apart(known.prints, known.folds[count])[1]
        scored = np.flatnonzero(known.folds[count] > ALWAYS)
        among, (to_new, names) = known.to_themselves(), known.to_new(prints)
        nothing = np.full(len(scored), np.nan, dtype=np.float32)
        by = {name: np.concatenate([among[name][scored] if name in among else nothing, of]) for name, of in to_new.items()}
        return cls([*(known.ids[n] for n in scored), *ids], [*(known.ids[row[n]] for n in scored), *names], by)

    def write(self, path: str | Path) -> None:
        """Writes similarity.parquet."""
        columns = {"sample_id": pa.array(self.ids, pa.string()), "nearest": pa.array(self.nearest, pa.string())}
        columns |= {name: pa.array(cosine, pa.float32()) for name, cosine in self.by.items()}
        write_table(pa.table(columns), path, "similarity")

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """The reverse of :meth:`write`. Raises InputError: a missing or damaged file, or one of another version."""
        table, _ = read_table(path, "similarity")
        with decoding(path, "similarity"):
            first, second, *names = table.column_names
            return cls(
                table[first].to_pylist(), table[second].to_pylist(), {name: table[name].to_numpy() for name in names}
            )

    def of_samples(self, ids: list[str], fits: list[str]) -> np.ndarray:
        """Cosine of each of the fits and samples, float32 [fits, samples]."""
        row_of = {sample: row for row, sample in enumerate(self.ids)}
        rows = [row_of[sample] for sample in ids]
        return np.array([self.by[name][rows] for name in fits], dtype=np.float32).reshape(len(fits), len(ids))
