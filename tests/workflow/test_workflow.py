"""Whole runs: what they leave, what is run again, what bad input does, and what each preset plans."""

import csv
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import yaml

QUICK = ("--cores", "2", "--configfile", "resources/presets/quick.yaml")
MODELS = ("events", "kernel", "lightgbm", "logistic-regression", "lite0-mass", "library-search")
NETWORKS = {"events", "lite0-mass"}
ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.workflow


def output(result) -> str:
    return result.stdout + result.stderr


def jobs(result) -> dict[str, int]:
    """The job table of a dry run: rule → number of jobs."""
    return {rule: int(n) for rule, n in re.findall(r"^(\w+) +(\d+)$", output(result), re.M)}


def fingerprints(folder: Path) -> dict[str, str]:
    """MD5 of every result, logs and benchmarks left out."""
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    kept = [path for path in paths if not {"logs", "benchmarks"} & set(path.relative_to(folder).parts)]
    return {str(path.relative_to(folder)): hashlib.md5(path.read_bytes()).hexdigest() for path in kept}


def ids(path: Path) -> list[str]:
    return pq.read_table(path)["sample_id"].to_pylist()


def test_a_run_leaves_what_the_readme_names(finished):
    run = finished[0] / "results" / "quick"
    with open(run / "ensemble/submission.csv", newline="") as stream:
        submission = list(csv.DictReader(stream))
    with open(run / "data/submission_format.csv", newline="") as stream:
        wanted = list(csv.DictReader(stream))
    assert [row["sample_id"] for row in submission] == [row["sample_id"] for row in wanted]
    assert list(submission[0]) == list(wanted[0])
    values = np.array([[float(value) for name, value in row.items() if name != "sample_id"] for row in submission])
    assert ((values > 0) & (values < 1)).all()
    assert len(np.unique(values.round(6), axis=0)) > 1  # they depend on the run

    board = (run / "ensemble/leaderboard.txt").read_text()
    for name in (*MODELS, "ensemble (optimistic)", "ensemble (nested)", "constant frequencies"):
        assert re.search(rf"^{re.escape(name)} .*0\.\d{{4}}", board, re.M), board
    metrics = json.loads((run / "ensemble/metrics.json").read_text())
    assert set(metrics["models"]) == set(MODELS)
    ensemble = json.loads((run / "ensemble/ensemble.json").read_text())
    assert ensemble["method"] == min(metrics["methods_nested"], key=metrics["methods_nested"].get)
    assert set(ensemble["members"]) <= set(MODELS)
    assert "aromatic" in (run / "check.html").read_text()


def command(*arguments: str) -> str:
    """What the console command prints."""
    library = os.environ | {"PYTHONPATH": str(ROOT / "workflow/scripts")}
    call = [sys.executable, "-m", "ionscape", *arguments]
    return subprocess.run(call, env=library, check=True, capture_output=True, text=True).stdout


def test_ensembles_are_compared_and_results_become_a_table(finished, tmp_path):
    run = finished[0] / "results" / "quick"
    metrics = json.loads((run / "ensemble/metrics.json").read_text())
    nested, alone = metrics["ensemble_nested"]["log_loss"], metrics["models"]["events"]["log_loss"]
    said = command("compare", str(run), "--models", "lightgbm", "events")
    assert f"{nested:.4f} and 0." in said
    assert f"{alone:.4f}" not in said.split(";")[0]  # it is of both models, as an ensemble
    assert "gain +0.0000, 95 % interval +0.0000 … +0.0000" in command("compare", str(run), "--with", str(run))
    page = tmp_path / "README.md"
    page.write_text("# Ours\n<!-- results of quick -->\n<!-- end -->\n")
    command("results-table", str(page), str(run))
    assert f"| **ensemble, nested** | {nested:.4f} |" in page.read_text()
    assert "\n| events" in page.read_text()


