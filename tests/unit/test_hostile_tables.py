"""Tables that no one should write: read as pandas reads them, or refused with file and line; never another error."""

import pytest
from hostile_tables import make_runs, tables

from ionscape.data.labels import read_labels
from ionscape.data.names import is_word
from ionscape.errors import InputErrors
from ionscape.evaluation.folds import given_folds
from ionscape.files.small_csv import Row
from ionscape.serving.new_runs import find_runs


def test_a_sample_of_hostile_data_sets():
    outcome = tables(250, seed=1)
    assert outcome.problems == []
    assert outcome.tried >= 250
    assert outcome.taken > 15  # some changes are harmless


def test_a_fold_of_many_digits():
    rows = [Row({"sample_id": "A", "fold": "0" * 5000}, 2), Row({"sample_id": "B", "fold": "1" * 5000}, 3)]
    with pytest.raises(InputErrors) as caught:
        given_folds(rows, ["A", "B"], 2, "f.csv")
    assert all("column 'fold'" in problem and len(problem) < 1100 for problem in caught.value.problems)


@pytest.mark.parametrize(
    "sample", ["a\0b", "a\x1b[31m", "\u202egnp", "a\u200e", "", "a b", "a/b", "a,b", "\ufeffA", "x" * 201]
)
def test_ids_that_cannot_be_read_are_no_words(sample):
    assert not is_word(sample)


@pytest.mark.parametrize("sample", ["<script>", "..", "con", "é", "e\u0301", "=1+1", "$", "x" * 200])
def test_ids_that_are_odd_but_words(sample):
    assert is_word(sample)


@pytest.mark.parametrize("name", ["", " ", "a\nb", "\u202eab", "x" * 201])
def test_labels_without_a_name_that_can_be_read(tmp_path, name):
    (tmp_path / "labels.csv").write_text(f'sample_id,"{name}"\nA,1\n', encoding="utf-8", newline="")
    _, _, (problem,) = read_labels([tmp_path / "labels.csv"])
    assert "labels.csv, line 1: a label cannot be named" in problem


def test_new_runs_that_lead_elsewhere(tmp_path):
    """Links, loops and pipes among new runs: told as a problem or left to the reader, never waited for."""
    make_runs(tmp_path / "data")
    runs = {run.sample_id: run for run in find_runs(tmp_path / "data", None)}
    assert "leaves the data folder" in runs["out"].problem
    assert "loop" in runs["loop"].problem
    assert runs["A"].problem is None
