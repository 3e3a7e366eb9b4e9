"""GPUs through Snakemake's local executor: more jobs than devices, on devices that do not exist, so the CPU trains."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from ionscape.jobs.gpu import installed
from ionscape.jobs.lease import slot_folder
from ionscape.jobs.slurm import MASK

pytestmark = [
    pytest.mark.workflow,
    pytest.mark.skipif(bool(installed()), reason="takes devices that the driver here does not have"),
]
MODELS = ("first", "second", "third")
FOLDS = (0, 1)


@dataclass(frozen=True)
class Training:
    """What a job left: its device, and when it had it (Unix time)."""

    device: str
    start: float
    end: float


def train(workflow, devices: list[int | str], models: tuple[str, ...]) -> dict[tuple[str, int], Training]:
    """Trains all folds of the models at once, each some seconds as torch loads; their own logs say when and on what."""
    folder, snakemake = workflow
    config = yaml.safe_load((folder / "resources/presets/quick.yaml").read_text())
    config["gpu"] = {"devices": devices}
    config["models"] = {model: {"family": "sequence", "seed": seed} for seed, model in enumerate(models)}
    (folder / "leases.yaml").write_text(yaml.safe_dump(config))
    jobs = [(model, fold) for model in models for fold in FOLDS]
    targets = [f"results/quick/models/{model}/fold{fold}/oof.parquet" for model, fold in jobs]
    snakemake("--cores", "6", "--resources", "gpu=6", "--configfile", "leases.yaml", "--", *targets)
    assert all((folder / target).is_file() for target in targets)
    return {job: training(folder / "results/quick/logs/train_fold", *job) for job in jobs}


def training(logs: Path, model: str, fold: int) -> Training:
    path = logs / model / f"fold{fold}.log"
    (device,) = re.findall(r" GPU (\S+), slot 1 of 1$", path.read_text(), re.M)
    first, *epochs, last = map(json.loads, path.with_suffix(".jsonl").read_text().splitlines())
    assert (first["model"], first["fold"], first["gpu"]) == (model, fold, device)
    assert [row["epoch"] for row in epochs] == [1, 2]
    assert last["finished"]
    return Training(device, first["started"], last["time"])


def on_each(trainings: dict[tuple[str, int], Training]) -> dict[str, list[Training]]:
    """Device → its trainings, by start."""
    found = defaultdict(list)
    for one in sorted(trainings.values(), key=lambda one: one.start):
        found[one.device].append(one)
    return found


@pytest.fixture
def devices() -> Iterator[list[str]]:
    """Names of two devices that no other run uses; their lock files are removed."""
    unique = uuid4().hex
    yield [f"GPU-{unique}-{letter}" for letter in "ab"]
    for path in slot_folder().glob(f"*{unique}*"):
        path.unlink()


def test_each_gpu_trains_one_job_at_a_time(workflow, devices, monkeypatch):
    monkeypatch.delenv(MASK, raising=False)
    trainings = train(workflow, devices, MODELS)
    assert len(trainings) == 6
    of = on_each(trainings)
    assert set(of) == set(devices)
    for device in devices:
        for before, after in pairwise(of[device]):
            assert before.end <= after.start


def test_only_what_the_mask_leaves_trains(workflow, monkeypatch):
    monkeypatch.setenv(MASK, "1,3")
    assert set(on_each(train(workflow, [0, 1, 2, 3], MODELS[:1]))) <= {"1", "3"}
