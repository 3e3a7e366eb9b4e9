"""The workflow on a Slurm cluster: the same files as on one box, whatever happens to jobs, nodes and Snakemake."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path

import pytest
from cluster import Cluster, call

pytestmark = pytest.mark.slurm
OPTIONS = (
    # A small job takes some seconds here; a look that finds none ended puts the next one off by ten more.
    *("--workflow-profile", "profiles/slurm", "--slurm-init-seconds-before-status-checks", "8"),
    *("--rerun-triggers", "mtime"),
)
FAMILIES = ("events", "kernel", "lightgbm", "logistic-regression", "lite0-mass", "library-search")
LONG = tuple((model, fold) for model in ("long-1", "long-2") for fold in (0, 1))
LIMIT = 500  # seconds that a call of Snakemake may take


def log(folder: Path, model: str, fold: int) -> Path:
    return folder / f"results/lab/logs/train_fold/{model}/fold{fold}.log"


def epochs(folder: Path, model: str, fold: int) -> list[int]:
    """Epochs that were trained, in their order."""
    path = log(folder, model, fold).with_suffix(".jsonl")
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [row["epoch"] for row in map(json.loads, (line for line in lines if line.endswith("\n"))) if "epoch" in row]


def fingerprints(folder: Path, *parts: str) -> dict[str, str]:
    """MD5 of what must be the same: not logs, nor histories, which hold seconds."""
    results = folder / "results/lab"
    found = {}
    for part in parts:
        for path in sorted((results / part).rglob("*")) if (results / part).is_dir() else [results / part]:
            if (
                path.suffix in {".parquet", ".json", ".csv", ".txt", ".html", ".safetensors"}
                and path.name != "history.parquet"
            ):
                found[str(path.relative_to(results))] = hashlib.md5(path.read_bytes()).hexdigest()
    return found


@contextmanager
def running(folder: Path, configfile: str, *targets: str) -> Iterator[subprocess.Popen]:
    """Snakemake in the background, as a user at a terminal has it; what it says is in said.txt."""
    command = [sys.executable, "-m", "snakemake", *OPTIONS, "--configfile", configfile, "--", *targets]
    with open(folder / "said.txt", "a") as said:
        process = subprocess.Popen(command, cwd=folder, stdout=said, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:  # only where a test fails
            os.killpg(process.pid, signal.SIGKILL)


def ends_well(process: subprocess.Popen, folder: Path) -> None:
    code = process.wait(LIMIT)
    assert code == 0, (folder / "said.txt").read_text()


def until(met: Callable, process: subprocess.Popen | None = None, seconds: float = 120):
    """What the condition gives as soon as it is true."""
    end = time.monotonic() + seconds
    while not (answer := met()):
        assert time.monotonic() < end, "it did not happen in time"
        assert process is None or process.poll() is None, "Snakemake ended before"
        time.sleep(0.1)
    return answer


def job_of(cluster: Cluster, model: str, fold: int) -> dict[str, str] | None:
    """The training's running job."""
    named = (job for job in cluster.jobs() if job["comment"].endswith(f"_{model}_{fold}"))
    return next((job for job in named if job["state"] == "RUNNING"), None)


def test_the_same_files_as_on_one_box(cluster, fresh, request):
    before = call("squeue", "-h", "-t", "all", "-o", "%A").split()
    with running(fresh, "lab.yaml", "ensemble") as snakemake:
        finished = request.getfixturevalue("finished_long")  # on one box, while the cluster's Snakemake sleeps
        ends_well(snakemake, fresh)
    parts = (
        "check.html",
        "samples.parquet",
        "folds.parquet",
        "folds-4.parquet",
        "replicates.parquet",
        "known.parquet",
        "similarity.parquet",
        "images",
        "features.parquet",
        "logits",
        "ensemble",
    )
    parts += tuple(f"models/{model}" for model in FAMILIES)
    assert fingerprints(fresh, *parts) == fingerprints(finished, *parts)
    assert len(fingerprints(fresh, *parts)) == 1 + 11 + 2 + 6 + 14 * 4 + 2 * 3

    rows = [row.split("|") for row in call("squeue", "-h", "-t", "all", "-o", "%A|%P|%N|%S|%e|%k|%T").splitlines()]
    jobs = [row for row in rows if row[0] not in before]
    assert {row[-1] for row in jobs} == {"COMPLETED"}
    gpu = [row for row in jobs if row[1] == "gpu"]
    assert len(gpu) == 5
    trained = [row for row in gpu if re.search("train_fold_wildcards_(events|lite0-mass)_", row[5])]
    (refitted,) = (row for row in gpu if row not in trained)
    assert re.search("refit_wildcards_events", refitted[5])
    assert sum("train_fold" in row[5] for row in jobs) == 14
    assert sum("render_images" in row[5] for row in jobs) == 2
    had = {}
    for model in ("events", "lite0-mass"):
        for fold in (0, 1):
            (device,) = re.findall(r" GPU (\d), given by Slurm$", log(fresh, model, fold).read_text(), re.M)
            (row,) = (row for row in gpu if row[5].endswith(f"_{model}_{fold}"))
            had[model, fold] = (row[2], device, row[3], row[4])  # node, GPU, start, end
    for one, other in combinations(had.values(), 2):
        assert one[:2] != other[:2] or one[3] <= other[2] or other[3] <= one[2]  # never two at a time


