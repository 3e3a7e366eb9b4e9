"""Pages: what is in them, and that names are text, never HTML."""

import re
from pathlib import Path

import numpy as np
import pytest

from ionscape.evaluation.ensemble import Ensemble
from ionscape.evaluation.run_metrics import (
    Correlations,
    Gain,
    HeldOut,
    LabelScore,
    Part,
    Reliability,
    RunMetrics,
    Score,
    SplitByReplicates,
    Suspect,
)
from ionscape.evidence.choice import explained_labels
from ionscape.evidence.combine import Reason
from ionscape.files.paths import file_name
from ionscape.report.leaderboard import leaderboard_page
from ionscape.report.provenance_page import commit, provenance_page
from ionscape.report.sample_page import SamplePage, sample_page, write_page
from ionscape.report.summary import prediction_lines, run_lines
from ionscape.report.trainings_page import trainings_page

EVIL = "<script>alert('x')</script>&amp;$a$"


def page(**changes):
    cells = np.array([[0.0, 0.6], [0.4, 0], [0, 0]])
    facts = {
        "sample": EVIL,
        "source": EVIL,
        "notes": [EVIL],
        "labels": [EVIL, "b"],
        "probabilities": np.array([0.9, 0.2]),
        "members": [EVIL, "m"],
        "per_model": np.array([[0.8, 0.1], [0.95, 0.6]]),
        "truth": np.array([1, 0]),
        "image": np.random.default_rng(0).random((3, 2)).astype(np.float32),
        "axis": "time",
        "limits": None,
        "reasons": [(0, Reason(cells.sum(axis=1), cells, {EVIL: np.array([0.1, 1])}, {"m": [(EVIL, 0.5)]}))],
    }
    return SamplePage(**{**facts, **changes})


def test_a_samples_page_shows_names_as_text(tmp_path):
    text = sample_page(page())
    assert "<script" not in text
    assert text.count("&lt;script&gt;alert(") > 6
    assert "m/z 0 (60%), m/z 1 (40%)" in text
    assert "<td>0.900</td>" in text
    assert "<td>0.500</td>" in text  # the models are 0.1 and 0.6 for label b
    assert text.count("data:image/png;base64,") == 1
    write_page(page(), tmp_path)
    (written,) = tmp_path.iterdir()
    assert written.name == f"{file_name(EVIL)}.html"


@pytest.mark.parametrize("limits", [None, [30.0, 1000.0]])
def test_a_page_where_nothing_speaks_for_the_answer(limits):
    nothing = Reason(np.zeros(3), np.zeros((3, 2)), {}, {})
    text = sample_page(
        page(truth=None, reasons=[(0, nothing), (1, nothing)], image=np.zeros((3, 2), np.float32), limits=limits)
    )
    assert "nothing speaks for it" in text
    assert "labelled" not in text


def test_which_labels_are_explained():
    assert explained_labels(np.array([0.2, 0.9, 0.6, 0.5, 0.8])) == [1, 4, 2]
    assert explained_labels(np.array([0.2, 0.4, 0.1])) == [1]


def test_file_names_are_apart_and_stay_in_their_folder():
    names = [
        "a",
        "A/../b",
        "..",
        ".",
        "",
        ".hidden",
        "%2E.",
        "x" * 300,
        "x" * 301,
        "é",
        "e\u0301",
        "a b",
        "a\0b",
        "~",
        "C:\\x",
    ]
    made = [file_name(name) for name in names]
    assert len(set(made)) == len(names)
    for name in made:
        assert re.fullmatch(r"[A-Za-z0-9_.~-]+", name)
        assert not name.startswith(".")
        assert len(name) <= 120
    assert file_name("S0011") == "S0011"