def test_no_sample_is_scored_by_a_model_that_saw_it(finished):
    run = finished[0] / "results" / "quick"
    samples = pq.read_table(run / "samples.parquet").to_pydict()
    split = dict(zip(samples["sample_id"], samples["split"], strict=True))
    fold_of = dict(zip(*pq.read_table(run / "folds.parquet").to_pydict().values(), strict=True))
    assert set(fold_of) == {sample for sample in split if split[sample] == "train"}
    finer = dict(zip(*pq.read_table(run / "folds-4.parquet").to_pydict().values(), strict=True))
    assert {sample: fold // 2 for sample, fold in finer.items()} == fold_of
    for model in MODELS:
        of = finer if model == "kernel" else fold_of
        folds = range(max(of.values()) + 1)
        scored = [ids(run / f"models/{model}/fold{fold}/oof.parquet") for fold in folds]
        assert [set(part) for part in scored] == [{s for s in of if of[s] == fold} for fold in folds]
        assert scored[0] == [sample for sample in samples["sample_id"] if of.get(sample) == 0]  # in metadata order
        for fold in folds:
            predicted = ids(run / f"models/{model}/fold{fold}/test.parquet")
            assert predicted == [sample for sample in samples["sample_id"] if split[sample] != "train"]  # val is scored
    for model in ("kernel", "events"):
        assert ids(run / f"models/{model}/refit/test.parquet") == predicted
    collected = pq.read_table(run / "logits/test.parquet").to_pydict()
    fits = set(zip(collected["model"], collected["fold"], strict=True))
    assert {fold for model, fold in fits if model in ("kernel", "events")} == {
        -1
    }  # the refit alone answers for new samples
    assert {fold for model, fold in fits if model == "lightgbm"} == {0, 1}
    assert sorted(ids(run / "ensemble/oof.parquet")) == sorted(fold_of)


def test_each_training_says_what_it_was(finished):
    folder = finished[0] / "results/quick/models/lite0-mass"
    for fold in (0, 1):
        facts = json.loads((folder / f"fold{fold}/model.json").read_text())
        stored = json.loads(pq.read_schema(folder / f"fold{fold}/oof.parquet").metadata[b"ionscape"])
        for key in ("model", "fold", "seed", "config_hash", "best_epoch", "log_loss"):
            assert facts[key] == stored[key]
        assert (facts["fold"], facts["best_epoch"]) == (fold, 1)
        history = pq.read_table(folder / f"fold{fold}/history.parquet").to_pydict()
        assert history["epoch"] == [1]
        assert history["validation_loss"][0] == pytest.approx(facts["log_loss"], abs=1e-6)


def test_nothing_changed_nothing_to_do(finished):
    result = finished[1](*QUICK, "-n", "--", "ensemble")
    assert "Nothing to be done" in output(result)


def test_one_models_epochs_rerun_its_folds_and_what_follows(finished):
    folder, snakemake = finished
    config = yaml.safe_load((folder / "resources/presets/quick.yaml").read_text())
    config["models"]["lite0-mass"]["epochs"] = 2
    expected = {"train_fold": 2, "collect_logits": 1, "fit_ensemble": 1, "ensemble": 1, "total": 5}
    (folder / "changed.yaml").write_text(yaml.safe_dump(config))
    planned = jobs(snakemake("--cores", "2", "--configfile", "changed.yaml", "-n", "--", "ensemble"))
    assert planned == expected
    config["models"]["lite0-mass"].pop("epochs")
    config["models"]["more-trees"] = {"family": "table", "trees": 30}
    (folder / "changed.yaml").write_text(yaml.safe_dump(config))
    planned = jobs(snakemake("--cores", "2", "--configfile", "changed.yaml", "-n", "--", "ensemble"))
    assert planned == expected


def test_the_same_config_gives_the_same_logits(copy_of_finished):
    folder, snakemake = copy_of_finished
    run = folder / "results/quick"
    before = fingerprints(run / "models")
    models = ("events", "kernel", "lightgbm", "lite0-mass")  # a kind of arithmetic each
    again = [f"results/quick/models/{model}/fold1/oof.parquet" for model in models]
    snakemake(*QUICK, "--resources", "gpu=2", "--rerun-triggers", "mtime", "--forcerun", "train_fold", "--", *again)
    after = fingerprints(run / "models")
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {f"{model}/fold1/history.parquet" for model in models if model in NETWORKS}  # which holds seconds


def test_replicates_are_reported_and_kept_together_on_request(copy_of_finished):
    """Six training runs are measured once more, ten times as strong."""
    folder, snakemake = copy_of_finished
    data = folder / "lab"
    (folder / "results/quick/data").rename(data)
    again = {sample: f"{sample}-again" for sample in ids(folder / "results/quick/folds.parquet")[:6]}
    for name in ("metadata.csv", "train_labels.csv"):
        with open(data / name, newline="") as stream:
            rows = list(csv.DictReader(stream))
        for sample, copy in again.items():
            row = next(row for row in rows if row["sample_id"] == sample)
            rows.append({**row, "sample_id": copy})
            if name == "metadata.csv":
                rows[-1]["features_path"] = f"train_features/{copy}.csv"
                rows[-1].pop("features_md5_hash", None)
                run = pd.read_csv(data / row["features_path"])
                run.assign(intensity=run["intensity"] * 10).to_csv(data / rows[-1]["features_path"], index=False)
        pd.DataFrame(rows).to_csv(data / name, index=False)

    def replicates(run: str, alike: float | str) -> tuple[dict[str, int], str]:
        config = (f"run={run}", "dataset={root: lab}", f"folds={{count: 2, alike: {alike}}}")
        said = output(snakemake(*QUICK, "--config", *config, "--", f"results/{run}/replicates.parquet"))
        found = pq.read_table(folder / f"results/{run}/replicates.parquet").to_pydict()
        drawn = pq.read_table(folder / f"results/{run}/folds.parquet").to_pydict()
        fold_of = dict(zip(drawn["sample_id"], drawn["fold"], strict=True))
        assert found["sample_id"] == drawn["sample_id"]
        apart = {sample: copy for sample, copy in again.items() if fold_of[sample] != fold_of[copy]}
        near = {s: n for s, n, c in zip(*found.values(), strict=True) if c >= 0.995}
        assert near == apart | {copy: sample for sample, copy in apart.items()}
        if apart:
            assert f"{2 * len(apart)} of {len(fold_of)} samples have a near-identical run in another fold" in said
        return apart, said

    assert replicates("drawn", "null")[0]  # with this seed
    apart, said = replicates("kept", 0.995)
    assert not apart
    assert "near-identical" not in said


BAD = {
    "text in a number": (b"0.1,18.0,abc", "column 'intensity': 'abc' is not a number"),
    "infinite": (b"0.1,18.0,inf", "column 'intensity': 'inf' is not a number"),
    "short row": (b"0.1,18.0", "2 values, the header has 3"),
}


@pytest.mark.parametrize(("line", "message"), BAD.values(), ids=BAD)
def test_a_bad_run_is_one_message_and_leaves_earlier_results(copy_of_finished, line, message):
    folder, snakemake = copy_of_finished
    run = folder / "results/quick"
    data = folder / "lab"
    (run / "data").rename(data)
    given = (*QUICK, "--config", "dataset={root: lab}")
    path = next((data / "train_features").iterdir())
    path.write_bytes(path.read_bytes() + line + b"\n")
    n = path.read_bytes().count(b"\n")
    before = fingerprints(run)
    result = snakemake(*given, fails=True)
    said = output(result)
    assert said.count(message) == 1, said
    assert re.search(rf"{re.escape(str(path.relative_to(folder)))}, line {n}\b", said), said
    assert fingerprints(run) == before


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        ("samples.parquet", "render_images"),
        ("images/raw/*1-of-*.parquet", "normalize_images"),
        ("models/*/fold0/oof.parquet", "collect_logits"),
        ("logits/oof.parquet", "fit_ensemble"),
    ],
)
def test_a_step_that_fails_leaves_earlier_results(copy_of_finished, broken, rule):
    folder, snakemake = copy_of_finished
    call = (*QUICK, "--rerun-triggers", "mtime")  # a copied folder's library of spectra has another path
    target = ("--", "ensemble")
    results = folder / "results/quick"
    path = min(results.glob(broken))
    whole, times = path.read_bytes(), (path.stat().st_atime_ns, path.stat().st_mtime_ns)
    path.write_bytes(b"time,mass,intensity\n0,1,x\n")
    before = fingerprints(results)
    said = output(snakemake(*call, "--forcerun", rule, *target, fails=True))
    assert f"{path.relative_to(folder)}: cannot be read as Parquet" in said, said
    assert fingerprints(results) == before
    path.write_bytes(whole)
    os.utime(path, ns=times)
    snakemake(*call, *target)
    assert "Nothing to be done" in output(snakemake(*call, "-n", *target))


