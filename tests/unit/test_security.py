"""What must not be in the code, and how the audit of pinned packages reads its report."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = sorted((ROOT / "workflow").rglob("*.py"))
RULES = [ROOT / "Snakefile", *sorted((ROOT / "workflow" / "rules").glob("*.smk"))]
CODE = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in [*PYTHON, *RULES]}

spec = importlib.util.spec_from_file_location("audit", ROOT / "envs" / "audit.py")
audit = importlib.util.module_from_spec(spec)
spec.loader.exec_module(audit)


def lines_with(pattern: str, code: dict[str, str] = CODE) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()}"
        for name, text in code.items()
        for number, line in enumerate(text.splitlines(), start=1)
        if re.search(pattern, line)
    ]


@pytest.mark.parametrize(
    "pattern",
    [
        r"\b(pickle|dill|cloudpickle|shelve|marshal)\b(?!\")",
        r"\b(torch|joblib|np|numpy)\.load\(",
        r"allow_pickle|weights_only=False",
        r"yaml\.(load|full_load|unsafe_load|load_all)\(",
        r"(?<![\w.])(eval|exec|compile|__import__)\(",
        r"os\.(system|popen|exec|spawn)|shell=True",
        r"tempfile\.mktemp\(|gettempdir",
    ],
)
def test_nothing_that_runs_or_unpickles_what_a_file_says(pattern):
    assert lines_with(pattern) == []


def test_rules_run_scripts_never_a_shell():
    assert (
        lines_with(
            r"^\s*(shell|run|wrapper|notebook|cwl):", {name: CODE[name] for name in CODE if not name.endswith(".py")}
        )
        == []
    )


def test_names_of_data_become_file_names_in_one_place():
    """A file that is called after a sample or a label is named by file_name; models, runs and folds have names of ours."""
    parts = re.compile(r"/ f\"([^\"]*)\"")
    found = [part for text in CODE.values() for path in parts.findall(text) for part in re.findall(r"\{(.*?)\}", path)]
    assert len(found) > 8
    # run.sample_id: of the runs that we simulate.
    of_job = r"slot|fold|one|log|quote\(self\.device\.uuid, safe=''\)"
    fine = r"run\.sample_id|file_name\((page\.)?\w+(\[\w+\])?\)|model|split|name|" + of_job
    assert [part for part in found if not re.fullmatch(fine, part)] == []


def test_the_patterns_find_what_they_are_for():
    bad = {"x": "import pickle\nnp.load(a, allow_pickle=True)\nyaml.load(a)\n  shell:\n    eval(a)\n"}
    assert len(lines_with(r"\b(pickle)\b", bad)) == len(lines_with(r"yaml\.(load)\(", bad)) == 1
    assert lines_with(r"^\s*(shell):", bad) == ["x:4: shell:"]


def package(*vulnerabilities):
    return {
        "name": "a",
        "version": "1",
        "vulns": [{"id": name, "fix_versions": ["2"], "aliases": [f"CVE-{name}"]} for name in vulnerabilities],
    }


SKIPPED = {"name": "b", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("dependencies", "ignored", "words", "wrong"),
    [
        ([], {}, "NOT AUDITED", False),
        ([SKIPPED], {}, "NOT AUDITED", False),
        ([package()], {}, "1 packages audited, none", False),
        ([package(), SKIPPED], {}, "not known to the service: b", False),
        ([package("X")], {}, "a 1: X, fixed in 2", True),
        ([package("X")], {"X": "why"}, "1 packages audited, none", False),
        ([package("X")], {"CVE-X": "why"}, "1 packages audited, none", False),
        ([package("X", "Y")], {"X": "why"}, "a 1: Y, fixed in 2", True),
        ([package()], {"X": "why"}, "X is of no package any more", True),
    ],
)
def test_what_the_audit_makes_of_a_report(dependencies, ignored, words, wrong):
    lines, found = audit.verdict({"dependencies": dependencies}, ignored)
    assert words in "\n".join(lines)
    assert found is wrong


def test_every_ignored_vulnerability_has_a_reason():
    ignored = audit.yaml.safe_load((ROOT / "envs" / "ignored_vulnerabilities.yaml").read_text(encoding="utf-8"))
    assert all(isinstance(reason, str) and len(reason) > 20 for reason in ignored.values())
