"""The lock files pin all that pyproject.toml asks for, runtime and tests apart; the conda files hold the same pins."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
ENVS = ROOT / "envs"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def pins(kind: str) -> set[str]:
    return set(re.findall(r"^[A-Za-z0-9][\w.-]*==[^\s;]+", (ENVS / f"{kind}.lock").read_text(), re.M))


def names(found: set[str]) -> set[str]:
    return {pin.partition("==")[0] for pin in found}


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_conda_installs_exactly_the_lock(kind):
    *_, pip = yaml.safe_load((ENVS / f"{kind}.yaml").read_text())["dependencies"]
    assert set(pip["pip"]) == pins(kind)
    assert set(PROJECT["project"]["dependencies"]) <= pins(kind)


def test_only_cuda_needs_cuda():
    cpu, cuda = pins("cpu"), pins("cuda")
    assert cpu < cuda
    assert all(re.match(r"nvidia-|cuda-|triton", pin) for pin in cuda - cpu)


def test_what_only_the_tests_need_is_in_no_environment_of_a_run():
    asked, dev, cpu = set(PROJECT["dependency-groups"]["dev"]), pins("dev"), pins("cpu")
    assert asked <= dev
    assert names(asked & cpu) == {"pandas", "jsonschema"}  # which Snakemake and its Slurm plugin need too
    assert {"pytest", "selenium", "black", "bandit", "hypothesis", "mypy"} <= names(dev) - names(pins("cuda"))
    assert {pin for pin in dev if pin.partition("==")[0] in names(cpu)} <= cpu  # one version of what both need


def test_the_package_is_built_by_what_is_pinned():
    """`make venv` builds it without an environment of its own."""
    assert set(PROJECT["build-system"]["requires"]) <= pins("cpu")
