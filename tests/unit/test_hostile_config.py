"""Configurations that no one should write: complete, or refused with the key's path; never another error, never long."""

import datetime
from pathlib import Path

import pytest
import yaml
from hostile import rounds
from hostile_config import configs
from hypothesis import strategies as st
from test_config import EVERY_KEY

from ionscape.config import messages
from ionscape.data.folder import find_files
from ionscape.errors import LONGEST_LINE, MOST_PROBLEMS, InputError, InputErrors
from ionscape.models.family import families
from support.settings import load_config

MODELS = {"m": {"family": "table"}}


def problems(**sections):
    with pytest.raises(InputErrors) as caught:
        load_config({"models": MODELS, **sections})
    assert all(len(problem) < LONGEST_LINE + 10 for problem in caught.value.problems)
    return caught.value.problems


def problem(**sections):
    (found,) = problems(**sections)
    return found


def test_a_sample_of_hostile_configurations():
    outcome = configs(40, seed=1)
    assert outcome.problems == []
    assert outcome.tried >= 40
    assert outcome.taken > 4  # some changes are harmless


def test_a_round_tells_what_went_wrong():
    def judge(value):
        if value is None:
            raise ValueError("a\0b")
        raise InputErrors("No:", ["fine"])

    assert [text.splitlines()[0] for text in rounds("x", st.none(), judge, 3, 0).problems] == ["ValueError: a\0b"]
    outcome = rounds("x", st.just(1), judge, 3, 0)
    assert (outcome.problems, outcome.taken) == ([], 0)


@pytest.mark.parametrize("number", [10**400, 10**5000, -(2**64)], ids=["10^400", "10^5000", "-2^64"])
def test_an_endless_number(number):
    assert problem(seed=number) == f"seed: is a number that is too large, allowed: up to {2**53}"
    assert "expected integer, found '" in problem(seed="9" * 5000)


def test_a_value_that_holds_itself():
    endless: list = []
    endless.append(endless)
    assert "there are more than 12 levels" in problems(images=endless)[0]
    assert "expected array, found '&a [*a]'" in problem(images={"drop_masses": "&a [*a]"})


def test_a_billion_laughs():
    value: list = ["ha"]
    for _ in range(40):
        value = [value, value]
    assert "there are more than" in problems(new=value)[0]
    lines = [
        "a: &a [x, x]",
        *(f"{new}: &{new} [*{old}, *{old}]" for old, new in zip("abcdefghijklm", "bcdefghijklmn", strict=True)),
    ]
    assert problems(**yaml.safe_load("\n".join(lines)))


@pytest.mark.parametrize("text", ["2024-99-99", "0b", "!!timestamp x", "!!int ''", "!!bool x", "[" * 300, "!!binary x"])
def test_a_text_that_yaml_chokes_on(text):
    assert problem(images={"times": text}).startswith("images.times: expected integer, found ")


def test_a_date_is_a_name_where_names_are():
    config = load_config({"models": MODELS, "run": datetime.date(2024, 1, 15)})
    assert config.run == "2024-01-15"
    assert problem(seed=datetime.date(2024, 1, 15)).startswith("seed: expected integer, found datetime.date")


@pytest.mark.parametrize("name", ["a\n", "a\0", "../up", ".", "a/b", "x" * 101, "", "é", "a b", "-a"])
def test_a_name_is_one_safe_part_of_a_path(name):
    assert problems(run=name)[0].startswith("run: ")
    with pytest.raises(InputErrors, match=r"^The configuration cannot be used:\n  - (models: |a key )"):
        load_config({"models": {name: {"family": "table"}}})


def test_keys_that_are_no_text_or_there_twice():
    assert problem(images={None: 1}) == "images: found None as a key, which is no text; put it in quotes"
    with pytest.raises(InputErrors, match="models: key '1' occurs more than once"):
        load_config({"models": {1: {"family": "table"}, "1": {"family": "kernel"}}})


def test_names_that_some_file_systems_do_not_tell_apart():
    with pytest.raises(InputErrors, match="models: 'a', 'A' differ in capitals only"):
        load_config({"models": {"a": {"family": "table"}, "A": {"family": "table"}}})


def test_columns_that_are_one():
    assert problem(dataset={"columns": {"mass": "time"}}).startswith("dataset.columns: found ")
    assert problem(dataset={"axis": {"limits": [-1e308, 1e308]}}).startswith("dataset.axis.limits: found ")