def test_backups_of_a_killed_snakemake_do_not_stop_the_next(copy_of_finished):
    """It leaves copies of the outputs that its jobs were making again; those of folders Snakemake refuses to replace."""
    folder, snakemake = copy_of_finished
    call = (*QUICK, "--rerun-triggers", "mtime")
    results, backups = folder / "results/quick", folder / ".snakemake/backups"
    snakemake(*call, "--", "results/quick/report/labels.png")
    before = fingerprints(results)
    left = backups / "results/quick/report/images/left.png"
    left.parent.mkdir(parents=True)
    left.touch()
    snakemake(*call, "--force", "--", "results/quick/report/labels.png")
    assert fingerprints(results) == before
    assert [path for path in backups.rglob("*") if path.is_file()] == []


def test_a_killed_job_leaves_no_temporary_files(copy_of_finished):
    """Not where its earlier outputs are restored either, so that nothing runs it again."""
    folder, snakemake = copy_of_finished
    call = (*QUICK, "--rerun-triggers", "mtime")
    results = folder / "results/quick"
    before = fingerprints(results)
    script = folder / "workflow/scripts/collect_logits.py"
    kill = "    import os\n    with atomic(job.output.test): os.kill(os.getpid(), 9)\n"
    text = script.read_text().replace("def main(job) -> None:\n", f"def main(job) -> None:\n{kill}")
    script.write_text(f"from ionscape.files.atomic import atomic\n{text}")
    said = output(snakemake(*call, "--force", "--", "results/quick/logits/oof.parquet", fails=True))
    assert "SIGKILL" in said, said
    assert fingerprints(results) == before


