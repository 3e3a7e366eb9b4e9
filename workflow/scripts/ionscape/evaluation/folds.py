"""Cross-validation: which labelled samples validate which fold."""

import re
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..data.samples import TRAIN
from ..errors import InputError, InputErrors
from ..files.small_csv import Row

#: Fold of samples that are in the training part of every fold and validate none.
ALWAYS = -1


def assign_folds(labels: np.ndarray, count: int, seed: int, groups: Sequence[str] | None = None) -> np.ndarray:
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
        return assign_folds(together, count, seed)[of]
    if len(labels) < count:
        raise InputError(
            f"{len(labels)} training samples, or groups, cannot be split into {count} folds; lower folds.count"
        )
    from iterstrat.ml_stratifiers import MultilabelStratifiedKFold  # a second: only where folds are drawn

    folds = np.empty(len(labels), dtype=np.int32)
    splitter = MultilabelStratifiedKFold(n_splits=count, shuffle=True, random_state=seed)
    for fold, (_, validation) in enumerate(splitter.split(np.zeros((len(labels), 1)), labels.astype(int))):
        folds[validation] = fold
    return folds


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


def training_part(samples: pa.Table, labels: list[str]) -> tuple[list[str], np.ndarray, list[str]]:
    """The samples that folds are drawn of (split train): sample_ids, float32 labels [n, labels], and groups."""
    train = samples.filter(pc.equal(samples["split"], TRAIN))
    y = np.column_stack([train[label].to_numpy() for label in labels])
    return train["sample_id"].to_pylist(), y, train["group"].to_pylist()


def folds_of(table: pa.Table) -> dict[str, int]:
    """folds.parquet's table as sample_id → fold."""
    return dict(zip(table["sample_id"].to_pylist(), table["fold"].to_pylist(), strict=True))


def across_folds(samples: pa.Table, folds: pa.Table, what: str) -> list[list[str]]:
    """Samples that are alike and yet in different folds, so that a model is scored on what it was trained on.

    Args:
        samples: samples.parquet; folds: folds.parquet's table; what: the column that says who is alike.

    Returns:
        lists of sample_ids.
    """
    fold_of = folds_of(folds)
    alike: dict[str, list[str]] = {}
    for sample, value in zip(samples["sample_id"].to_pylist(), samples[what].to_pylist(), strict=True):
        if sample in fold_of:
            alike.setdefault(value, []).append(sample)
    return [group for group in alike.values() if len({fold_of[sample] for sample in group}) > 1]


def join_folds(
    samples: pa.Table, label: str, ids: Sequence[str], folds: np.ndarray, train_val: bool, held_out: Sequence[str] = ()
) -> pa.Table:
    """folds.parquet's table: ``sample_id, fold`` (int32) in the order of samples.parquet.

    Args:
        label: any label; where it is null, the sample is unlabelled.
        ids, folds: the training part.
        train_val: also list the other labelled samples, with fold ALWAYS; else they are only scored.
        held_out: splits that ``train_val`` leaves out.

    Raises:
        InputError: a split that is not there, has no labelled sample, or is the one that folds are drawn of.
    """
    labelled = samples.filter(pc.is_valid(samples[label]))
    others = sorted(set(labelled["split"].to_pylist()) - {TRAIN})
    if unknown := sorted(set(held_out) - set(others)):
        raise InputError(
            f"folds.held_out: {', '.join(map(repr, unknown))} is no split with labels besides {TRAIN!r} "
            f"(there is {', '.join(others) or 'none'})"
        )
    fold_of = dict(zip(ids, folds.tolist(), strict=True))
    if train_val:
        used = labelled.filter(pc.invert(pc.is_in(labelled["split"], pa.array(held_out, pa.string()))))
        fold_of = dict.fromkeys(used["sample_id"].to_pylist(), ALWAYS) | fold_of
    order = [sample for sample in samples["sample_id"].to_pylist() if sample in fold_of]
    return pa.table({"sample_id": pa.array(order), "fold": pa.array([fold_of[sample] for sample in order], pa.int32())})


def split_fold(ids: list[str], folds: dict[str, int], fold: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows that train and rows that validate: two disjoint ascending int arrays.

    Args:
        ids: all sample_ids; folds: sample_id → fold, or ALWAYS; samples that are not in it do neither.
    """
    of = np.array([folds.get(sample, ALWAYS - 1) for sample in ids])
    return np.flatnonzero((of >= ALWAYS) & (of != fold)), np.flatnonzero(of == fold)
