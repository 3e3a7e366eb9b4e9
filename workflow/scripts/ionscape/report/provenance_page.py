"""The page of where the results come from."""

import importlib.metadata
import platform
import subprocess
from datetime import datetime
from html import escape
from pathlib import Path

import yaml

from .html import document, table

#: Whose versions are told.
PACKAGES = ("snakemake", "torch", "timm", "numpy", "scipy", "scikit-learn", "lightgbm", "pyarrow", "grad-cam", "matplotlib")


def provenance_page(config: dict, rows: list[dict], repository: Path) -> str:
    """What made the results: the code's version, packages, machines, seeds, and the whole configuration.

    Args:
        config: complete; rows: of :func:`.status.training_status`; repository: folder of the workflow.
    """
    facts = [
        ["this page was written", f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}"],
        ["code, when it was", commit(repository)],
        ["Python", f"{platform.python_version()}, {platform.system()} {platform.machine()}"],
        *([name, importlib.metadata.version(name)] for name in PACKAGES),
    ]
    machines: dict[tuple[str, str], int] = {}
    for row in rows:
        place = (row.get("host") or "not known", row.get("gpu") or "CPU")
        machines[place] = machines.get(place, 0) + 1
    seeds = [["config", config["seed"]], ["folds", config["folds"]["seed"]]]
    seeds += [[f"model {name}", model["seed"]] for name, model in config["models"].items() if "seed" in model]
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
    body = (
        table(["", ""], facts)
        + "<h2>Where the models were trained</h2>"
        + table(["host", "device", "trainings"], [[*place, count] for place, count in machines.items()])
        + "<h2>Seeds</h2>"
        + table(["of", "seed"], seeds)
        + f"<h2>Configuration</h2><pre>{escape(text)}</pre>"
    )
    return document("Provenance", body)


def commit(repository: Path) -> str:
    """The git commit of the workflow, and whether files differ from it; or that there is no git."""

    def ask(*arguments: str) -> str:
        command = ["git", "-C", str(repository), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()

    try:
        if Path(ask("rev-parse", "--show-toplevel")).resolve() != repository.resolve():
            return "not under git"
        changed = ask("status", "--porcelain", "--untracked-files=no")
        return ask("rev-parse", "HEAD") + (", with changed files" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return "not under git"
