"""The default run: the embedded example is learnable, and not trivial."""

import json
import re

import pytest

pytestmark = pytest.mark.workflow


def test_the_example_is_learnable_and_not_trivial(workflow):
    folder, snakemake = workflow
    snakemake("--cores", "2")
    run = folder / "results/example/ensemble"
    metrics = json.loads((run / "metrics.json").read_text())
    constant = metrics["baseline"]["log_loss"]
    for model in ("lightgbm", "lite0-root"):
        assert 0.25 < metrics["models"][model]["log_loss"] / constant < 0.8, model
    assert metrics["ensemble"]["log_loss"] < min(entry["log_loss"] for entry in metrics["models"].values())
    board = (run / "leaderboard.txt").read_text()
    losses = [float(value) for value in re.findall(r"^.*?\s(0\.\d{4})  ", board, re.M)]
    assert losses[2:] == sorted(losses[2:])  # below the ensembles, the best model first and the baseline last