@pytest.mark.parametrize("path", ["{sample}", "x" * 300, "x/" * 3000], ids=str.__len__)
def test_a_path_that_no_file_system_or_snakemake_takes(path):
    for key in ("model", "predictions"):
        assert problem(**{key: path}).startswith(f"{key}: found ")
    assert problem(dataset={"root": path}).startswith("dataset.root: found ")
    models = {"m": {"family": "image", "backbone": "resnet34", "pretrained": f"{path}.safetensors"}}
    assert problem(models=models).startswith("models.m.pretrained: ")


def test_a_long_mixed_list_takes_no_time():
    found = problems(ensemble={"without": [1, "1", 1.5, None] * 4000})
    assert len(found) > MOST_PROBLEMS
    with pytest.raises(InputErrors) as caught:
        load_config({"models": MODELS, "ensemble": {"without": [None] * 4000}})
    assert len(str(caught.value).split("\n")) == MOST_PROBLEMS + 2


def test_a_long_text_is_cut_in_the_middle():
    (found,) = problems(images={"x" * 9000: 1})
    assert found.startswith("images.xxx")
    assert found.endswith(", times)")
    assert " … " in found


@pytest.mark.parametrize("key", ["metadata", "labels", "submission_format", "folds"])
@pytest.mark.parametrize("path", ["../secret.csv", "/etc/hosts", "link.csv", "a/../../secret.csv"])
def test_a_file_of_the_data_set_is_in_its_folder(tmp_path, key, path):
    root = tmp_path / "data"
    (root / "a").mkdir(parents=True)
    (tmp_path / "secret.csv").touch()
    for name in ("metadata.csv", "train_labels.csv"):
        (root / name).touch()
    (root / "link.csv").symlink_to(tmp_path / "secret.csv")
    value = [path] if key == "labels" else path
    dataset = load_config({"models": MODELS, "dataset": {"root": str(root), key: value}}).dataset
    with pytest.raises(InputError, match=rf"^dataset\.{key}: .* leaves the data folder"):
        find_files(dataset, "example")


def test_the_example_has_its_own_files(tmp_path):
    dataset = load_config({"models": MODELS, "dataset": {"folds": "mine.csv"}}).dataset
    with pytest.raises(
        InputError, match=r"^dataset\.folds: 'mine\.csv' is of a data set; name its folder by dataset\.root"
    ):
        find_files(dataset, str(tmp_path))


def test_a_home_that_is_not_there():
    dataset = load_config({"models": MODELS, "dataset": {"root": "~nobody-at-all/x"}}).dataset
    with pytest.raises(InputError, match=r"^dataset\.root: .* is not a folder"):
        find_files(dataset, "example")


def test_keys_of_earlier_versions(monkeypatch):
    """A key that was renamed is told where it went, in models, in defaults and elsewhere."""
    moved = {"models.*.lr": "moved to rate", "defaults.table.lr": "moved to rate", "folds.k": "gone, see folds.count"}
    monkeypatch.setattr(messages, "MOVED", moved)
    config = {"models": {"a.b": {"family": "table", "lr": 1}}, "folds": {"k": 5}, "defaults": {"table": {"lr": 1}}}
    with pytest.raises(InputErrors) as caught:
        load_config(config)
    assert sorted(caught.value.problems) == [
        "defaults.table.lr: moved to rate",
        "folds.k: gone, see folds.count",
        "models.a.b.lr: moved to rate",
    ]


def test_every_key_that_ever_was_is_there_or_is_told_of():
    """config_keys.txt only grows: a key that is renamed or removed stays in it and gets an entry in MOVED."""
    now = {path for path, _ in EVERY_KEY if not path.endswith(".family")} | {"defaults", "models.*.family"}
    now |= {f"defaults.{name}" for name in families()}
    ever = set(Path(__file__).with_name("config_keys.txt").read_text(encoding="utf-8").split("\n")) - {""}
    assert now <= ever, f"add to config_keys.txt: {sorted(now - ever)}"
    told = set(messages.MOVED)
    missing = [key for key in ever - now if key not in told and f"models.*.{key.split('.')[-1]}" not in told]
    assert missing == [], f"say in MOVED of config/messages.py what became of {missing}"
