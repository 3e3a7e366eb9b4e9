"""A copy of the workflow in a temporary folder, and Snakemake run in it as a user would."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = ("Snakefile", "config.yaml", "workflow", "resources", "profiles", "envs")
Snakemake = Callable[..., subprocess.CompletedProcess]


def copy_of_the_workflow(folder: Path) -> Path:
    for part in PARTS:
        source = ROOT / part
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(source, folder / part, ignore=ignore) if source.is_dir() else shutil.copy(source, folder / part)
    return folder


def snakemake_in(folder: Path) -> Snakemake:
    def call(*arguments: str, fails: bool = False) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "snakemake", *arguments]
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=1500, check=False)
        said = result.stdout + result.stderr
        assert (result.returncode != 0) == fails, said
        assert "Traceback" not in said, said
        return result

    return call


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Snakemake]:
    """The quick preset, its ensemble fitted once: (folder, Snakemake in it). Tests leave it as it is."""
    folder = copy_of_the_workflow(tmp_path_factory.mktemp("finished"))
    snakemake = snakemake_in(folder)
    snakemake("--cores", "2", "--resources", "gpu=2", "--configfile", "resources/presets/quick.yaml", "--", "ensemble")
    return folder, snakemake


@pytest.fixture
def workflow(tmp_path: Path) -> tuple[Path, Snakemake]:
    """A fresh copy: (folder, Snakemake in it)."""
    folder = copy_of_the_workflow(tmp_path)
    return folder, snakemake_in(folder)


@pytest.fixture
def copy_of_finished(finished: tuple[Path, Snakemake], tmp_path: Path) -> tuple[Path, Snakemake]:
    """A copy of the finished run that a test may spoil."""
    folder = tmp_path / "copy"
    shutil.copytree(finished[0], folder)
    return folder, snakemake_in(folder)
