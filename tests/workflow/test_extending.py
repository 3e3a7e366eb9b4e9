"""docs/extending.md does what it says: its family and its reader are added as they stand there, and a run uses both."""

import re
import shutil

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import yaml

from conftest import ROOT

TEXT = (ROOT / "docs/extending.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"```python\n# (workflow/\S+)\n(.*?)```", TEXT, re.S))


def test_a_family_and_a_reader_are_a_folder_a_file_and_a_line(finished, workflow):
    folder, snakemake = workflow
    assert len(FILES) == 2
    for path, text in FILES.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    (given,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.S)
    config = yaml.safe_load(given)
    data = folder / "data/lab"
    shutil.copytree(finished[0] / "results/quick/data", data)
    metadata = pd.read_csv(data / "metadata.csv")
    first = metadata.loc[metadata["split"] == "train", "features_path"].iloc[0]
    run = pd.read_csv(data / first)
    np.savez(data / first.replace(".csv", ".npz"), **{name: run[name].to_numpy() for name in ("time", "mass", "intensity")})
    (data / first).unlink()
    metadata["features_path"] = metadata["features_path"].replace(first, first.replace(".csv", ".npz"))
    metadata.drop(columns="features_md5_hash").to_csv(data / "metadata.csv", index=False)
    config |= {
        "run": "lab",
        "dataset": {"root": "data/lab", "side": {"column": "derivatized", "positive": "1.0"}},
        "images": {"masses": 64, "times": 32, "shards": 2},
        "folds": {"count": 2},
        "report": {"samples": 1, "mistakes": 1, "evidence": 1},
    }
    (folder / "lab.yaml").write_text(yaml.safe_dump(config))
    snakemake("--cores", "2", "--configfile", "lab.yaml", "--", "all", "export")
    samples = pq.read_table(folder / "results/lab/samples.parquet").to_pandas()
    other = pq.read_table(finished[0] / "results/quick/samples.parquet").to_pandas()
    assert samples["n_rows"].tolist() == other["n_rows"].tolist()  # the run is what it was as a CSV
    board = (folder / "results/lab/ensemble/leaderboard.txt").read_text(encoding="utf-8")
    losses = dict(re.findall(r"^(neighbours|constant).*?(0\.\d{4})", board, re.M))
    assert (
        float(losses["neighbours"]) < float(losses["constant"]) + 0.05
    )  # it answers, with probabilities that are not absurd
    snakemake(
        "--cores", "2", "predict", "--config", "model=results/lab/export", f"new={data / first.replace('.csv', '.npz')}"
    )
    answers = pd.read_csv(folder / "predictions/predictions.csv")
    assert answers["problem"].isna().all()
    assert answers["aromatic"].between(0, 1).all()