def metrics(name: str = EVIL, label: str = "a_b") -> RunMetrics:
    """Of two models, one of that name, a split and a family of that name too."""
    labels = {label: LabelScore(log_loss=0.5, average_precision=0.5, positives=2)}
    shared = {"log_loss_interval": (0.4, 0.6), "log_loss_by_fold": [0.45, 0.55], "average_precision": 0.2, "labels": labels}
    score = {loss: Score(log_loss=loss, **shared) for loss in (0.21, 0.22, 0.25, 0.31, 0.35, 0.5)}
    none, others = Part(samples=0), Part(samples=8, ensemble_nested=0.21, models={name: 0.31})
    models = {name: score[0.31], "best": score[0.22]}
    held_out = HeldOut(samples=3, ensemble=score[0.25], models=dict.fromkeys(models, score[0.35]))
    return RunMetrics(
        samples=8,
        baseline=score[0.5],
        models=models,
        ensemble=score[0.21],
        ensemble_nested=score[0.21],
        methods_nested={"select": 0.2, name: 0.1},
        families={name: Gain(without=0.3, gain=0.02, gain_interval=(-0.01, 0.05))},
        walks={},
        correlations=Correlations(models=list(models), logits=[[1, 0.5], [0.5, 1]]),
        replicates=SplitByReplicates(near_identical=none, others=others),
        calibration={label: Reliability(ece=0.1, probability=[0.1], frequency=[0.0], count=[8])},
        suspects=[Suspect(sample_id=name, label=label, value=1, probability=0.01)],
        held_out={name: held_out},
    )


def ensemble(*members: str, method: str = "stack", label: str = "a_b") -> Ensemble:
    weights = {member: {label: 1.0} for member in members}
    return Ensemble(method=method, members=list(members), weights=weights, bias={label: 0.0}, clip=1e-4)


def test_the_leaderboard_page():
    text = leaderboard_page(metrics(), ensemble("best"), {EVIL: "image", "best": "table"})
    assert "<script>alert" not in text
    rows = re.findall(r"<tr><td>(.*?)</td>", text)
    assert rows[:3] == ["ensemble (nested)", "ensemble (optimistic)", "best"]  # the best model first
    assert "<td>0.2500</td>" in text
    assert "<td>0.3500</td>" in text


def test_trainings_and_provenance():
    rows = [
        {"model": EVIL, "fold": 0, "state": "done", "starts": 3, "host": EVIL, "gpu": None, "epoch": 7, "train_loss": 0.5},
        {"model": "b", "fold": 1, "state": "failed", "starts": 1, "host": "box", "gpu": "GPU-1"},
    ]
    text = trainings_page(rows)
    assert "<script>alert" not in text
    assert "1 of 2 trainings were started more than once." in text
    assert "<td>3 times</td><td>7</td><td>0.5000</td>" in text
    config = {"seed": 4, "folds": {"seed": 42}, "models": {"b": {"seed": 5}, "kernel": {}}, "note": EVIL}
    text = provenance_page(config, rows, Path(__file__).parent)
    assert "<script>alert" not in text
    assert "<td>model b</td><td>5</td>" in text
    assert "<td>box</td><td>GPU-1</td><td>1</td>" in text
    assert "torch" in text


def test_the_commit_of_a_folder_without_git(tmp_path):
    assert commit(tmp_path) == "not under git"


def test_the_last_lines(tmp_path):
    (tmp_path / "ensemble").mkdir()
    metrics().write(tmp_path / "ensemble" / "metrics.json")
    said = run_lines(tmp_path, " --configfile lab.yaml")
    assert "snakemake export --configfile lab.yaml, then" in said
    assert "log loss 0.2100 (95 %: 0.4000–0.6000), 0.42 of constant frequencies'; best single model: best, 0.2200" in said
    (tmp_path / "predictions.csv").write_text("sample_id,warning,problem\na,,\nb,odd,\nc,,broken\n")
    assert "2 of 3 runs answered, 1 with a warning, 1 could not be read" in prediction_lines(tmp_path)
    assert said.count("\n") == prediction_lines(tmp_path).count("\n") == 2
