"""The label files."""

from collections.abc import Iterable
from pathlib import Path

from ..errors import InputError
from ..files.small_csv import read_rows
from .names import is_readable

#: Columns of our own tables beside the labels'.
RESERVED = {"split", "side", "group", "path", "md5", "n_rows", "predict", "model", "fold", "file", "warning", "problem"}
RESERVED |= {"similarity", "nearest", "expected_log_loss"}


#: What to do with an empty cell.
UNKNOWN = "; say 0 where it was looked for and not found, else leave the sample out of split train"


def read_labels(files: Iterable[Path]) -> tuple[list[str], dict[str, list[float]], list[str]]:
    """Reads label files: (label names, sample_id → 0/1 values in that order, problems)."""
    names: list[str] = []
    values: dict[str, list[float]] = {}
    problems: list[str] = []
    for path in files:
        try:
            header, rows = read_rows(path, "the label file", ["sample_id"])
        except InputError as error:
            problems.append(str(error))
            continue
        found = [column for column in header if column != "sample_id"]
        if not found:
            problems.append(f"{path}, line 1: no label columns besides 'sample_id'")
        for name in found:
            if not name.strip() or not is_readable(name):
                problems.append(f"{path}, line 1: a label cannot be named {name!r}")
        for name in sorted(RESERVED.intersection(found)):
            problems.append(f"{path}, line 1: a label cannot be named {name!r}, a table of ours has a column of that name")
        for name in found:
            if name.removesuffix("_spread") != name and name.removesuffix("_spread") in found:
                problems.append(f"{path}, line 1: {name!r} beside the label without _spread; predictions need that column")
        if not names:
            names = found
        if set(found) != set(names):
            differing = ", ".join(sorted(set(found) ^ set(names)))
            problems.append(f"{path}, line 1: other labels than in the first label file: {differing}")
            continue
        for row in rows:
            sample, line = row["sample_id"], row.line
            if sample in values:
                problems.append(f"{path}, line {line}, column 'sample_id': {sample!r} is labelled more than once")
                continue
            values[sample] = []
            for name in names:
                text = row[name].strip()
                if text not in ("0", "1", "0.0", "1.0"):
                    place, way_out = f"{path}, line {line}, column {name!r}", "" if text else UNKNOWN
                    problems.append(f"{place}: {text!r} is not a label, expected 0 or 1{way_out}")
                    text = "0"
                values[sample].append(float(text))
    return names, values, problems
