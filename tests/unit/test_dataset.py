"""check_dataset: samples.parquet's table, bad input named with its place, METHOD's oddities only counted."""

import gzip
import hashlib
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ionscape.config.grid import Grid
from ionscape.config.sections import Side
from ionscape.data.check import Layout, check_dataset
from ionscape.data.labels import read_labels
from ionscape.data.samples import SampleTable
from ionscape.errors import InputError, InputErrors
from ionscape.evaluation.folds import draw_folds
from ionscape.files.paths import resolve_inside
from ionscape.images.render import render
from ionscape.report.dataset_page import scarce_labels
from support.samples import sample_table

HEADER = "time,mass,intensity"
COLUMNS = {"axis": "time", "mass": "mass", "intensity": "intensity", "time": "time"}
MD5 = "features_md5_hash"


def run(*rows, header=HEADER):
    return "".join(f"{line}\n" for line in (header, *rows)).encode()


class Folder:
    """A valid data set, parts of which tests spoil: A and B in train, C labelled in val, D to be predicted."""

    def __init__(self, root: Path):
        self.root = root
        self.side = Side(column="derivatized", positive="1")
        self.group: str | None = None
        self.grid = Grid(masses=100, times=16, drop_masses=(4,))
        self.runs = {f"runs/{name}.csv": run("0.5,18,2", f"1.5,44,{n}", "2,45,3") for n, name in enumerate("ABCD", 5)}
        self.rows = [
            {"sample_id": "B", "split": "train", "derivatized": "", "features_path": "runs/B.csv"},
            {"sample_id": "A", "split": "train", "derivatized": "1", "features_path": "runs/A.csv"},
            {"sample_id": "D", "split": "test", "derivatized": "1", "features_path": "runs/D.csv"},
            {"sample_id": "C", "split": "val", "derivatized": "0", "features_path": "runs/C.csv"},
        ]
        self.labels = {
            "train_labels.csv": "sample_id,aromatic,mineral\nA,1,0\nB,0,1\n",
            "val_labels.csv": "sample_id,mineral,aromatic\nC,1,0\n",
        }
        self.submission: str | None = None

    def path(self, name: str) -> Path:
        return self.root / name

    def write(self):
        """Writes what is not there yet; md5s are those of the runs, unless a row says otherwise."""
        for name, content in self.runs.items():
            self.path(name).parent.mkdir(parents=True, exist_ok=True)
            self.path(name).write_bytes(content)
        for row in self.rows:
            if row["features_path"] in self.runs:
                row.setdefault(MD5, hashlib.md5(self.runs[row["features_path"]]).hexdigest())
        header = [*self.rows[0], *([] if MD5 in self.rows[0] else [MD5])]
        lines = [",".join(header), *(",".join(row.get(name, "") for name in header) for row in self.rows)]
        if not self.path("metadata.csv").exists():
            self.path("metadata.csv").write_text("\n".join(lines) + "\n")
        for name, text in self.labels.items():
            self.path(name).write_text(text)
        if self.submission is not None:
            self.path("submission_format.csv").write_text(self.submission)

    def check(self, progress=lambda done, total: None):
        self.write()
        layout = Layout(
            root=self.root,
            metadata=self.path("metadata.csv"),
            labels=[self.path(name) for name in self.labels],
            submission_format=None if self.submission is None else self.path("submission_format.csv"),
            columns=COLUMNS,
            side=self.side,
            group=self.group,
            grid=self.grid,
        )
        return check_dataset(layout, partial(render, grid=layout.grid), 2, progress)

    def problems(self):
        with pytest.raises(InputErrors) as caught:
            self.check()
        return caught.value.problems

    def problem(self):
        (message,) = self.problems()
        return message


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def test_groups_are_of_the_metadatas_column_and_empty_cells_stand_alone(folder):
    for row, batch in zip(folder.rows, ("x", "", " x ", "y"), strict=True):
        row["batch"] = batch
    folder.group = "batch"
    assert folder.check().samples.groups == ["x", "A", "x", "y"]
    folder.group = "lot"
    with pytest.raises(InputErrors, match="lot"):
        folder.check()