def test_bad_metadata_and_labels_are_shown_together(copy_of_finished):
    folder, snakemake = copy_of_finished
    data = folder / "lab"
    (folder / "results/quick/data").rename(data)
    before = fingerprints(folder / "results")
    metadata = (data / "metadata.csv").read_text().splitlines()
    cells = metadata[1].split(",")
    metadata[1] = ",".join([*cells[:3], "../secret.csv", cells[4]])
    metadata.append(metadata[2])
    (data / "metadata.csv").write_text("\n".join(metadata) + "\n")
    labels = (data / "train_labels.csv").read_text().splitlines()
    labels[3] = re.sub(r",[01],", ",2,", labels[3], count=1)
    (data / "train_labels.csv").write_text("\n".join(labels) + "\n")
    said = output(snakemake(*QUICK, "--config", "dataset={root: lab}", fails=True))
    for message in (
        "lab/metadata.csv, line 2, column 'features_path': '../secret.csv' leaves",
        "occurs 2 times",
        "'2' is not",
    ):
        assert message in said, said
    assert fingerprints(folder / "results") == before


def test_a_bad_config_stops_before_anything_runs(workflow):
    folder, snakemake = workflow
    (folder / "mine.yaml").write_text("modles: {a: {family: image}}\nmodels: {b: {family: image, backbone: resnet43}}\n")
    said = output(snakemake("-n", "--configfile", "mine.yaml", fails=True))
    assert "modles: unknown key; did you mean 'models'?" in said
    assert re.search(r"models.b.backbone: .* no model 'resnet43'; did you mean 'resnet\w+'", said)
    said = output(snakemake("-n", "--config", "dataset={root: nowhere}", fails=True))
    assert "dataset.root: 'nowhere' is not a folder" in said
    assert not (folder / "results").exists()


