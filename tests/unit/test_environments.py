"""The conda files hold exactly the lock files' pins, and the lock files pin all that is asked for."""

import re
from pathlib import Path

import pytest
import yaml

ENVS = Path(__file__).parents[2] / "envs"


def pins(text: str) -> set[str]:
    return set(re.findall(r"^[A-Za-z0-9][\w.-]*==[^\s;]+", text, re.M))


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_conda_installs_exactly_the_lock(kind):
    locked = pins((ENVS / f"{kind}.lock").read_text())
    *_, pip = yaml.safe_load((ENVS / f"{kind}.yaml").read_text())["dependencies"]
    assert set(pip["pip"]) == locked
    assert pins((ENVS / "requirements.in").read_text()) <= locked


def test_only_cuda_needs_cuda():
    cpu, cuda = (pins((ENVS / f"{kind}.lock").read_text()) for kind in ("cpu", "cuda"))
    assert cpu < cuda
    assert all(re.match(r"nvidia-|cuda-|triton", pin) for pin in cuda - cpu)