def test_the_samples_table(folder, tmp_path):
    calls = []
    checked = folder.check(lambda *call: calls.append(call))
    digests = [hashlib.md5(folder.runs[f"runs/{name}.csv"]).hexdigest() for name in "BADC"]
    checked.samples.write(tmp_path / "samples.parquet")
    table = pq.read_table(tmp_path / "samples.parquet")
    assert table.to_pydict() == {
        "sample_id": ["B", "A", "D", "C"],
        "split": ["train", "train", "test", "val"],
        "side": [0, 1, 1, 0],
        "group": ["B", "A", "D", "C"],
        "path": ["runs/B.csv", "runs/A.csv", "runs/D.csv", "runs/C.csv"],
        "md5": digests,
        "n_rows": [3, 3, 3, 3],
        "predict": [False, False, True, True],  # C has labels, and is scored by them
        "aromatic": [0, 1, None, 0],
        "mineral": [1, 0, None, 1],
    }
    types = dict(zip(table.schema.names, table.schema.types, strict=True))
    assert types["aromatic"] == types["mineral"] == pa.float32()
    assert types["n_rows"] == pa.int64()
    assert types["predict"] == pa.bool_()
    assert pa.types.is_integer(types["side"])
    samples, again = checked.samples, SampleTable.read(tmp_path / "samples.parquet")
    for name, value in vars(samples).items():
        np.testing.assert_array_equal(getattr(again, name), value)
    assert samples.labels == ["aromatic", "mineral"]
    assert (samples.submission, samples.submission_labels) == (["D"], ["aromatic", "mineral"])
    assert checked.twins == []
    assert calls == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_no_side_channel_and_no_md5(folder):
    folder.side = None
    folder.path("metadata.csv").write_text("sample_id,split,features_path\nA,train,runs/A.csv\nB,train,runs/B.csv\n")
    del folder.labels["val_labels.csv"]
    checked = folder.check()
    assert checked.samples.side.tolist() == [0, 0]
    assert checked.samples.md5[0] == hashlib.md5(folder.runs["runs/A.csv"]).hexdigest()
    assert checked.samples.submission == []


def test_the_side_flag_is_one_value_of_its_column(folder):
    folder.side = Side(column="derivatized", positive="yes")
    for row, value in zip(folder.rows, ["yes", " yes ", "no", ""], strict=True):
        row["derivatized"] = value
    assert folder.check().samples.side.tolist() == [1, 1, 0, 0]


def test_upper_case_md5(folder):
    folder.rows[0][MD5] = hashlib.md5(folder.runs["runs/B.csv"]).hexdigest().upper()
    assert len(folder.check().samples.ids) == 4


BAD_RUNS = {
    "missing column": (run("0.5,18", header="time,mass"), "line 1: column 'intensity' is missing"),
    "no rows": (run(), "has a header but no rows"),
    "empty file": (b"", "is empty"),
    "text in a number": (run("0.5,18,2", "1,x,3"), "line 3, column 'mass': 'x' is not a number"),
    "infinity": (run("0.5,18,2", "1,18,3", "2,18,inf"), "line 4, column 'intensity': 'inf' is not a number"),
    "minus infinity": (run("0.5,18,2", "-inf,18,3"), "line 3, column 'time': '-inf' is not a number"),
    "overflow": (run("0.5,18,2", "1,18,1e999"), "line 3, column 'intensity': '1e999' is too large"),
    "ragged": (run("0.5,18,2", "1,18"), "line 3: 2 values, the header has 3"),
    "all-zero intensities": (run("0.5,18,0", "1,44,0"), "largest sum of a cell's intensities must be positive"),
    "one time only": (run("0.5,18,2", "0.5,44,3"), "all kept rows share one value of the x axis (0.5)"),
    "one time among the kept masses": (run("0.5,18,2", "9,4,3"), "all kept rows share one value of the x axis"),
    "no mass in range": (run("0.5,180,2", "1,4,3", "2,-7,1"), "no row has a mass of 0–99 other than [4]"),
    "UTF-16": (run("0.5,18,2", "1,44,3").decode().encode("utf-16"), "looks like UTF-16"),
}


