"""Each artefact has an owner: what it writes it reads again, and a file that is none of its own names the rule to run."""

import re
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from ionscape.data.run_facts import RunFacts, read_facts, write_facts
from ionscape.data.samples import SampleTable
from ionscape.errors import InputError
from ionscape.evaluation.cross_validation import NUMBERS, History
from ionscape.evaluation.ensemble import Ensemble
from ionscape.evaluation.folds import ALWAYS, Folds
from ionscape.evaluation.replicates import Replicates
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
    Step,
    Suspect,
)
from ionscape.evidence.table import EvidenceTable, LabelEvidence
from ionscape.files.artifact import write_json, write_table
from ionscape.files.versions import FORMATS
from ionscape.models.logits import Logits, LogitTable
from support.samples import sample_table

LABELS = ["b", "a"]
WALK = [Step(members=["m"], loss=0.5), Step(members=["m", "n"], loss=0.25)]
SCORE = Score(
    log_loss=1 / 3,
    log_loss_interval=(0.25, 0.5),
    labels={"b": LabelScore(log_loss=0.1, average_precision=0.5, positives=2), "a": LabelScore(log_loss=0.5, positives=0)},
    log_loss_by_fold=[0.25, 0.75],
)
ENSEMBLE = Ensemble(
    method="select",
    members=["m", "n"],
    weights={"m": {"b": 0.1, "a": 1 / 3}, "n": {"b": 0.0, "a": 1e-17}},
    bias={"b": 0.0, "a": -1.5},
    clip=1e-4,
    selection_loss=0.25,
    shrinkage=0.0,
    direction="grow",
    paths={"grow": WALK, "drop": WALK[::-1]},
)
#: With models that are called as a fixed key of the file is.
METRICS = RunMetrics(
    samples=8,
    baseline=SCORE,
    models={"ensemble": SCORE, "samples": SCORE},
    ensemble=SCORE,
    ensemble_nested=SCORE,
    methods_nested={"select": 0.5},
    families={"image": Gain(without=0.3, gain=0.02, gain_interval=(-0.01, 0.05))},
    walks={"grow": WALK, "drop": WALK[::-1]},
    correlations=Correlations(models=["ensemble", "samples"], logits=[[1.0, 0.5], [0.5, 1.0]]),
    replicates=SplitByReplicates(
        near_identical=Part(samples=0),
        others=Part(samples=8, ensemble_nested=0.21, models={"ensemble": 0.25, "samples": 0.5}),
    ),
    calibration={"all": Reliability(ece=0.1, probability=[0.25], frequency=[0.5], count=[8])},
    suspects=[Suspect(sample_id="x", label="a", value=1, probability=0.01)],
    held_out={"val": HeldOut(samples=3, ensemble=SCORE, models={"ensemble": SCORE, "samples": SCORE})},
)
VALUES = np.array([[0.1, -2.5], [1e-30, 3]], dtype=np.float32)
PART = LogitTable(["x", "y"], LABELS, VALUES, {"model": "m", "fold": 1, "seed": None, "log_loss": 0.1})
EPOCH = dict.fromkeys(NUMBERS, 0.1) | {"epoch": 1, "recomputed": False, "memory_mb": None}


@dataclass(frozen=True)
class Case:
    """An artefact, its format, and what reads it."""

    kind: str
    artefact: object
    read: Callable[[Path], object]


