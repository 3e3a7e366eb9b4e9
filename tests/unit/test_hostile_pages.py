"""Whatever a sample, label, split, model, file or setting is called, pages, figures and the model card show it as text."""

from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from test_pages import ensemble, metrics

from ionscape.config.sections import Features
from ionscape.data.check import Checked
from ionscape.data.run_facts import RunFacts
from ionscape.evaluation.run_metrics import Reliability
from ionscape.evidence.combine import Reason
from ionscape.report.dataset_page import check_page
from ionscape.report.figures.data import images_figure, labels_figure
from ionscape.report.figures.ensemble import correlations_figure, reliability_figure, weights_figure
from ionscape.report.figures.evidence import label_figure
from ionscape.report.figures.style import to_png
from ionscape.report.html import SORT
from ionscape.report.leaderboard import leaderboard_page, leaderboard_text
from ionscape.report.provenance_page import provenance_page
from ionscape.report.sample_page import SamplePage, sample_page
from ionscape.report.trainings_page import trainings_page
from ionscape.serving.manifest import GridFacts, Manifest, RunColumns
from ionscape.serving.model_card import model_card, plain
from support.samples import sample_table
from support.settings import load_config

EVIL = (
    "<script>alert(1)</script>",
    "\"'><img src=x onerror=alert(1)>",
    "</title></style></pre><svg onload=alert(1)>",
    "&lt;b&gt;",
    "javascript:alert(1)",
    "$\\frac{",
    "_hidden",
    "{x}%s{0}",
    "x" * 200,
    "日本ｆｕ😀",
)

#: All that our pages are made of.
TAGS = {"html", "meta", "title", "style", "h1", "h2", "p", "table", "tr", "th", "td", "span", "div", "b", "i", "img", "wbr"}
TAGS |= {"pre", "script"}
ATTRIBUTES = {"lang", "charset", "style", "class", "title", "alt", "src"}


class Elements(HTMLParser):
    """The elements of a page, and its text."""

    def __init__(self, page: str):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        self.text += "".join(value for name, value in attributes if name in ("title", "alt"))

    def handle_data(self, data):
        self.text += data


def check(name: str) -> str:
    samples = sample_table([name, "b"], [name], [[1], [0]], splits=[name, "train"], rows=np.array([1, 2]))
    runs = [RunFacts(missing=3), RunFacts()]
    layout = SimpleNamespace(columns={"axis": name}, root=Path(name.replace("/", "_")))
    return check_page(Checked(samples, runs, [[name, "b"]]), layout)


def sample(name: str) -> str:
    cells = np.array([[0.0, 0.6], [0.4, 0], [0, 0]])
    reason = Reason(cells.sum(axis=1), cells, {name: np.array([0.1, 1])}, {name: [(name, 0.5)]})
    one = np.array([0.9])
    image = np.ones((3, 2), np.float32)
    return sample_page(
        SamplePage(name, name, [name], [name], one, [name], one[None], np.array([1]), image, name, None, [(0, reason)])
    )


ROW = {"fold": 0, "state": "done", "starts": 1}
PAGES = {
    "check": check,
    "leaderboard": lambda name: leaderboard_page(
        metrics(name, name), ensemble(name, method=name, label=name), {name: name}
    ),
    "sample": sample,
    "trainings": lambda name: trainings_page([{**ROW, "model": name, "host": name, "gpu": name}]),
    "provenance": lambda name: provenance_page(
        {"seed": 4, "folds": {"seed": 42}, "models": {name: {"seed": 5}}, "note": name},
        [{"host": name}],
        Path(__file__).parent,
    ),
}


@pytest.mark.parametrize("name", EVIL, ids=range(len(EVIL)))
@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_a_name_is_text(page, name):
    found, usual = Elements(page(name)), Elements(page("usual"))
    assert set(found.tags) <= TAGS
    assert found.tags.count("script") == usual.tags.count("script") <= SORT.count("<script>")
    assert {attribute for attribute, _ in found.attributes} <= ATTRIBUTES
    assert all(value.startswith("data:image/png") for attribute, value in found.attributes if attribute == "src")
    assert name in found.text


@pytest.mark.parametrize("name", EVIL, ids=range(len(EVIL)))
def test_a_name_in_a_figure(name):
    bins = Reliability(ece=0.1, probability=[0.1], frequency=[0.0], count=[8])
    cells = np.random.default_rng(0).random((20, 8))
    for figure in (
        labels_figure([name], {name: np.array([3])}, np.ones((1, 1))),
        images_figure(name, {"none": cells, "mass": cells}, name, None),
        correlations_figure([name], np.ones((1, 1))),
        weights_figure([name], [name], np.ones((1, 1))),
        reliability_figure({"all": bins, name: bins}),
        label_figure(name, cells[:, 0], cells[:, 1], 7),
    ):
        assert to_png(figure).startswith(b"\x89PNG")


@pytest.mark.parametrize("name", EVIL, ids=range(len(EVIL)))
def test_a_name_on_the_model_card(name):
    manifest = Manifest(
        run="r",
        labels=[name],
        columns=RunColumns(axis=name, mass="m", intensity="i", time="t"),
        grid=GridFacts(masses=16, times=16, drop_masses=[], limits=None, statistic="sum"),
        side=None,
        features=Features(),
        known={"0": {"scans": [1.0, 2.0]}},
        trained_on=8,
        members={"m": [0, 1, 2]},
    )
    models = load_config({"models": {"m": {"family": "table"}}}).models
    text = model_card(manifest, metrics(name, name), ensemble("m", label=name), models)
    assert text.count(plain(name)) >= 3
    for mark in ("<", "|", "`", "["):
        assert f"\\{mark}" in plain(f"a{mark}b")
    assert "<script" not in text.replace("\\<", "")
    assert "<img" not in text.replace("\\<", "")


def test_a_name_that_is_markdown():
    assert plain("a|b `c` [d](e) _f_ g_h *i*") == r"a\|b \`c\` \[d\]\(e\) \_f\_ g_h \*i\*"


@pytest.mark.parametrize("name", EVIL, ids=range(len(EVIL)))
def test_a_name_on_the_leaderboard_as_text(name):
    assert name in leaderboard_text(metrics(name), ensemble(name), "s.csv")
