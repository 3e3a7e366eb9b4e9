"""A cluster for all tests of this folder, and the same small run made beforehand on one box."""

import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import yaml
from cluster import Cluster, lacks

spec = importlib.util.spec_from_file_location("shared", Path(__file__).parents[1] / "workflow" / "conftest.py")
shared = importlib.util.module_from_spec(spec)
spec.loader.exec_module(shared)

#: Long enough to be interrupted, half a minute or so; whether they learn much is of no interest.
LONG = {"family": "sequence", "channels": 192, "epochs": 140, "warmup_epochs": 1, "batch_size": 4}
ONE_BOX = ("--cores", "2", "--resources", "gpu=2", "--configfile")


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    reason = lacks() or (torch.version.cuda and "nodes without GPUs would train on the CPU: needs PyTorch's CPU build")
    if reason and "IONSCAPE_SLURM" in os.environ:
        pytest.fail(f"IONSCAPE_SLURM is set, but no cluster can be made: {reason}")
    if reason:
        pytest.skip(reason)
    up = Cluster()
    try:
        up.up()
        yield up
    finally:
        up.down()


@pytest.fixture(scope="session")
def prepared(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workflow and its configurations, in reference mode: lab.yaml, every family, and long.yaml; without results."""
    folder = shared.copy_of_the_workflow(tmp_path_factory.mktemp("prepared"))
    config = yaml.safe_load((folder / "resources/presets/quick.yaml").read_text())
    config["run"] = "lab"
    for family in ("image", "sequence"):
        config["defaults"][family]["precision"] = "reference"
    (folder / "lab.yaml").write_text(yaml.safe_dump(config))
    config["models"] = {f"long-{seed}": {**LONG, "precision": "reference", "seed": seed} for seed in (1, 2)}
    (folder / "long.yaml").write_text(yaml.safe_dump(config))
    return folder


@pytest.fixture(scope="session")
def finished(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of lab.yaml's run on one box, to its ensemble. Tests leave it."""
    folder = tmp_path_factory.mktemp("one-box") / "run"
    shutil.copytree(prepared, folder)
    shared.snakemake_in(folder)(*ONE_BOX, "lab.yaml", "--", "ensemble")
    return folder


@pytest.fixture(scope="session")
def finished_long(finished: Path) -> Path:
    """The same folder, with the models ``long-1`` and ``long-2`` (long.yaml), which are in no ensemble."""
    shared.snakemake_in(finished)("train", *ONE_BOX, "long.yaml")
    return finished


@pytest.fixture
def fresh(prepared: Path, tmp_path: Path) -> Path:
    """A copy of the workflow and the configuration, without results."""
    return Path(shutil.copytree(prepared, tmp_path / "run"))


@pytest.fixture
def untrained(finished_long: Path, tmp_path: Path) -> Path:
    """A copy of the run whose trainings are all to be done."""
    folder = tmp_path / "run"
    shutil.copytree(finished_long, folder)
    for part in ("models", "logs/train_fold", "logits", "ensemble"):
        shutil.rmtree(folder / "results/lab" / part)
    return folder