def test_whatever_ends_a_training_it_goes_on(cluster, finished_long, untrained):
    """Four trainings, two a node: scancel and a dead node for the one pair, a time limit and a preemption for the other."""

    def all_train() -> dict[tuple[str, int], dict[str, str]] | None:
        jobs = {training: job_of(cluster, *training) for training in LONG}
        return jobs if all(jobs.values()) and all(len(epochs(untrained, *training)) > 1 for training in LONG) else None

    def restarts(job: dict[str, str]) -> str:
        return re.search(r"Restarts=(\d+)", call("scontrol", "show", "job", job["id"]))[1]

    targets = [f"results/lab/models/{model}/fold{fold}/oof.parquet" for model, fold in LONG]
    with running(untrained, "long.yaml", *targets) as snakemake:
        jobs = until(all_train, snakemake)
        cancelled, lost, late, preempted = sorted(LONG, key=lambda training: jobs[training]["node"])
        assert jobs[cancelled]["node"] == jobs[lost]["node"] != jobs[late]["node"] == jobs[preempted]["node"]
        # However fast this machine is: the limit counts minutes, and none of them may end before it is its turn.
        going_on = {training: cluster.pause(jobs[training]["id"]) for training in (lost, late, preempted)}
        call("scontrol", "update", f"jobid={jobs[late]['id']}", "timelimit=1")
        call("scancel", jobs[cancelled]["id"])
        until(lambda: not job_of(cluster, *late), snakemake)
        going_on[late]()
        for training in (late, cancelled):  # Slurm's own log, as Snakemake clears a rule's log before it starts a job again
            path = (
                untrained / f".snakemake/slurm_logs/rule_train_fold/{training[0]}_{training[1]}/{jobs[training]['id']}.log"
            )
            until(lambda path=path: "SIGTERM: stopped in epoch" in path.read_text(), snakemake)
        cluster.kill(jobs[lost]["node"])
        urgent = ("-p", "urgent", "-w", jobs[preempted]["node"], "--exclusive", "-o", "/dev/null", "--wrap", "sleep 5")
        going_on[preempted]()
        call("sbatch", *urgent)
        try:
            ends_well(snakemake, untrained)
            assert restarts(jobs[lost]) == "1"
            # The preempted one may end before Slurm queues it again: then Snakemake submits it again.
            failed = f"SLURM-job '{jobs[preempted]['id']}' failed" in (untrained / "said.txt").read_text()
            assert failed or restarts(jobs[preempted]) == "1"
        finally:
            cluster.start(jobs[lost]["node"])
    for training in LONG:
        assert "going on from the checkpoint" in log(untrained, *training).read_text(), training
        again = len(epochs(untrained, *training)) - len(set(epochs(untrained, *training)))
        assert again <= 2, training  # what ran when the node died, or the preemption came
    assert "Traceback" not in (untrained / "said.txt").read_text()
    parts = [f"models/{model}" for model in ("long-1", "long-2")]
    assert fingerprints(untrained, *parts) == fingerprints(finished_long, *parts)
    until(cluster.is_ready)


def test_a_stopped_and_a_killed_snakemake(cluster, finished_long, untrained):
    """Ctrl-C leaves no job; a SIGKILL leaves jobs and the lock, and docs/cluster.md says what to do."""
    target, training = "results/lab/models/long-1/fold0/oof.parquet", ("long-1", 0)
    with running(untrained, "long.yaml", target) as snakemake:
        until(lambda: len(epochs(untrained, *training)) > 1, snakemake)
        snakemake.send_signal(signal.SIGINT)
        until(lambda: not cluster.jobs(), seconds=15)
        assert snakemake.wait(60) != 0
    with running(untrained, "long.yaml", target) as snakemake:
        stopped = len(epochs(untrained, *training))
        until(lambda: len(epochs(untrained, *training)) > stopped, snakemake)
        snakemake.kill()
        snakemake.wait()
    assert cluster.jobs()
    run = re.findall("SLURM run ID: (.*)", (untrained / "said.txt").read_text())[-1]
    call("scancel", "--name", run)
    until(lambda: not cluster.jobs())
    subprocess.run(
        [sys.executable, "-m", "snakemake", *OPTIONS, "--configfile", "long.yaml", "--unlock"],
        cwd=untrained,
        check=True,
        capture_output=True,
    )
    with running(untrained, "long.yaml", target) as snakemake:
        ends_well(snakemake, untrained)
    assert "going on from the checkpoint" in log(untrained, *training).read_text()
    assert epochs(untrained, *training) == epochs(finished_long, *training)  # each once: it was told to stop, twice
    assert fingerprints(untrained, "models/long-1/fold0") == fingerprints(finished_long, "models/long-1/fold0")
