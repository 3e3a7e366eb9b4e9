"""What measures a GPU runs, in its small mode on whatever there is, and finds an earlier version's numbers again."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
GOLDEN = ROOT / "tests/golden/run"


#: All parts but those that are others' again, of more networks.
RIGHT = ("graphs-resnet34", "graphs-gru", "leases", "memory", "resume", "reference", "page_locked", "halves")
FAST = ("steps", "fold", "at_once", "mps", "lists", "validation", "stacked")


def measure(out: Path, *words: str) -> dict:
    environment = {**os.environ, "PYTHON": sys.executable}
    command = [str(FOLDER / "measure.sh"), *words, "--small", "--out", str(out)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    log = out / f"{words[0]}.log"
    assert result.returncode == 0, result.stdout + result.stderr + (log.read_text() if log.exists() else "")
    return json.loads((out / f"{words[0]}.json").read_text())["parts"]


def test_right(tmp_path):
    parts = measure(tmp_path, "right", *RIGHT, "--name", "right")
    assert {name for name, part in parts.items() if part.get("ok")} == parts.keys() - {"machine"}
    graphs = [part for name, part in parts.items() if name.startswith("graphs-")]
    assert len(graphs) == 2
    assert all(part["first_and_last_loss"][0] != part["first_and_last_loss"][1] for part in graphs)
    assert parts["leases"]["second_waited"]


def test_fast(tmp_path):
    parts = measure(tmp_path, "fast", *FAST, "--name", "fast")
    assert not any("problem" in part for part in parts.values())
    for network in ("test_resnet", "gru"):
        assert parts["steps"][network]["engine_over_plain"] > 0
        assert all(0 < share < 1 for share in parts["steps"][network]["shares"].values())
    assert parts["fold"]["engine_over_plain"] > 0
    assert 0 < parts["fold"]["validation_share"] < 1
    numbers = parts["at_once"]["at_once"]
    assert all(one["trainings_an_hour"] > 0 and one["epoch_seconds"] > 0 for one in numbers.values())
    assert set(parts["stacked"]) >= {"transformer", "convolutional", "gru"}


def test_good_finds_an_earlier_versions_numbers_again(tmp_path):
    bundle = [sys.executable, str(FOLDER / "bundle.py"), "--run", str(GOLDEN), "--to", str(tmp_path / "bundle")]
    subprocess.run(bundle, check=True, timeout=60)
    carried = {path.parts[-3] for path in (tmp_path / "bundle").glob("run/models/*/*/oof.parquet")}
    assert carried == {"kernel", "lightgbm", "logistic-regression", "library-search"}  # the others are to be trained
    parts = measure(tmp_path, "good", "--bundle", str(tmp_path / "bundle"))
    known = json.loads((GOLDEN / "ensemble/metrics.json").read_text())
    for model, loss in parts["train"]["log_loss"].items():
        assert loss == pytest.approx(known["models"][model]["log_loss"], abs=1e-4), model
    assert set(parts["train"]["log_loss"]) == set(known["models"])
    assert parts["board"]["ensemble_nested"] == pytest.approx(known["ensemble_nested"]["log_loss"], abs=1e-3)


def test_a_part_that_is_none(tmp_path):
    command = [str(FOLDER / "measure.sh"), "fast", "speed"]
    environment = {**os.environ, "PYTHON": sys.executable}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 2
    assert "fast has no part 'speed', but machine, steps, fold" in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_part_that_fails_or_lasts_too_long_leaves_the_others(tmp_path):
    """`good` has no bundle here; its figures say so, and the machine's are there."""
    command = [str(FOLDER / "measure.sh"), "good", "--small", "--bundle", str(tmp_path / "none"), "--out", str(tmp_path)]
    environment = {**os.environ, "PYTHON": sys.executable}
    assert subprocess.run(command, env=environment, capture_output=True, timeout=120, check=False).returncode == 1
    parts = json.loads((tmp_path / "good.json").read_text())["parts"]
    assert parts["machine"]["torch"]
    assert parts["train"]["problem"].startswith("FileNotFoundError")
    late = [*command, "--minutes", "0.01"]
    assert subprocess.run(late, env=environment, capture_output=True, timeout=60, check=False).returncode == 1
    parts = json.loads((tmp_path / "good.json").read_text())["parts"]
    assert parts["board"]["problem"] == "left out: the time was over"