CASES = [
    Case("ensemble", ENSEMBLE, Ensemble.read),
    Case("metrics", METRICS, RunMetrics.read),
    Case(
        "samples",
        sample_table(
            ["T2", "X", "T1"],
            LABELS,
            [[0, 1], [np.nan, np.nan], [1, 1]],
            splits=["train", "test", "train"],
            groups=["g", "X", "g"],
            side=np.array([1, 0, 0]),
            predicted=np.array([False, True, False]),
            submission=["X"],
            submission_labels=["a", "b"],
        ),
        SampleTable.read,
    ),
    Case("folds", Folds({"a": 0, "b": ALWAYS, "c": 1}), Folds.read),
    Case("replicates", Replicates(["a", "b"], ["c", "a"], np.array([0.25, 1 / 3], dtype=np.float32)), Replicates.read),
    Case("logits", PART, LogitTable.read),
    Case("logits", LogitTable([], LABELS, np.empty((0, 2), np.float32), {"model": "m", "fold": 0}), LogitTable.read),
    Case("logits", Logits.collected([PART, LogitTable(["z"], LABELS, VALUES[:1], {"model": "n", "fold": 0})]), Logits.read),
    Case("history", History([EPOCH, EPOCH | {"epoch": 2}], {"model": "m", "fold": 1, "best_epoch": 2}), History.read),
    Case("history", History([], {"model": "kernel", "fold": 0, "best_epoch": None}), History.read),
    Case(
        "evidence",
        EvidenceTable({"b": LabelEvidence(np.array([0.25, 0.75]), np.array([1 / 3, 2 / 3]), 7)}),
        EvidenceTable.read,
    ),
]
each = pytest.mark.parametrize("case", CASES, ids=lambda case: type(case.artefact).__name__)


def same(one, other) -> bool:
    """Whether two artefacts are equal: with NaN, and with the order of their keys."""
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    if is_dataclass(one):
        names = [field.name for field in fields(one)]
        return type(one) is type(other) and all(same(getattr(one, name), getattr(other, name)) for name in names)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    return one == other


@each
def test_what_is_written_is_read_again(case, tmp_path):
    case.artefact.write(tmp_path / "a")
    found = case.read(tmp_path / "a")
    assert same(case.artefact, found)
    found.write(tmp_path / "b")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_facts_of_runs_are_read_again(tmp_path):
    write_facts(tmp_path / "runs.parquet", ["a", "b"], [RunFacts(rows=3, total=0.1, mass_low=-1.5), RunFacts()])
    found = read_facts(tmp_path / "runs.parquet")
    assert list(found) == list(RunFacts.__annotations__)
    assert {name: found[name].tolist() for name in ("rows", "total", "mass_low")} == {
        "rows": [3, 0],
        "total": [0.1, 0],
        "mass_low": [-1.5, 0],
    }


def strange(path: Path, kind: str, damage: str, artefact) -> None:
    """Writes a file that is none of this kind, or not as it was written."""
    if damage == "damaged":
        artefact.write(path)
        path.write_bytes(path.read_bytes()[:-9])
    elif damage == "of another format":
        write_json(path, {"loss": 1}, "config")
    elif damage == "of other content" and kind in ("ensemble", "metrics"):  # the format, version and checksum are right
        write_json(path, {"loss": 1}, kind)
    elif damage == "of other content":
        write_table(pa.table({"nothing": [1]}), path, kind)


@each
@pytest.mark.parametrize("damage", ["missing", "damaged", "of another format", "of other content"])
def test_a_file_that_is_none_names_the_rule(case, damage, tmp_path):
    path = tmp_path / "a"
    strange(path, case.kind, damage, case.artefact)
    with pytest.raises(InputError, match=rf"^{re.escape(str(path))}: .*run rule {re.escape(FORMATS[case.kind][1])} again$"):
        case.read(path)


def test_the_two_kinds_of_logits_are_told_apart(tmp_path):
    PART.write(tmp_path / "oof.parquet")
    Logits.collected([PART]).write(tmp_path / "collected.parquet")
    with pytest.raises(InputError, match="run rule train_fold / collect_logits again"):
        Logits.read(tmp_path / "oof.parquet")
    with pytest.raises(InputError, match="the first column is model, expected sample_id"):
        LogitTable.read(tmp_path / "collected.parquet")


def test_logits_of_other_labels_are_not_collected():
    turned = LogitTable(PART.ids, LABELS[::-1], VALUES, {"model": "n", "fold": 0})
    with pytest.raises(InputError, match="model n, fold 0 has logits of other labels than model m, fold 1"):
        Logits.collected([PART, turned])