@pytest.mark.parametrize(("content", "message"), BAD_RUNS.values(), ids=BAD_RUNS.keys())
def test_a_bad_run(folder, content, message):
    folder.runs["runs/A.csv"] = content
    found = folder.problem()
    assert message in found
    assert found.startswith(str(folder.path("runs/A.csv")))
    assert found.endswith(f"(sample 'A', {folder.path('metadata.csv')}, line 3)")


def test_a_run_that_is_not_there_or_a_directory(folder):
    del folder.runs["runs/A.csv"]
    folder.rows[1][MD5] = ""
    assert "runs/A.csv: the run does not exist (sample 'A', " in folder.problem()
    folder.path("runs/A.csv").mkdir()
    assert "runs/A.csv: the run is a directory, expected a file (sample 'A', " in folder.problem()


def test_a_wrong_md5(folder):
    folder.rows[0][MD5] = "0" * 32
    found = folder.problem()
    assert found.startswith(f"{folder.path('runs/B.csv')}: md5 is {hashlib.md5(folder.runs['runs/B.csv']).hexdigest()}")
    assert f"column '{MD5}' says {'0' * 32}" in found
    assert found.endswith("metadata.csv, line 2)")


def zst(content):
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize(("suffix", "compress"), [(".gz", gzip.compress), (".zst", zst)])
def test_a_compressed_run_and_one_that_ends_early(folder, suffix, compress):
    rows = [f"{n / 7},{n % 90},{n * n % 101}" for n in range(2000)]
    content = compress(run(*rows))
    name = f"runs/A.csv{suffix}"
    folder.rows[1] |= {"features_path": name, MD5: hashlib.md5(content).hexdigest()}
    folder.runs[name] = content
    assert folder.check().samples.rows.tolist() == [3, 2000, 3, 3]
    folder.runs[name] = content[:-20]
    found = folder.problem()
    assert found.startswith(f"{folder.path(name)}: cannot be read: ")
    assert "damaged or ends early" in found


@pytest.mark.parametrize("place", ["../outside.csv", "absolute", "runs/../../outside.csv", "link.csv", "link/outside.csv"])
def test_a_path_that_leaves_the_folder(tmp_path, place):
    folder = Folder(tmp_path / "data")
    folder.root.mkdir()
    outside = tmp_path / "outside.csv"
    outside.write_bytes(folder.runs["runs/A.csv"])
    (folder.root / "link.csv").symlink_to(outside)
    (folder.root / "link").symlink_to(tmp_path)
    place = str(outside) if place == "absolute" else place
    folder.rows[1] |= {"features_path": place, MD5: ""}
    found = folder.problem()
    assert found.startswith(f"{folder.path('metadata.csv')}, line 3, column 'features_path': {place!r} leaves the data")


def test_paths_and_links_that_stay_inside(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "x.csv").touch()
    (tmp_path / "link.csv").symlink_to(tmp_path / "real" / "x.csv")
    (tmp_path / "root").symlink_to(tmp_path / "real")
    assert resolve_inside(tmp_path, "real/../link.csv").samefile(tmp_path / "real" / "x.csv")
    assert resolve_inside(tmp_path / "root", "x.csv") == tmp_path / "root" / "x.csv"
    with pytest.raises(InputError, match="leaves the data folder"):
        resolve_inside(tmp_path, "")


def test_a_duplicate_sample(folder):
    folder.rows[2]["sample_id"] = "A"
    place = f"{folder.path('metadata.csv')}, line"
    assert folder.problems() == [f"{place} {line}, column 'sample_id': 'A' occurs 2 times" for line in (3, 4)]


@pytest.mark.parametrize("sample", ["", "A B", "../A", "A\t"])
def test_a_sample_id_is_one_word(folder, sample):
    folder.rows[2]["sample_id"] = sample
    assert f"metadata.csv, line 4, column 'sample_id': {sample!r} is not one word" in folder.problem()


