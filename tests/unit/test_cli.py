"""The console command: its help is there at once, and what the user gave wrong is one line."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import ionscape
from ionscape.cli import main
from ionscape.files.artifact import write_json

LIBRARY = Path(ionscape.__file__).parents[1]
COMMANDS = ("status", "compare", "results-table", "docs", "backbones")


def python(*arguments: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(LIBRARY)}
    return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False)


def test_help_is_there_at_once():
    started = time.monotonic()
    result = python("-m", "ionscape", "--help")
    assert time.monotonic() - started < 3  # 0.1 s, on a machine that does much else
    assert all(command in result.stdout for command in COMMANDS)
    heavy = python("-X", "importtime", "-m", "ionscape", "--help").stderr
    assert not {"numpy", "pyarrow", "torch", "timm", "yaml"} & {line.split("|")[-1].strip() for line in heavy.splitlines()}


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert not ended.value.code
    assert capsys.readouterr().out.startswith(f"usage: ionscape {command}")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["status", "--results", "nowhere"], "no run has been started in nowhere"),
        (["compare", "nowhere", "--models", "a"], "nowhere/logs/config.json"),
        (["results-table", "README.md", "nowhere"], "nowhere/ensemble/metrics.json"),
        (["results-table", "missing.md", "nowhere"], "missing.md"),
        (
            ["compare", "other", "--models", "a"],
            "config.json: is of another version of ionscape: ensemble.later: unknown key",
        ),
    ],
)
def test_a_wrong_argument_is_one_line(words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "README.md").touch()
    write_json(tmp_path / "other/logs/config.json", {"ensemble": {"later": 1}}, "config")
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert message in ended.value.code
    assert "\n" not in ended.value.code


def test_what_predicts_is_imported_when_it_is_asked_for():
    code = "import sys, ionscape; assert 'numpy' not in sys.modules; print(ionscape.predict.__module__)"
    assert python("-c", code).stdout == "ionscape.serving.predict\n"
    with pytest.raises(AttributeError, match="no attribute 'predicts'"):
        _ = ionscape.predicts
