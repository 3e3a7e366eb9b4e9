"""The metadata: which samples there are, in which split, and where their runs are."""

import unicodedata
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

from ..config.sections import Side
from ..errors import InputError
from ..files.paths import resolve_inside
from ..files.small_csv import Row, read_rows
from .names import LONGEST_NAME, is_readable, is_word
from .samples import TRAIN


def read_metadata(path: Path, side: Side | None, group: str | None) -> list[Row]:
    """The rows of the metadata. Raises InputError: as :func:`.small_csv.read_rows`, or a column is missing."""
    required = ["sample_id", "split", "features_path"] + ([side.column] if side else []) + ([group] if group else [])
    return read_rows(path, "the metadata", required)[1]


def check_rows(
    path: Path, rows: list[Row], root: Path, labelled: Collection[str] | None
) -> tuple[list[Path | None], list[str]]:
    """Where each row's run is, None where it cannot be, and what is wrong with the rows.

    Args:
        path: of the metadata; root: the folder that the runs are in.
        labelled: the sample_ids that have labels; None where the labels cannot be read.
    """
    ids = Counter(row["sample_id"] for row in rows)
    forms = Counter(unicodedata.normalize("NFC", sample) for sample in ids)
    runs: list[Path | None] = []
    problems: list[str] = []
    for row in rows:
        place, run = f"{path}, line {row.line}", None
        problems += [f"{place}{problem}" for problem in _problems_of(row, ids, forms, labelled)]
        try:
            run = resolve_inside(root, row["features_path"])
        except InputError as error:
            problems.append(f"{place}, column 'features_path': {error}")
        runs.append(run)
    return runs, problems


def _problems_of(row: Row, ids: Counter, forms: Counter, labelled: Collection[str] | None) -> Iterator[str]:
    """What is wrong with a row by itself, from after its line on; ids, forms: how often each is there."""
    sample, split = row["sample_id"], row["split"]
    if not is_word(sample):
        yield f", column 'sample_id': {sample!r} is not one word of up to {LONGEST_NAME} letters"
    if ids[sample] > 1:
        yield f", column 'sample_id': {sample!r} occurs {ids[sample]} times"
    if forms[unicodedata.normalize("NFC", sample)] > 1:
        yield f", column 'sample_id': {sample!a} is there in another Unicode form too; keep one"
    if not is_readable(split):
        yield f", column 'split': {split!r} cannot be read"
    if split != TRAIN and split.strip().lower() == TRAIN:
        yield f", column 'split': {split!r}, expected {TRAIN!r}"
    if split == TRAIN and labelled is not None and sample not in labelled:
        yield f": sample {sample!r} is in split train but has no labels"