def test_a_training_sample_without_labels(folder):
    folder.labels["train_labels.csv"] = "sample_id,aromatic,mineral\nB,0,1\n"
    assert folder.problem() == f"{folder.path('metadata.csv')}, line 3: sample 'A' is in split train but has no labels"


def test_labels_without_a_sample(folder):
    folder.labels["val_labels.csv"] += "X,0,0\n"
    assert folder.problem() == f"{folder.path('metadata.csv')}: sample 'X' has labels but no row here"


def test_no_training_samples(folder):
    for row in folder.rows:
        row["split"] = "val"
    assert "column 'split': no sample is in split 'train'" in folder.problem()


@pytest.mark.parametrize("value", ["2", "yes", "", "0.5", "-1", "nan", "True"])
def test_a_label_that_is_neither_0_nor_1(folder, value):
    folder.labels["train_labels.csv"] = f"sample_id,aromatic,mineral\nA,1,0\nB,0,{value}\n"
    place = f"{folder.path('train_labels.csv')}, line 3, column 'mineral'"
    way_out = "; say 0 where it was looked for and not found, else leave the sample out of split train" * (not value)
    assert folder.problem() == f"{place}: {value!r} is not a label, expected 0 or 1{way_out}"


def test_labels_that_cannot_be_learnt_are_named():
    """Of 12 training samples; what is in another split does not count."""
    truth = np.zeros((13, 6))
    for label, positives in enumerate((0, 4, 5, 7, 10, 12)):
        truth[:positives, label] = 1
    truth[12] = [1, 1, 1, 1, 1, 0]
    table = sample_table([f"S{row}" for row in range(13)], [*"abcdef"], truth, splits=[*["train"] * 12, "val"])
    found = scarce_labels(table)
    assert list(found) == ["a", "b", "e", "f"]
    assert found["b"].startswith("4 positive of 12: fewer than 5")
    assert found["e"].startswith("2 negative of 12")


@pytest.mark.parametrize("seed", range(3))
def test_one_label_is_stratified_too(seed):
    labels = (np.arange(14)[:, None] % 2).astype(np.float32)
    folds = draw_folds(labels, 2, seed)
    assert np.bincount(folds).tolist() == [7, 7]
    assert {int(labels[folds == fold].sum()) for fold in (0, 1)} == {3, 4}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,mineral,aromatic\nC,1,0\n", "val_labels.csv, line 1: column 'sample_id' is missing; found 'id', "),
        ("sample_id\nC\n", "val_labels.csv, line 1: no label columns"),
        ("sample_id,aromatic,minerals\nC,1,0\n", "val_labels.csv, line 1: other labels than in the first label file: "),
        ("sample_id,mineral,aromatic\nC,1\n", "val_labels.csv, line 2: 2 values, the header has 3"),
        ("sample_id,mineral,aromatic\nC,1,0\nB,0,0\n", "line 3, column 'sample_id': 'B' is labelled more than once"),
        ("sample_id,mineral,aromatic\n", "val_labels.csv: the label file has a header but no rows"),
    ],
)
def test_a_bad_label_file(folder, text, message):
    folder.labels["val_labels.csv"] = text
    assert any(message in problem for problem in folder.problems())


def test_labels_named_as_a_column_of_ours(tmp_path):
    (tmp_path / "labels.csv").write_text("sample_id,side,x\nA,0,1.0\n")
    names, values, problems = read_labels([tmp_path / "labels.csv"])
    assert (names, values) == (["side", "x"], {"A": [0.0, 1.0]})
    assert problems == [
        f"{tmp_path / 'labels.csv'}, line 1: a label cannot be named 'side', a table of ours has a column of that name"
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the metadata is empty, expected a header with sample_id, split, features_path, derivatized"),
        (b"sample_id,split,features_path,derivatized\n", "the metadata has a header but no rows"),
        (b"sample_id,split,features_path\nA,train,runs/A.csv\n", "line 1: column 'derivatized' is missing"),
        ("sample_id,split".encode("utf-16"), "looks like UTF-16"),
        (b"sample_id,split,features_path,derivatized\nA,tr\xe4in,x,1\n", "line 2: not UTF-8 text"),
        (None, "the metadata is a directory, expected a file"),
    ],
)
def test_bad_metadata(folder, content, message):
    if content is None:
        folder.path("metadata.csv").mkdir()
    else:
        folder.path("metadata.csv").write_bytes(content)
    found = folder.problem()
    assert found.startswith(str(folder.path("metadata.csv")))
    assert message in found


