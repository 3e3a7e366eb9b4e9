"""Figures: they are drawn for what is usual and for what is odd, the same bytes each time, and say what they are told."""

import numpy as np
import pytest

from ionscape.evaluation.cross_validation import History
from ionscape.evaluation.run_metrics import Reliability, SimilarityBin, Step
from ionscape.evidence.table import EvidenceTable, LabelEvidence
from ionscape.report.figures.data import images_figure, labels_figure, tic_figure
from ionscape.report.figures.ensemble import (
    correlations_figure,
    precision_recall_figure,
    reliability_figure,
    similarity_figure,
    walks_figure,
    weights_figure,
)
from ionscape.report.figures.evidence import Panel, evidence_figure, label_figure, label_figures, named_ions
from ionscape.report.figures.style import to_png
from ionscape.report.figures.training import curves_figure, jobs_figure

RNG = np.random.default_rng(0)
LABELS = ["a", "$b_{c", "<i>"]
CELLS, NONE = RNG.random((20, 8)), np.zeros((20, 8))
LOSSES = [(0.6, 0.6), (0.4, 0.35), (0.3, 0.4)]
ROWS = [{"epoch": n, "train_loss": train, "validation_loss": loss} for n, (train, loss) in enumerate(LOSSES, start=1)]
BINS = Reliability(ece=0.1, probability=[0.1, 0.9], frequency=[0.0, 1.0], count=[8, 2])
NEAR = [SimilarityBin(similarity=at, samples=20, log_loss=0.5 - at / 3) for at in (-1, 0.7, 0.99, 1)]
STEPS = [Step(members=["m"], loss=0.3), Step(members=["m", "n"], loss=0.2)]


def history(fold, best_epoch):
    return History(ROWS, {"fold": fold, "best_epoch": best_epoch})


FIGURES = {
    "labels": lambda: labels_figure(LABELS, {"train": np.array([3, 0, 1]), "val": np.array([1, 1, 0])}, np.eye(3)),
    "chromatograms": lambda: tic_figure({"train": RNG.random((70, 8)), "test": RNG.random((1, 8))}, "temp", [30, 1000]),
    "images": lambda: images_figure("S$1", {"none": CELLS, "mass": -CELLS}, "time", None),
    "curves": lambda: curves_figure("m", [history(0, 2), history(3, None)]),
    "jobs": lambda: jobs_figure(["render", "train m"], [[1.5, 20], [0]], [[100, 90], [0]]),
    "correlations": lambda: correlations_figure(["m", "n"], np.array([[1, -0.5], [-0.5, 1]])),
    "one model": lambda: correlations_figure(["m"], np.ones((1, 1))),
    "weights": lambda: weights_figure(["m"], LABELS, np.array([[0, 0.5, 2.5]])),
    "walks": lambda: walks_figure({"grow": STEPS, "drop": STEPS[::-1]}),
    "reliability": lambda: reliability_figure({"all": BINS, **dict.fromkeys(LABELS, BINS)}),
    "similarity": lambda: similarity_figure(NEAR, 0.995),
    "one bin of similarity": lambda: similarity_figure(NEAR[-1:], 0.995),
    "precision and recall": lambda: precision_recall_figure(LABELS, np.array([[1, 0, 1], [0, 0, 1]]), RNG.random((2, 3))),
    "evidence": lambda: evidence_figure(
        CELLS, [Panel("$a", CELLS.sum(axis=1), CELLS, {"m": RNG.random(8)}), Panel("b", NONE[:, 0], NONE, {})], "time", None
    ),
    "a label": lambda: label_figure("$a", CELLS[:, 0], CELLS[:, 1], 7),
}  # fmt: skip


@pytest.mark.parametrize("figure", FIGURES.values(), ids=FIGURES)
def test_it_is_drawn(figure):
    content = to_png(figure())
    assert content.startswith(b"\x89PNG")
    assert len(content) > 4000


def test_the_same_figure_has_the_same_bytes():
    assert to_png(label_figure("a", CELLS[:, 0], CELLS[:, 1], 7)) == to_png(label_figure("a", CELLS[:, 0], CELLS[:, 1], 7))


def test_ions_that_get_a_name():
    profile = np.zeros(100)
    profile[[43, 44, 58, 71, 90]] = [5, 4, 3, 2, 1]
    assert named_ions(profile, 3, 1) == [43, 44, 58]
    assert named_ions(profile, 3, 5) == [43, 58, 71]  # 44 is too close to a larger one
    assert named_ions(profile, 9, 5) == [43, 58, 71, 90]


def test_the_chosen_epoch_and_the_best_step_are_marked():
    (validation,) = [axes for axes in curves_figure("m", [history(0, 2)]).axes if axes.get_title(loc="left")[0] == "v"]
    dots = [line.get_xydata().tolist() for line in validation.lines if line.get_marker() == "o"]
    assert dots == [[[2, 0.35]]]
    grow = walks_figure({"grow": STEPS, "drop": STEPS[::-1]}).axes[0]
    ring = next(line for line in grow.lines if line.get_markerfacecolor() == "none")
    assert ring.get_xydata().tolist() == [[2, 0.2]]
    assert [text.get_text() for text in grow.texts] == ["+m", "+n"]


def test_each_labels_evidence_is_in_its_own_figure():
    a = LabelEvidence(np.array([0.9, 0.1]), np.array([0.5, 0.5]), 2)
    b = LabelEvidence(np.array([0.2, 0.8]), np.array([0.3, 0.7]), 5)
    drawn = dict(label_figures(EvidenceTable({"a": a, "b": b})))
    assert list(drawn) == ["a", "b"]
    for name, entry in (("a", a), ("b", b)):
        assert to_png(drawn[name]) == to_png(label_figure(name, entry.evidence, entry.spectrum, entry.samples))