@pytest.mark.parametrize(
    ("file", "options", "message"),
    [
        ("run: ../../x", (), "run: found '../../x', allowed: letters, digits"),
        ('run: "a\\n"', (), r"run: is 'a\n' and holds '\n', which cannot be read"),
        (f"seed: {'9' * 400}", (), "seed: is a number that is too large"),
        ("images: &a [*a]", (), "there are more than 12 levels"),
        ("dataset: {root: '{x}'}", (), "dataset.root: found '{x}', allowed: a path without {}<>"),
        (
            "dataset: {root: ., metadata: ../secret, labels: [mine.yaml]}",
            (),
            "dataset.metadata: '../secret' leaves the data folder",
        ),
        ("predictions: '{x}'", (), "predictions: found '{x}', allowed: a path without {}<>"),
        ("predictions: <predictions>", (), "predictions: found '<predictions>', allowed: a path without {}<>"),
        ("", ("run=../x",), "run: found '../x', allowed: letters, digits"),
        ("", ("images={times: 2024-99-99}",), "images.times: expected integer, found '2024-99-99'"),
        ("", ("models={../x: {family: table}}",), "models: found '../x', allowed: letters, digits"),
        ("", (f"dataset={{root: {'x' * 300}}}",), "dataset.root: found '"),
    ],
    ids=str,
)
def test_a_hostile_configuration_is_one_message_and_leaves_nothing(workflow, file, options, message):
    folder, snakemake = workflow
    (folder / "mine.yaml").write_text(f"{file}\nmodels: {{m: {{family: table}}}}\n")
    before = fingerprints(folder)
    said = output(
        snakemake("--cores", "1", "--configfile", "mine.yaml", *(("--config", *options) if options else ()), fails=True)
    )
    assert message in said
    assert len(said.splitlines()) < 12
    shutil.rmtree(folder / ".snakemake", ignore_errors=True)
    assert fingerprints(folder) == before


#: Preset → jobs of rules that depend on it, with the data folder that it expects.
PLANS = {
    "second-place": ("data/mars2", {"train_fold": 55, "normalize_images": 2, "render_images": 4}),
    "second-place-rerun": ("data/mars2", {"train_fold": 80, "normalize_images": 2, "render_images": 4}),
    "mars1": (
        "data/mars1",
        {"train_fold": 110, "refit": 1, "normalize_images": 3, "render_images": 4, "extract_features": 1},
    ),
    "mars1-cpu": (
        "data/mars1",
        {"train_fold": 55, "refit": 1, "normalize_images": 3, "render_images": 4, "extract_features": 1},
    ),
    "gcms-cpu": (
        "data/gcms",
        {"train_fold": 50, "refit": 1, "normalize_images": 1, "render_images": 4, "extract_features": 1},
    ),
    "gcms": ("data/gcms", {"train_fold": 75, "refit": 1, "normalize_images": 1, "render_images": 4, "extract_features": 1}),
    "quick": (None, {"train_fold": 14, "refit": 2, "normalize_images": 2, "render_images": 2, "simulate_example": 1}),
}


def test_ctrl_c_while_the_rules_are_read_is_one_line(workflow):
    folder, snakemake = workflow
    with open(folder / "Snakefile", "a") as stream:
        stream.write("\nimport signal\n\nsignal.raise_signal(signal.SIGINT)\n")
    assert snakemake("-n", fails=True).stderr.splitlines()[-1] == "Ctrl-C: stopped before a job was started"


def test_every_preset_is_planned_here():
    assert {path.stem for path in (ROOT / "resources/presets").iterdir()} == set(PLANS)