def test_several_problems_in_one_message(folder):
    folder.runs["runs/A.csv"] = run("0.5,18,2", "1,x,3")
    folder.rows[0] |= {MD5: "0" * 32}
    folder.rows[2] |= {"features_path": "/etc/hostname", MD5: ""}
    folder.labels["train_labels.csv"] = "sample_id,aromatic,mineral\nA,1,7\nB,0,1\n"
    folder.submission = "sample_id,aromatic,mineral\nX,0,0\n"
    with pytest.raises(InputErrors) as caught:
        folder.check()
    lines = str(caught.value).splitlines()
    assert lines[0] == f"The data set {folder.root} cannot be used:"
    assert len(lines) == 6
    found = "\n".join(lines)
    for part in ("'x' is not a number", "md5 is", "leaves the data folder", "'7' is not a label", "'X' is not in"):
        assert part in found


def test_what_method_defines_is_counted_not_refused(folder):
    folder.runs["runs/B.csv"] = run("0.5,18,-2", ",44,9", "1,44,", "2,99.4,8", "2,99.6,5", "2,-0.4,5", "3,-0.6,-7")
    folder.grid = Grid(masses=100, times=16, drop_masses=(4,), limits=(0.0, 2.0))
    first, second = (vars(entry) for entry in folder.check().runs[:2])
    assert {name: first[name] for name in ("rows", "missing", "negative", "outside", "off_axis")} == {
        "rows": 7,
        "missing": 2,
        "negative": 2,
        "outside": 2,
        "off_axis": 1,
    }
    assert (first["axis_low"], first["axis_high"], first["scans"]) == (0.0, 3.0, 5)
    assert (first["mass_low"], first["mass_high"], first["total"]) == (-0.6, 99.6, 18.0)
    assert (second["rows"], second["missing"], second["off_axis"], second["axis_high"]) == (3, 0, 0, 2.0)


def test_the_submission_has_the_order_of_its_format(folder):
    folder.submission = "sample_id,mineral,aromatic\nC,0,0\nD,0,0\n"
    checked = folder.check()
    assert (checked.samples.submission, checked.samples.submission_labels) == (["C", "D"], ["mineral", "aromatic"])
    assert checked.samples.predicted.tolist() == [False, False, True, True]
    assert checked.samples.labels == ["aromatic", "mineral"]


def test_an_unlabelled_sample_is_predicted_though_the_format_leaves_it_out(folder):
    folder.submission = "sample_id,mineral,aromatic\nC,0,0\n"
    checked = folder.check()
    assert checked.samples.submission == ["C"]
    assert checked.samples.predicted.tolist() == [False, False, True, True]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "sample_id,aromatic,mineral\nD,0,0\nX,0,0\n",
            "submission_format.csv, line 3, column 'sample_id': 'X' is not in",
        ),
        ("sample_id,aromatic,mineral\nD,0,0\nD,0,0\n", "submission_format.csv, column 'sample_id': 'D' occurs 2 times"),
        ("sample_id,aromatic\nD,0\n", "submission_format.csv, line 1: other labels than in the label files: mineral"),
        ("aromatic,mineral\n0,0\n", "submission_format.csv, line 1: column 'sample_id' is missing"),
    ],
)
def test_a_bad_submission_format(folder, text, message):
    folder.submission = text
    assert message in folder.problem()


def test_twins(folder):
    folder.runs["runs/D.csv"] = folder.runs["runs/B.csv"]
    assert folder.check().twins == [["B", "D"]]
