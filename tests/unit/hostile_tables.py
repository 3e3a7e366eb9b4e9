"""Hostile metadata, labels, submission formats, folds and new runs: small tables spoiled cell by cell and byte by byte."""

import csv
import io
import os
import re
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
from hostile import TRICKS, Outcome, check_message, rounds
from hypothesis import strategies as st

from ionscape.config.grid import Grid
from ionscape.config.sections import Side
from ionscape.data.check import Layout, check_dataset
from ionscape.errors import UNREADABLE, InputError, InputErrors
from ionscape.evaluation.folds import given_folds
from ionscape.files.paths import file_name
from ionscape.files.small_csv import read_rows
from ionscape.images.render import render
from ionscape.report.dataset_page import check_page
from ionscape.serving.new_runs import find_runs

SIDE = Side(column="derivatized", positive="1")
COLUMNS = {"axis": "time", "mass": "mass", "intensity": "intensity", "time": "time"}

#: A sound data set: A and B in train, C labelled in val, D to be predicted.
SOUND = {
    "metadata.csv": [
        ["sample_id", "split", "features_path", "derivatized", "batch"],
        ["A", "train", "runs/A.csv", "1", "x"],
        ["B", "train", "runs/B.csv", "", ""],
        ["C", "val", "runs/C.csv", "0", "y"],
        ["D", "test", "runs/é.csv", "1", "y"],
    ],
    "train_labels.csv": [["sample_id", "aromatic", "mineral"], ["A", "1", "0"], ["B", "0", "1"]],
    "val_labels.csv": [["sample_id", "mineral", "aromatic"], ["C", "1", "0"]],
    "submission_format.csv": [["sample_id", "aromatic", "mineral"], ["D", "0.5", "0.5"]],
    "folds.csv": [["sample_id", "fold"], ["A", "0"], ["B", "1"]],
}

#: What else a cell may say: paths that lead to no run, values that are almost right.
CELLS = (
    *("runs/../runs/A.csv", "../secret.csv", "runs/out.csv", "runs/loop.csv", "runs/gone.csv", "runs/pipe.csv", "runs", ""),
    *("runs/e\u0301.csv", "RUNS/A.csv", "runs/A.csv ", "/dev/zero", "/dev/stdin", "runs/A.csv/", "./runs/B.csv"),
    *(
        "a",
        "A ",
        "B",
        "D",
        "Train",
        " train",
        "0",
        "1",
        "1.0",
        "2",
        "-1",
        "01",
        "١",
        "nan",
        "0" * 5000,
        "split",
        "a;b",
        'a"b',
    ),
)


@dataclass
class Files:
    """What is in the data set's files, by name."""

    contents: dict[str, bytes]


