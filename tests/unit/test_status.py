"""``make status``: what it says of trainings in every state, from files as the jobs leave them."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from filelock import FileLock

from ionscape.files.artifact import write_json
from ionscape.jobs.progress import FitProgress
from ionscape.jobs.status import benchmarks, status_text, training_status

SCRIPTS = Path(__file__).parents[2] / "workflow/scripts"
ROW = {
    "epoch": 1,
    "train_loss": 0.5,
    "validation_loss": 0.4,
    "seconds": 10.0,
    "samples_per_second": 99.0,
    "memory_mb": None,
}


def results(folder: Path) -> Path:
    run = folder / "results" / "lab"
    write_json(run / "logs/config.json", {"models": {"deep": {}, "table": {}}, "folds": {"count": 3}}, "config")
    for model in ("deep", "table"):
        (run / "logs/train_fold" / model).mkdir(parents=True)
        for fold in range(3):
            (run / f"models/{model}/fold{fold}").mkdir(parents=True)
    return run


def progress(run: Path, model: str, fold: int, epochs: int | None) -> FitProgress:
    return FitProgress(epochs, run / f"logs/train_fold/{model}/fold{fold}.jsonl", {"model": model})


def states(run: Path) -> list[str]:
    return [row["state"] for row in training_status(run)]


def test_every_state(tmp_path):
    run = results(tmp_path)
    assert states(run) == ["waiting"] * 6
    running = progress(run, "deep", 0, 4)
    running(ROW)
    running({**ROW, "epoch": 2, "validation_loss": 0.6})
    progress(run, "deep", 1, 4)(ROW)
    (run / "models/deep/fold1/checkpoint.safetensors").touch()
    progress(run, "deep", 2, 4)
    done = progress(run, "table", 0, None)
    done({"label": "a", "done": 1, "labels": 2})
    done.finished()
    (run / "models/table/fold0/oof.parquet").touch()
    with FileLock(run / "models/deep/fold0/.lock"):
        rows = training_status(run)
        text = status_text(rows)
    assert [row["state"] for row in rows] == ["running", "stopped", "failed", "done", "waiting", "waiting"]
    assert (rows[0]["epoch"], rows[0]["epochs"], rows[0]["best"]) == (2, 4, 0.4)
    assert abs(rows[0]["ends"] - time.time() - 20) < 5
    assert "deep   0     running  2/4    0.5000      0.6000      0.4000  99" in text
    assert text.endswith("6 trainings: 1 running, 1 stopped, 1 failed, 1 done, 2 waiting")
    assert states(run)[0] == "failed"  # its job is gone


def test_an_earlier_result_does_not_hide_a_later_failure(tmp_path):
    run = results(tmp_path)
    (run / "models/deep/fold0/oof.parquet").touch()
    assert states(run)[0] == "done"
    again = progress(run, "deep", 0, 4)
    again(ROW)
    assert states(run)[0] == "failed"
    again.finished()
    assert states(run)[0] == "done"


def test_a_line_that_is_being_written_is_left_out(tmp_path):
    run = results(tmp_path)
    progress(run, "deep", 0, 4)(ROW)
    with open(run / "logs/train_fold/deep/fold0.jsonl", "a") as stream:
        stream.write(json.dumps(ROW)[:20])
    assert training_status(run)[0]["epoch"] == 1


def status(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(SCRIPTS)}
    command = [sys.executable, "-m", "ionscape", "status", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_command(tmp_path):
    nothing = status(tmp_path)
    assert (nothing.returncode, nothing.stderr) == (1, "no run has been started in results\n")
    results(tmp_path)
    assert "6 trainings: 6 waiting" in status(tmp_path).stdout
    unknown = status(tmp_path, "labb")
    assert unknown.returncode == 1
    assert unknown.stderr.startswith("results/labb: no run of that name has been started")


def test_what_the_jobs_took(tmp_path):
    header = "s\th:m:s\tmax_rss\tmax_vms\n"
    for place, rows in {
        "explain.tsv": ["12.5\t0:00:12\t410.2\t900"],
        "render_images/1-of-2.tsv": ["1.5\t0:00:01\t90\t200"],
        "render_images/2-of-2.tsv": ["2.5\t0:00:02\t-\t-"],  # too short to be measured
        "train_fold/a/fold0.tsv": ["60\t0:01:00\t1000\t2000", "70\t0:01:10\tNA\tNA"],
        "train_fold/gone/fold0.tsv": ["99\t0:01:39\t1\t1"],
    }.items():
        (tmp_path / "benchmarks" / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "benchmarks" / place).write_text(header + "\n".join(rows) + "\n")
    assert benchmarks(tmp_path, ["a", "b"]) == {
        "explain": [(12.5, 410.2)],
        "render_images": [(1.5, 90), (2.5, 0)],
        "train a": [(60, 1000), (70, 0)],
    }
