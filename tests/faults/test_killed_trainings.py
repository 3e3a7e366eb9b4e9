"""Trainings and their Snakemake, killed at any moment: what is left in the end is what an undisturbed run leaves."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest
import yaml

COMMAND = (sys.executable, "-m", "snakemake")
OPTIONS = ("--cores", "2", "--resources", "gpu=2", "--configfile", "faults.yaml")
EPOCHS = 8
TRAINING = {"epochs": EPOCHS, "warmup_epochs": 1, "batch_size": 4, "precision": "reference"}
MODELS = {
    "events": {"family": "sequence", "channels": 192, **TRAINING},
    "resnet": {
        "family": "image",
        "backbone": "test_resnet",
        "pretrained": False,
        "normalization": "none",
        "mixup": 0.5,
        "widths": [32],
        **TRAINING,
    },
}
SEED = 20240724
WRITE = 0.02  # seconds that writing a checkpoint takes, about; all outputs take longer than a tenth of it
LIMIT = 400  # seconds that a call of Snakemake may take
pytestmark = pytest.mark.faults


class Training:
    """One model and fold of a run, seen from outside; ``snakemake``: what runs it."""

    def __init__(self, folder: Path, model: str, fold: int, snakemake: subprocess.Popen | None = None):
        run = folder / "results" / "faults"
        self.folder = run / f"models/{model}/fold{fold}"
        self.log = run / f"logs/train_fold/{model}/fold{fold}.log"
        self.progress = self.log.with_suffix(".jsonl")
        self.snakemake = snakemake

    def rows(self, key: str) -> list[dict]:
        """What all its processes reported so far: with the key ``started``, or of an ``epoch``."""
        text = self.progress.read_text() if self.progress.exists() else ""
        rows = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
        return [row for row in rows if key in row]

    def epochs(self) -> list[int]:
        return [row["epoch"] for row in self.rows("epoch")]

    def process(self) -> psutil.Process:
        """Waits until a process works in the folder: it holds the lock."""

        def found() -> psutil.Process | None:
            for process in psutil.process_iter():
                try:
                    if any("train_fold" in word for word in process.cmdline()) and any(
                        Path(file.path) == self.folder / ".lock" for file in process.open_files()
                    ):
                        return process
                except psutil.Error:
                    continue
            return None

        return until(found, 0.2, self.snakemake)

    def writes(self, name: str) -> bool:
        """Whether there is the temporary file that becomes this one."""
        return any(file.startswith(f".{name}.") and file.endswith(".tmp") for file in os.listdir(self.folder))


def until(met: Callable, pause: float, snakemake: subprocess.Popen):
    """Asks until the answer is true, and returns it; not longer than Snakemake runs."""
    while not (answer := met()):
        assert snakemake.poll() is None, "Snakemake ended before"
        time.sleep(pause)
    return answer


def at_random(random_: random.Random, training: Training, after: int) -> None:
    """Some time in the epoch after so many, or in the imports before the first."""
    until(lambda: len(set(training.epochs())) >= after, 0.01, training.snakemake)
    time.sleep(random_.random() * (training.rows("epoch")[-1]["seconds"] if after else 3))


def in_a_checkpoint(random_: random.Random, training: Training, after: int) -> None:
    until(lambda: len(set(training.epochs())) >= after, 0.01, training.snakemake)
    until(lambda: training.writes("checkpoint.safetensors"), 0.0005, training.snakemake)
    time.sleep(random_.random() * WRITE)


def in_the_outputs(random_: random.Random, training: Training, after: int) -> None:
    whole = training.folder / "weights.safetensors"
    until(lambda: len(set(training.epochs())) >= after, 0.01, training.snakemake)
    until(lambda: training.writes(whole.name) or whole.exists(), 0.0005, training.snakemake)
    time.sleep(random_.random() * WRITE / 10)


@contextmanager
def running(folder: Path, *targets: str) -> Iterator[subprocess.Popen]:
    """Snakemake in the background; what it says is in said.txt."""
    with open(folder / "said.txt", "w") as said:
        process = subprocess.Popen([*COMMAND, *targets, *OPTIONS], cwd=folder, stdout=said, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        if process.poll() is None:  # only where a test fails
            for part in [*psutil.Process(process.pid).children(recursive=True), process]:
                with suppress(psutil.NoSuchProcess):
                    part.kill()


def ends_well(process: subprocess.Popen, folder: Path) -> None:
    code = process.wait(LIMIT)
    assert code == 0, (folder / "said.txt").read_text()


@pytest.fixture(scope="session")
def undisturbed(copied: tuple) -> Path:
    """The folder of a finished run. Tests leave it as it is."""
    folder, snakemake = copied
    config = yaml.safe_load((folder / "resources/presets/quick.yaml").read_text())
    config |= {"run": "faults", "example": {"runs": 80}, "models": MODELS}
    config["images"]["shards"] = 1
    (folder / "faults.yaml").write_text(yaml.safe_dump(config))
    snakemake("train", *OPTIONS)
    return folder


@pytest.fixture
def untrained(undisturbed: Path, tmp_path: Path) -> Path:
    """A copy of the undisturbed run whose trainings are all to be done."""
    folder = tmp_path / "run"
    shutil.copytree(undisturbed, folder)
    shutil.rmtree(folder / "results/faults/models")
    shutil.rmtree(folder / "results/faults/logs/train_fold")
    return folder


def assert_as_undisturbed(training: Training, expected: Training, repeatable: list[int]) -> None:
    """The same files and losses; and no epoch trained twice but those that a SIGKILL may have taken."""
    for name in ("oof.parquet", "test.parquet", "weights.safetensors", "model.json"):
        assert (training.folder / name).read_bytes() == (expected.folder / name).read_bytes(), name
    for column in ("epoch", "rate", "train_loss", "validation_loss"):
        one, other = (pq.read_table(part.folder / "history.parquet")[column].to_pylist() for part in (training, expected))
        assert one == other, column
    assert not (training.folder / "checkpoint.safetensors").exists()
    counts, allowed = Counter(training.epochs()), Counter(repeatable)
    assert sorted(counts) == list(range(1, EPOCHS + 1))
    assert all(counts[epoch] <= 1 + allowed[epoch] for epoch in counts), (training.epochs(), repeatable)


#: Training → its deaths: signal, moment, and the epochs reported before. Snakemake starts a training three times.
DEATHS = {
    ("resnet", 0): [(signal.SIGKILL, at_random, (0, 2)), (signal.SIGTERM, at_random, (3, 5))],
    ("resnet", 1): [(signal.SIGKILL, in_a_checkpoint, (0, 6)), (signal.SIGKILL, in_the_outputs, (7, 7))],
    ("events", 0): [(signal.SIGTERM, at_random, (0, 2)), (signal.SIGKILL, in_a_checkpoint, (3, 6))],
    ("events", 1): [(signal.SIGKILL, at_random, (1, 5)), (signal.SIGKILL, in_the_outputs, (7, 7))],
}


def kill(training: Training, deaths: list[tuple], seed: int) -> list[int]:
    """Kills its processes one after the other. Returns the last epoch that each SIGKILL found reported."""
    random_, repeatable = random.Random(seed), []
    for number, moment, (first, last) in deaths:
        process = training.process()
        moment(random_, training, random_.randint(first, last))
        process.send_signal(number)  # raises if it came too late
        process.wait(LIMIT)
        if number == signal.SIGKILL:
            repeatable += training.epochs()[-1:]
        else:
            assert "stopped in epoch" in training.log.read_text()
    return repeatable


def test_killed_trainings_end_as_undisturbed_ones(undisturbed, untrained):
    """Eight deaths, two a training, in one call of Snakemake, which starts what died again."""
    with ThreadPoolExecutor(len(DEATHS)) as pool, running(untrained, "train") as snakemake:
        trainings = {name: Training(untrained, *name, snakemake) for name in DEATHS}
        killers = {
            name: pool.submit(kill, training, DEATHS[name], SEED + number)
            for number, (name, training) in enumerate(trainings.items())
        }
        ends_well(snakemake, untrained)
        repeatable = {name: killer.result() for name, killer in killers.items()}
    for name, training in trainings.items():
        assert len(training.rows("started")) == 3, name
        assert_as_undisturbed(training, Training(undisturbed, *name), repeatable[name])


@pytest.mark.parametrize(("model", "waits"), [("resnet", False), ("events", True)])
def test_a_killed_snakemake_is_unlocked_and_called_again(undisturbed, untrained, model, waits):
    """Its training is left behind, and ends by itself, either before the next call or while that one waits for it.

    It is held for a while, as these small ones would be through before they look for their Snakemake.
    """
    target, random_ = f"results/faults/models/{model}/fold0/oof.parquet", random.Random(SEED + waits)
    with running(untrained, target) as snakemake:
        training = Training(untrained, model, 0, snakemake)
        orphan = training.process()
        at_random(random_, training, random_.randint(1, 5))
        orphan.suspend()
        snakemake.kill()
        snakemake.wait()
    try:
        assert len(training.epochs()) < EPOCHS
        if not waits:
            time.sleep(1.5)
            orphan.resume()
            orphan.wait(LIMIT)
            assert (training.folder / "checkpoint.safetensors").exists()
            assert "stopped in epoch" in training.log.read_text()
        subprocess.run([*COMMAND, "--unlock", *OPTIONS], cwd=untrained, check=True, capture_output=True, timeout=LIMIT)
        with running(untrained, target) as again:
            if waits:
                until(lambda: "waiting for another job" in (untrained / "said.txt").read_text(), 0.05, again)
                time.sleep(1)
                assert len(training.rows("started")) == 1  # it does wait
                orphan.resume()
                orphan.wait(LIMIT)
            ends_well(again, untrained)
    finally:
        if orphan.is_running():
            orphan.kill()
    assert_as_undisturbed(training, Training(undisturbed, model, 0), [])