@st.composite
def spoiled(draw: st.DrawFn) -> Files:
    """The sound data set, one or two files of which are changed, some of them harmlessly."""
    contents = {name: _written(rows, ",", "\n", csv.QUOTE_MINIMAL).encode() for name, rows in SOUND.items()}
    for name in draw(st.lists(st.sampled_from(list(SOUND)), min_size=1, max_size=2)):
        rows = [list(row) for row in SOUND[name]]
        for _ in range(draw(st.integers(0, 2))):
            row = draw(st.integers(0, len(rows) - 1))
            column = draw(st.integers(0, len(rows[row]) - 1)) if rows[row] else 0
            cell = draw(st.one_of(st.sampled_from(CELLS), st.sampled_from(TRICKS), st.text(max_size=8)))
            match draw(
                st.sampled_from(
                    ["cell", "cell", "cell", "drop", "copy", "swap", "column", "twice", "blank", "short", "add"]
                )
            ):
                case "cell" if rows[row]:
                    rows[row][column] = cell
                case "drop" if len(rows) > 1:
                    del rows[row]
                case "copy":
                    rows.insert(row, list(rows[row]))
                case "swap":
                    rows[row], rows[-1] = rows[-1], rows[row]
                case "column":
                    rows = [[*cells[:column], *cells[column + 1 :]] for cells in rows]
                case "twice":
                    rows = [[*cells, *cells[column : column + 1]] for cells in rows]
                case "blank":
                    rows.insert(row, [])
                case "short":
                    rows[row] = rows[row][:column]
                case "add":
                    rows = [[*cells, cell] for cells in rows]
        delimiter = draw(st.sampled_from([",", ",", ",", ",", ";", "\t"]))
        end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
        text = _written(rows, delimiter, end, draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])))
        encoding = draw(
            st.sampled_from(["utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "latin-1", "utf-32"])
        )
        content = text.encode(encoding, "replace" if encoding == "latin-1" else "surrogatepass")
        match draw(st.sampled_from(["none", "none", "none", "none", "cut", "byte", "ends", "nothing"])):
            case "cut":
                content = content[: draw(st.integers(0, len(content)))]
            case "byte":
                place = draw(st.integers(0, max(0, len(content) - 1)))
                wrong = draw(
                    st.sampled_from([b"\0", b'"', b"\n", b"\r", b",", b"\xff", b"\xc2\x85", b"\xe2\x80\xa8", b"\x1a"])
                )
                content = content[:place] + wrong + content[place:]
            case "ends":
                content += draw(st.sampled_from([b"\n\n\n", b"\0", b" ", b",", b"\r\n \r\n"]))
            case "nothing":
                content = b""
        contents[name] = content
    return Files(contents)


def _written(rows: list[list[str]], delimiter: str, end: str, quoting: int) -> str:
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(rows)
    return stream.getvalue()


def make_runs(folder: Path) -> None:
    """The runs of the sound data set, and all that a path could lead to instead."""
    runs = folder / "runs"
    (runs / "folder.csv").mkdir(parents=True)
    for number, name in enumerate(("A", "B", "C", "é"), start=5):
        (runs / f"{name}.csv").write_text(f"time,mass,intensity\n0.5,18,2\n1.5,44,{number}\n2,45,3\n")
    (folder.parent / "secret.csv").write_text("time,mass,intensity\n0.5,18,2\n1.5,44,6\n")
    (runs / "out.csv").symlink_to(folder.parent / "secret.csv")
    (runs / "loop.csv").symlink_to("loop.csv")
    (runs / "gone.csv").symlink_to("nothing.csv")
    os.mkfifo(runs / "pipe.csv")


def plain(content: bytes) -> pd.DataFrame:
    """An independent reading."""
    return pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False, encoding="utf-8-sig", index_col=False)


def judge(files: Files, folder: Path) -> bool:
    """Whether the data set was taken; then it is what pandas reads, and its page and its names can be written."""
    for name, content in files.contents.items():
        (folder / name).write_bytes(content)
    layout = Layout(
        root=folder,
        metadata=folder / "metadata.csv",
        labels=[folder / "train_labels.csv", folder / "val_labels.csv"],
        submission_format=folder / "submission_format.csv",
        columns=COLUMNS,
        side=SIDE,
        group="batch",
        grid=Grid(masses=100, times=16, drop_masses=(4,)),
    )
    judge_new(folder)
    try:
        checked = check_dataset(layout, partial(render, grid=layout.grid), 2, lambda done, total: None)
    except InputErrors as error:
        for problem in error.problems:
            assert re.search(r"(metadata|labels|submission_format)\.csv", problem), f"names no file: {problem}"
        raise
    metadata, samples = plain(files.contents["metadata.csv"]), checked.samples
    for ours, theirs in ((samples.ids, "sample_id"), (samples.splits, "split"), (samples.paths, "features_path")):
        assert ours == metadata[theirs].tolist(), f"another {theirs}: {ours} and {metadata[theirs].tolist()}"
    assert samples.side.tolist() == [int(text.strip() == "1") for text in metadata["derivatized"]]
    both = [plain(files.contents[name]).set_index("sample_id") for name in ("train_labels.csv", "val_labels.csv")]
    labels = pd.concat(both).astype(float)
    for name, values in zip(samples.labels, samples.truth.T, strict=True):
        found = {sample: value for sample, value in zip(samples.ids, values.tolist(), strict=True) if value == value}
        assert found == labels[name].to_dict(), f"other labels {name}"
    assert samples.submission == plain(files.contents["submission_format.csv"])["sample_id"].tolist()
    assert not any(UNREADABLE.search(name) for name in [*samples.ids, *samples.labels])
    assert all(Path(file_name(name)).name == file_name(name) for name in [*samples.ids, *samples.labels])
    check_page(checked, layout).encode()
    train = samples.train_part().ids
    path = folder / "folds.csv"
    _, rows = read_rows(path, "the folds", ["sample_id", "fold"])
    folds = given_folds(rows, train, 2, str(path))
    theirs = plain(files.contents["folds.csv"]).set_index("sample_id")["fold"]
    assert folds.tolist() == [int(theirs[sample]) for sample in train]
    return True


def judge_new(folder: Path) -> None:
    """The same folder as one of new runs: whatever its metadata says, nothing outside is to be read."""
    try:
        runs = find_runs(folder, SIDE)
    except InputError as error:
        check_message(error)
        return
    assert len({run.sample_id for run in runs}) == len(runs)
    for run in runs:
        assert not UNREADABLE.search(run.sample_id + run.file + (run.problem or ""))
        assert run.problem or run.path.resolve().is_relative_to(folder.resolve()), f"{run.path} is elsewhere"


def tables(count: int, seed: int) -> Outcome:
    """Spoiled data sets, each checked as a data set with given folds and searched as a folder of new runs."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "data")
        make_runs(folder)
        return rounds("data sets", spoiled(), lambda files: judge(files, folder), count, seed)
