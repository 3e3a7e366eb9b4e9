"""The wheel: what is in it, and that it serves where the repository is not."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIBRARY = Path("workflow/scripts/ionscape")
pytestmark = pytest.mark.workflow

PREDICTION = """
import sys
from ionscape import predict
answers = predict(*sys.argv[1:])
assert all(0 < value < 1 for value in answers.probabilities.ravel()), answers.table()
print(len(answers.table()), *answers.labels)
"""


def call(*command: str | Path, cwd: Path) -> str:
    """What a program prints that finds no other ionscape than the one installed beside it."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    result = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built of a copy, as setuptools leaves files beside what it packs."""
    folder = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(
        ROOT / "workflow/scripts", folder / "workflow/scripts", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
    )
    made = folder / "made"
    call(sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", made, folder, cwd=folder)
    return next(made.iterdir())


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an environment with the wheel alone; what it depends on comes from the tests' own."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    pip = (sys.executable, "-m", "pip", "--python", folder / "bin/python", "install")
    call(*pip, "--no-deps", "--no-index", wheel, cwd=folder)
    site = next(folder.glob("lib/python*/site-packages"))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin"


def test_the_wheel_holds_the_library_and_its_data_alone(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    inside = {name for name in names if ".dist-info/" not in name}
    assert all(name.startswith("ionscape/") for name in inside)
    tracked = [path for path in (ROOT / LIBRARY).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert inside == {path.relative_to(ROOT / LIBRARY.parent).as_posix() for path in tracked}
    assert {"ionscape/data/example/ei_library.csv", "ionscape/models/image/backbones.json"} <= inside


def test_the_command_is_installed(installed, tmp_path):
    assert "compare" in call(installed / "ionscape", "--help", cwd=tmp_path)
    where = call(installed / "python", "-c", "import ionscape; print(ionscape.__file__)", cwd=tmp_path)
    assert Path(where).is_relative_to(installed.parent)


def test_an_export_answers_where_the_repository_is_not(installed, copy_of_finished, tmp_path):
    folder, snakemake = copy_of_finished
    options = ("--cores", "2", "--configfile", "resources/presets/quick.yaml", "--rerun-triggers", "mtime")
    snakemake(*options, "--", "export")
    run = tmp_path / "run"
    shutil.move(folder / "results/quick", run)
    new = run / "data/test_features"
    shutil.rmtree(folder)
    said = call(installed / "python", "-c", PREDICTION, run / "export", new, cwd=tmp_path)
    assert said.split()[0] == str(len(list(new.glob("*.csv"))))
    assert "aromatic" in said
