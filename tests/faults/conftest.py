"""The copies of the workflow and Snakemake are those of tests/workflow."""

import importlib.util
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location("shared", Path(__file__).parents[1] / "workflow" / "conftest.py")
shared = importlib.util.module_from_spec(spec)
spec.loader.exec_module(shared)


@pytest.fixture(scope="session")
def copied(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, shared.Snakemake]:
    """A fresh copy: (folder, Snakemake in it)."""
    folder = shared.copy_of_the_workflow(tmp_path_factory.mktemp("workflow"))
    return folder, shared.snakemake_in(folder)
