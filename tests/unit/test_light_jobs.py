"""Jobs that work for tenths of a second do not import for seconds: what each script brings along, and why it may."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "workflow/scripts"

#: Packages that take a quarter of a second or more.
HEAVY = ("torch", "timm", "sklearn", "pandas", "lightgbm", "iterstrat", "pymzml", "matplotlib", "scipy.io", "scipy.stats")

#: Script → the heavy packages that it works with from its beginning.
ALLOWED = {
    "explain": {"torch", "matplotlib"},
    "predict": {"torch", "matplotlib"},
    "plot_data": {"matplotlib"},
    "plot_ensemble": {"matplotlib"},
    "plot_training": {"matplotlib"},
}


def imported(code: str) -> set[str]:
    """The heavy packages that are there after the code."""
    ask = f"import sys; sys.path.insert(0, {str(SCRIPTS)!r}); {code}; import json; print(json.dumps(list(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", ask], check=True, capture_output=True, text=True).stdout
    return set(HEAVY) & set(json.loads(found.splitlines()[-1]))


@pytest.mark.parametrize("script", sorted(path.stem for path in SCRIPTS.glob("*.py")))
def test_a_script_brings_only_what_it_works_with(script):
    assert imported(f"import {script}") <= ALLOWED.get(script, set())


def test_reading_the_rules_is_light():
    """Every job of a cluster reads them: the configuration, the families and their settings."""
    assert imported("import ionscape.config.load, ionscape.data.folder, ionscape.models.family as f; f.families()") == set()


@pytest.mark.parametrize(
    ("family", "allowed"), [("kernel", {"sklearn"}), ("library", {"sklearn"}), ("table", {"sklearn", "lightgbm"})]
)
def test_a_family_without_networks_does_without_torch(family, allowed):
    found = imported(f"import ionscape.models.family as f; f.families()[{family!r}].model()")
    assert not found & {"torch", "timm", "matplotlib", "iterstrat", "pymzml"}