def show_resources(folder: Path) -> None:
    """Removes the rules' messages, in place of which Snakemake tells a job's resources."""
    for path in (folder / "workflow/rules").iterdir():
        path.write_text(re.sub(r"    message:\n.*\n", "", path.read_text()))


@pytest.mark.parametrize("preset", PLANS)
def test_presets_plan(workflow, preset):
    folder, snakemake = workflow
    root, expected = PLANS[preset]
    if root:
        (folder / root).mkdir(parents=True)
        (folder / root / "metadata.csv").write_text("sample_id,split,features_path\n")
        (folder / root / "train_labels.csv").write_text("sample_id,basalt\n")
    show_resources(folder)
    result = snakemake("-n", "--configfile", f"resources/presets/{preset}.yaml")
    planned = jobs(result)
    assert {rule: planned[rule] for rule in expected} == expected
    assert planned["total"] == sum(n for rule, n in planned.items() if rule != "total")
    resources = re.findall(r"rule train_fold:.*?\n    resources: (.*?)\n", output(result), re.S)
    assert len(resources) == expected["train_fold"]
    on_gpu = [asked for asked in resources if "gpu" in asked]
    assert all("gpu=1" in asked for asked in on_gpu)
    config = yaml.safe_load((folder / f"resources/presets/{preset}.yaml").read_text())
    networks = sum(model["family"] in ("image", "sequence") for model in config["models"].values())
    assert len(on_gpu) == networks * config.get("folds", {}).get("count", 5)


#: As much of conda as Snakemake asks to list its environments.
CONDA = """#!/bin/sh
case "$*" in
*info*) echo '{"conda_prefix": "/", "conda_version": "25.3.0", "platform": "linux-64"}' ;;
*--version*) echo "conda 25.3.0" ;;
*) echo '{"get": {"channel_priority": "strict"}}' ;;
esac
"""


def test_a_run_without_networks_asks_for_no_gpu_and_no_cuda(workflow, tmp_path, monkeypatch):
    """Some schedulers ask only whether a job has a resource ``gpu``, not how many."""
    folder, snakemake = workflow
    show_resources(folder)
    (tmp_path / "conda").write_text(CONDA)
    (tmp_path / "conda").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (folder / "mine.yaml").write_text("models: {trees: {family: table}, alike: {family: kernel}}")
    planned = output(snakemake("-n", "--configfile", "mine.yaml"))
    assert planned.count("    resources: ") == jobs(snakemake("-n", "--configfile", "mine.yaml"))["total"]
    assert "gpu" not in planned
    environments = ("--sdm", "conda", "--list-conda-envs")
    assert "cuda" not in output(snakemake(*environments, "--configfile", "mine.yaml"))
    both = output(snakemake(*environments))
    assert "envs/cuda.yaml" in both
    assert "envs/cpu.yaml" in both


def test_the_flow(workflow):
    _, snakemake = workflow
    graph = snakemake("--rulegraph").stdout
    names = dict(re.findall(r'(\d+)\[label = "(\w+)"', graph))
    edges = {(names[a], names[b]) for a, b in re.findall(r"(\d+) -> (\d+)", graph)}
    flow = ["simulate_example", "check_dataset", "render_images", "normalize_images", "train_fold", "collect_logits"]
    assert set(pairwise([*flow, "fit_ensemble", "all"])) <= edges
    assert {("fit_ensemble", "explain"), ("explain", "all"), ("plot_training", "all")} <= edges
    assert {("render_images", "extract_features"), ("extract_features", "train_fold")} <= edges
    assert {("check_dataset", "assign_folds"), ("assign_folds", "train_fold")} <= edges
    assert "digraph" in snakemake("--dag").stdout


@pytest.mark.parametrize("target", ["images", "train", "ensemble", "report", "export"])
def test_named_targets(workflow, target):
    planned = jobs(workflow[1]("-n", target))
    assert planned[target] == 1
    assert ("train_fold" in planned) == (target != "images")
    assert ("fit_ensemble" in planned) == (target in ("ensemble", "report", "export"))
