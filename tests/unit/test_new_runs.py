"""Which files are new runs: folders with and without metadata, files, names that would collide, paths that leave."""

import os
import re
from pathlib import Path

import pytest

from ionscape.config.sections import Side
from ionscape.errors import InputError
from ionscape.serving.new_runs import find_new, find_runs

SIDE = Side(column="derivatized", positive="1")


@pytest.fixture
def folder(tmp_path):
    for name in ("b.csv", "sub/a.CSV.GZ", "sub/c.mzML", "d.cdf", "notes.txt", ".hidden.csv"):
        (tmp_path / "runs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "runs" / name).touch()
    return tmp_path / "runs"


def found(*given, side=None):
    return [(run.sample_id, run.path.name, run.side) for run in find_runs(*given, side) if run.problem is None]


def test_a_folder_without_metadata(folder):
    assert found(folder) == [("b", "b.csv", None), ("d", "d.cdf", None), ("a", "a.CSV.GZ", None), ("c", "c.mzML", None)]
    assert found(str(folder), side=SIDE) == found(folder)


def test_names_that_would_collide_keep_their_path(folder):
    (folder / "sub" / "b.mzML").touch()
    assert [name for name, _, _ in found(folder)] == ["b.csv", "d", "a", "sub/b.mzML", "c"]


def test_files(folder):
    assert found([folder / "b.csv", str(folder / "sub")]) == [
        ("b", "b.csv", None),
        ("a", "a.CSV.GZ", None),
        ("c", "c.mzML", None),
    ]
    with pytest.raises(InputError, match="is given more than once"):
        find_runs([folder / "b.csv", folder / "b.csv"], None)


def test_metadata_says_which_runs_and_the_side(folder):
    (folder / "metadata.csv").write_text("sample_id,features_path,derivatized\nX,sub/c.mzML,1\nY,b.csv,\nZ,gone.csv,0\n")
    assert found(folder, side=SIDE) == [("X", "c.mzML", 1), ("Y", "b.csv", 0), ("Z", "gone.csv", 0)]
    assert found(folder) == [("X", "c.mzML", None), ("Y", "b.csv", None), ("Z", "gone.csv", None)]
    (folder / "metadata.csv").write_text("features_path\nsub/c.mzML\n")
    assert found(folder, side=SIDE) == [("c", "c.mzML", None)]


@pytest.mark.parametrize("path", ["../secret.csv", "/etc/passwd", "sub/../../secret.csv"])
def test_metadata_does_not_lead_out_of_the_folder(folder, path):
    (folder.parent / "secret.csv").touch()
    (folder / "metadata.csv").write_text(f"features_path\nb.csv\n{path}\n")
    fine, bad = find_runs(folder, None)
    assert fine.problem is None
    assert re.search(r"metadata\.csv, line 3, column 'features_path': .* leaves the data folder", bad.problem)
    assert bad.path.parent == folder


def test_a_link_does_not_lead_out_of_the_folder(folder):
    (folder / "link.csv").symlink_to("/etc/passwd")
    problems = {run.sample_id: run.problem for run in find_runs(folder, None)}
    assert "leaves the data folder" in problems.pop("link")
    assert not any(problems.values())


def test_earlier_predictions_and_hidden_folders_are_no_runs(folder):
    for name in ("out/predictions.csv", ".cache/x.csv"):
        (folder / name).parent.mkdir()
        (folder / name).touch()
    assert [run.sample_id for run in find_runs(folder, None, folder / "out")] == ["b", "d", "a", "c"]


def test_names_that_are_no_text(folder):
    for name in (b"\xe4.csv", b"\xe5.csv", b"a\nb.csv", "\u202egnp.csv".encode()):
        (folder / os.fsdecode(name)).touch()
    runs = {run.sample_id: run for run in find_runs(folder, None)}
    for sample in ("\\xe4", "\\xe5", "a\\nb", "\\u202egnp"):
        assert runs[sample].path.exists()
        runs[sample].file.encode()


def test_two_folders_with_equal_names(folder, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.csv").touch()
    assert [run.sample_id for run in find_runs([tmp_path / "one", tmp_path / "two"], None)] == [
        (tmp_path / name / "run.csv").as_posix() for name in ("one", "two")
    ]


def test_nothing_there(tmp_path):
    with pytest.raises(InputError, match=re.escape("neither a folder nor a file")):
        find_runs(tmp_path / "none", None)
    with pytest.raises(InputError, match=re.escape("holds no run: no file ends in .csv, ")):
        find_runs(tmp_path, None)


def test_one_of_the_two_is_missing(tmp_path, folder):
    with pytest.raises(InputError, match=r"^model: is missing"):
        find_new(None, str(folder), "out")
    with pytest.raises(InputError, match=r"^model: .* is no exported folder"):
        find_new(str(tmp_path), str(folder), "out")
    (tmp_path / "model.json").touch()
    with pytest.raises(InputError, match=r"^new: is missing"):
        find_new(str(tmp_path), None, "out")
    assert isinstance(find_new(str(tmp_path), str(folder), "out")[0].path, Path)
