"""How long Snakemake takes to plan a large run, and how much memory: 100 models × 5 folds, 200 shards, by default.

Plans with ``-n`` in a temporary copy of the workflow, through the default profile, three times; the median counts.
"""

import argparse
import json
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from common import ROOT, machine

PARTS = ("Snakefile", "config.yaml", "workflow", "resources", "profiles", "envs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=int, default=100)
    parser.add_argument("--shards", type=int, default=200)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--write", type=Path, help="JSON file to write the figures to")
    arguments = parser.parse_args()
    facts = machine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in PARTS:
            source = ROOT / part
            shutil.copytree(source, folder / part) if source.is_dir() else shutil.copy(source, folder / part)
        models = {f"events-{seed}": {"family": "sequence", "seed": seed} for seed in range(arguments.models)}
        config = {"run": "large", "images": {"shards": arguments.shards}, "folds": {"count": 5}, "models": models}
        (folder / "large.yaml").write_text(yaml.safe_dump(config))
        command = [sys.executable, "-m", "snakemake", "-n", "--quiet", "rules", "--configfile", "large.yaml"]
        seconds = []
        for _ in range(arguments.repeats):
            started = time.perf_counter()
            result = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
            seconds.append(time.perf_counter() - started)
            print(f"planned in {seconds[-1]:.1f} s", flush=True)
    jobs = int(re.search(r"^total +(\d+)$", result.stdout + result.stderr, re.M)[1])
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    figures = {"jobs": jobs, "seconds": statistics.median(seconds), "memory_mib": memory}
    print(f"{jobs} jobs: {figures['seconds']:.1f} s, {memory:.0f} MiB")
    if arguments.write:
        arguments.write.write_text(json.dumps({"machine": facts, "result": figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()
