"""Cross-validation: which labelled samples validate which fold."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa

from ..data.samples import TRAIN, SampleTable
from ..errors import InputError, InputErrors
from ..files.artifact import decoding, read_table, write_table
from ..files.small_csv import Row

#: Fold of samples that are in the training part of every fold and validate none.
ALWAYS = -1


@dataclass(frozen=True)
class Folds:
    """folds.parquet: which fold a sample validates.

    Attributes:
        of: sample_id → fold, or ALWAYS, in the order of samples.parquet; samples that are not in it train and validate
            nothing.
    """

    of: dict[str, int]

    def of_rows(self, ids: Sequence[str]) -> np.ndarray:
        """The fold of each sample, int [n]; less than ALWAYS where it has none."""
        return np.array([self.of.get(sample, ALWAYS - 1) for sample in ids])

    @property
    def count(self) -> int:
        """How many folds there are."""
        return max(self.of.values()) + 1

    def learnt_from(self) -> int:
        """How many samples a fit learns from, the mean over the folds."""
        validating = sum(fold > ALWAYS for fold in self.of.values())
        return round(len(self.of) - validating / self.count)

    def split(self, ids: Sequence[str], fold: int | None) -> tuple[np.ndarray, np.ndarray]:
        """Rows that train and rows that validate a fold: two disjoint ascending int arrays. None: all train."""
        folds = self.of_rows(ids)
        if fold is None:
            return np.flatnonzero(folds >= ALWAYS), np.empty(0, dtype=np.int64)
        return np.flatnonzero((folds >= ALWAYS) & (folds != fold)), np.flatnonzero(folds == fold)

    def write(self, path: str | Path) -> None:
        """Writes folds.parquet."""
        columns = {"sample_id": pa.array(list(self.of)), "fold": pa.array(list(self.of.values()), pa.int32())}
        write_table(pa.table(columns), path, "folds")

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """The reverse of :meth:`write`. Raises InputError: a missing or damaged file, or one of another version."""
        table, _ = read_table(path, "folds")
        with decoding(path, "folds"):
            return cls(dict(zip(table["sample_id"].to_pylist(), table["fold"].to_pylist(), strict=True)))


def draw_folds(labels: np.ndarray, count: int, seed: int, groups: Sequence[str] | None = None) -> np.ndarray:
    """Multilabel-stratified folds (METHOD, Training).

    Args:
        labels: [samples, labels], 0 or 1.
        groups: of each sample; a group is in one fold, as if it were one sample with the labels of all. None: no groups.
        count: number of folds.
        seed: of the shuffle.

    Returns:
        int32 [samples], the fold 0 … count − 1 that each sample validates.

    Raises:
        InputError: fewer samples, or groups, than folds.
    """
    if groups is not None:
        place = {group: number for number, group in enumerate(dict.fromkeys(groups))}
        of = np.array([place[group] for group in groups])
        together = np.zeros((len(place), labels.shape[1]), dtype=labels.dtype)
        np.maximum.at(together, of, labels)
        return draw_folds(together, count, seed)[of]
    if len(labels) < count:
        raise InputError(
            f"{len(labels)} training samples, or groups, cannot be split into {count} folds; lower folds.count"
        )
    from iterstrat.ml_stratifiers import MultilabelStratifiedKFold  # a second: only where folds are drawn

    if labels.shape[1] == 1:  # the splitter wants several: present and absent are two
        labels = np.hstack([labels, 1 - labels])
    folds = np.empty(len(labels), dtype=np.int32)
    splitter = MultilabelStratifiedKFold(n_splits=count, shuffle=True, random_state=seed)
    for fold, (_, validation) in enumerate(splitter.split(np.zeros((len(labels), 1)), labels.astype(int))):
        folds[validation] = fold
    return folds


def divide_folds(folds: Folds, table: SampleTable, count: int, seed: int, groups: Sequence[str]) -> Folds:
    """Finer folds: each of the folds divided further, stratified again, so that a fit learns from more samples.

    A sample stays within its fold: what finer fits say of the samples of one fold is weighed by what is known of the
    others, as before. Samples of fold ALWAYS keep it.

    Args:
        count: of the finer folds, a multiple of the folds'; fold f becomes f · k … f · k + k − 1.
        groups: of each sample in the table; a group that is in one fold is in one finer fold.

    Raises:
        InputError: a fold with fewer samples, or groups, than parts.
    """
    of, parts = folds.of_rows(table.ids), count // folds.count
    finer: dict[str, int] = {}
    for fold in np.unique(of[of > ALWAYS]):
        rows = np.flatnonzero(of == fold)
        try:
            drawn = draw_folds(table.truth[rows], parts, seed, [groups[row] for row in rows.tolist()])
        except InputError as error:
            raise InputError(f"folds: {count}: fold {fold} cannot be divided into {parts} ({error})") from error
        finer |= {table.ids[row]: int(fold * parts + part) for row, part in zip(rows, drawn, strict=True)}
    return Folds({sample: finer.get(sample, ALWAYS) for sample in folds.of})


def given_folds(rows: list[Row], ids: Sequence[str], count: int, path: str) -> np.ndarray:
    """Folds from a file with ``sample_id,fold``, in the order of ``ids``: int32 [samples].

    Raises:
        InputErrors: a sample without a fold, more than once, or that is not in train; a fold that is not 0 … count − 1;
            a fold without samples.
    """
    problems, found, known = [], {}, set(ids)
    for row in rows:
        sample, text, line = row["sample_id"], row["fold"].strip(), row.line
        if sample not in known:
            problems.append(f"{path}, line {line}, column 'sample_id': {sample!r} is not a training sample")
        elif sample in found:
            problems.append(f"{path}, line {line}, column 'sample_id': {sample!r} occurs more than once")
        if not re.fullmatch("[0-9]{1,9}", text) or int(text) >= count:
            problems.append(f"{path}, line {line}, column 'fold': {text!r}, expected 0–{count - 1} (folds.count = {count})")
            text = "0"
        found[sample] = int(text)
    problems += [f"{path}: training sample {sample!r} has no fold" for sample in ids if sample not in found]
    if not problems:
        empty = sorted(set(range(count)) - set(found.values()))
        problems += [f"{path}, column 'fold': no sample has fold {fold}" for fold in empty]
    if problems:
        raise InputErrors("The given folds cannot be used:", problems)
    return np.array([found[sample] for sample in ids], dtype=np.int32)


def across_folds(samples: SampleTable, folds: Folds, alike: Sequence[str]) -> list[list[str]]:
    """Samples that are alike and yet in different folds, so that a model is scored on what it was trained on.

    Args:
        alike: of each sample in the table, what says who is alike, such as its group.

    Returns:
        lists of sample_ids.
    """
    groups: dict[str, list[str]] = {}
    for sample, value in zip(samples.ids, alike, strict=True):
        if sample in folds.of:
            groups.setdefault(value, []).append(sample)
    return [group for group in groups.values() if len({folds.of[sample] for sample in group}) > 1]


def join_folds(
    samples: SampleTable, ids: Sequence[str], folds: np.ndarray, train_val: bool, held_out: Sequence[str] = ()
) -> Folds:
    """The folds of all samples that have one.

    Args:
        ids, folds: the training part.
        train_val: the other labelled samples have fold ALWAYS; else they are only scored.
        held_out: splits that ``train_val`` leaves out.

    Raises:
        InputError: a split that is not there, has no labelled sample, or is the one that folds are drawn of.
    """
    labelled = [(samples.ids[row], samples.splits[row]) for row in np.flatnonzero(samples.labelled)]
    others = sorted({split for _, split in labelled} - {TRAIN})
    if unknown := sorted(set(held_out) - set(others)):
        raise InputError(
            f"folds.held_out: {', '.join(map(repr, unknown))} is no split with labels besides {TRAIN!r} "
            f"(there is {', '.join(others) or 'none'})"
        )
    fold_of = dict(zip(ids, folds.tolist(), strict=True))
    if train_val:
        fold_of = {sample: ALWAYS for sample, split in labelled if split not in held_out} | fold_of
    return Folds({sample: fold_of[sample] for sample in samples.ids if sample in fold_of})
