"""Memory of each job while very many runs are scattered, through Slurm: 20,000 small runs, 60 shards, three nodes.

Needs what tests/slurm needs, 10 GB of disk and some minutes. Memory is what Snakemake's benchmark files say (max_rss).
"""

import argparse
import csv
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import yaml
from common import ROOT, machine
from planning import PARTS

sys.path.insert(0, str(ROOT / "tests" / "slurm"))
from cluster import Cluster, lacks

SCANS, MASSES = 24, 40
LABELS = ("first", "second")


def write_runs(folder: Path, runs: int) -> None:
    """Random small runs in the challenge's layout."""
    rng = np.random.default_rng(0)
    (folder / "train_features").mkdir(parents=True)
    rows, labels = ["sample_id,split,features_path"], [",".join(("sample_id", *LABELS))]
    times = np.repeat(np.linspace(0, 20, SCANS), MASSES)
    masses = np.tile(np.arange(30, 30 + MASSES), SCANS)
    for number in range(runs):
        path = f"train_features/S{number:05}.csv"
        intensities = rng.lognormal(8, 2, SCANS * MASSES)
        lines = (f"{t:.3f},{m},{i:.1f}" for t, m, i in zip(times, masses, intensities, strict=True))
        (folder / path).write_text("\n".join(["time,mass,intensity", *lines]) + "\n")
        rows.append(f"S{number:05},train,{path}")
        labels.append(f"S{number:05},{number % 2},{number // 2 % 2}")
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n")
    (folder / "train_labels.csv").write_text("\n".join(labels) + "\n")


def figures(folder: Path) -> dict[str, dict]:
    """Rule → jobs, and the most memory (MiB) and median seconds of one."""
    found: dict[str, list[dict]] = {}
    for path in folder.rglob("*.tsv"):
        rule = path.relative_to(folder).parts[0].removesuffix(".tsv")
        with open(path, encoding="utf-8") as stream:
            found.setdefault(rule, []).extend(csv.DictReader(stream, delimiter="\t"))
    return {
        rule: {
            "jobs": len(rows),
            "max_rss_mib": max(float(row["max_rss"]) for row in rows if row["max_rss"] != "NA"),
            "median_seconds": statistics.median(float(row["s"]) for row in rows),
        }
        for rule, rows in found.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--shards", type=int, default=60)
    parser.add_argument("--write", type=Path, help="JSON file to write the figures to")
    arguments = parser.parse_args()
    if reason := lacks():
        sys.exit(reason)
    facts, cluster = machine(), Cluster()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in PARTS:
            source = ROOT / part
            shutil.copytree(source, folder / part) if source.is_dir() else shutil.copy(source, folder / part)
        write_runs(folder / "data", arguments.runs)
        print(f"{arguments.runs} runs written", flush=True)
        config = {
            "run": "large",
            "dataset": {"root": "data"},
            "images": {"shards": arguments.shards},
            "models": {"events": {"family": "sequence"}},
        }
        (folder / "large.yaml").write_text(yaml.safe_dump(config))
        cluster.up()
        try:
            started = time.perf_counter()
            command = [sys.executable, "-m", "snakemake", "images", "--workflow-profile", "profiles/slurm"]
            subprocess.run([*command, "--configfile", "large.yaml"], cwd=folder, check=True)
            seconds = time.perf_counter() - started
        finally:
            cluster.down()
        merged = next((folder / "results/large/images").glob("*.parquet"))
        load = (
            "import sys, time, resource; from ionscape.images.store import load_images; t = time.perf_counter();"
            "images = load_images(sys.argv[1])[1]; print(time.perf_counter() - t, images.nbytes / 2**20,"
            "resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
        )
        library = {"PYTHONPATH": str(ROOT / "workflow/scripts")}
        loaded = subprocess.run(
            [sys.executable, "-c", load, merged], env=library, capture_output=True, text=True, check=True
        )
        loading = dict(zip(("seconds", "tensor_mib", "max_rss_mib"), map(float, loaded.stdout.split()), strict=True))
        result = {
            "runs": arguments.runs,
            "seconds": seconds,
            "file_mib": merged.stat().st_size / 2**20,
            "load": loading,
            "rules": figures(folder / "results/large/benchmarks"),
        }
    print(json.dumps(result, indent=2))
    if arguments.write:
        arguments.write.write_text(json.dumps({"machine": facts, "result": result}, indent=2) + "\n")


if __name__ == "__main__":
    main()
