"""Hostile configurations: the shipped ones, spoiled in every way that YAML and the command line allow."""

import copy
import datetime
import json
import os
import re
import tempfile
from pathlib import Path

import yaml
from hostile import TRICKS, Outcome, rounds
from hypothesis import strategies as st

from ionscape.config.sections import Dataset
from ionscape.data.folder import find_files
from ionscape.errors import InputErrors
from ionscape.serving.new_runs import find_new
from support.settings import load_config, whole_schema

ROOT = Path(__file__).parents[2]
SCHEMA = whole_schema()
SHIPPED = [
    yaml.safe_load(path.read_text(encoding="utf-8"))
    for path in [ROOT / "config.yaml", *sorted((ROOT / "resources" / "presets").glob("*.yaml"))]
]
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def _endless() -> list:
    inside: list = []
    inside.append(inside)
    return inside


def _laughs() -> list:
    value: list = ["ha"]
    for _ in range(40):
        value = [value, value]
    return value


def _deep(levels: int) -> dict:
    value: dict = {}
    for _ in range(levels):
        value = {"images": value}
    return value


#: Values that no key takes, or only some.
CURIOUS = (
    *(10**400, -(10**400), 10**5000, 2**63, -1, 0, 1, 0.5, 3.0, 1e308, -1e308, 5e-324),
    *(float("nan"), float("inf"), -float("inf"), True, False, None),
    *(b"bytes", datetime.date(2024, 1, 15), datetime.datetime(2024, 1, 15, 12, 0), {1, 2}, (1, 2)),
    *({}, [], [[]], [None], ["x"] * 30_000, [1, "1", 1.0] * 500, {"a": {"b": {}}}, {f"k{n}": n for n in range(1000)}),
    *({None: 1}, {True: 1}, {1: 2, "1": 3}, {1.5: {}}, {"": {}}, {datetime.date(2024, 1, 15): {}}, {10**400: 1}),
)

LEAVES = st.one_of(
    st.sampled_from(TRICKS),
    st.integers(0, len(CURIOUS) - 1).map(lambda place: copy.deepcopy(CURIOUS[place])),  # some of them cannot be shown
    st.builds(_endless),
    st.builds(_laughs),
    st.integers(1, 3000).map(_deep),
    st.integers(),
    st.floats(),
    st.text(max_size=30),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(TRICKS), inner, max_size=3),
    max_leaves=5,
)
KEYS = st.one_of(
    st.sampled_from([*SCHEMA["properties"], *SCHEMA["families"]["image"]["properties"]]),
    st.sampled_from(TRICKS),
    st.sampled_from([None, True, 7, 1.5, float("nan"), datetime.date(2024, 1, 15)]),
    st.text(max_size=10),
)


def places(value: object, path: tuple = ()) -> list[tuple]:
    """The paths of all keys and items."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = []
    for key, item in inside:
        found.append((*path, key))
        if len(path) < 6:
            found += places(item, (*path, key))
    return found


@st.composite
def spoiled(draw: st.DrawFn) -> dict:
    """A shipped configuration with some changes, some of which are fine."""
    config = copy.deepcopy(draw(st.sampled_from(SHIPPED)))
    for _ in range(draw(st.integers(1, 3))):
        here = places(config)
        if not here:
            break
        *path, last = draw(st.sampled_from(here))
        inner = config
        for key in path:
            inner = inner[key]
        change = draw(st.sampled_from(["drop", "value", "value", "near", "misspell", "add", "wrap", "text", "top"]))
        value = inner[last]
        if change == "drop":
            del inner[last]
        elif change == "value":
            inner[last] = draw(VALUES)
        elif change == "near" and isinstance(value, int | float):
            inner[last] = draw(
                st.sampled_from([value * 2, value - 1, value + 1, value * 1.5, -value, str(value), f" {value} "])
            )
        elif change == "misspell" and isinstance(inner, dict):
            inner[draw(st.sampled_from([f"{last}s", str(last).upper(), str(last)[:-1], f"{last} "]))] = inner.pop(last)
        elif change == "add" and isinstance(value, dict):
            value[draw(KEYS)] = draw(VALUES)
        elif change == "wrap":
            inner[last] = draw(st.sampled_from([[value], {"value": value}, {last: value}]))
        elif change == "text":
            inner[last] = str(value)
        elif change == "top":
            config[draw(KEYS)] = draw(VALUES)
    return config


#: How a problem of the whole configuration begins; any other begins with its key's path and a colon.
WHOLE = ("key 'models' is missing", "there are more than", "a key ", "key ", "found ", "expected keys")


def _check_refusal(error: InputErrors) -> None:
    """Every problem names the path of its key."""
    for problem in error.problems:
        assert ": " in problem or problem.startswith(WHOLE), f"names no key: {problem}"


def judge(config: object, folder: Path) -> bool:
    """Whether the configuration was taken: then it is complete, can be written as JSON, stays in place and stays as it is.

    Args:
        folder: the data set of configurations that have their own.
    """
    try:
        loaded = load_config(config).model_dump()
    except InputErrors as error:
        _check_refusal(error)
        raise
    assert set(loaded) == set(SCHEMA["properties"])
    for name in (loaded["run"], *loaded["models"]):
        assert NAME.fullmatch(name), f"no file name: {name!r}"
    for model in loaded["models"].values():
        assert set(model) == set(SCHEMA["families"][model["family"]]["properties"])
    assert json.loads(json.dumps(loaded, allow_nan=False)) == loaded
    seeds = {
        name: {**model, "seed": model["seed"] - loaded["seed"]} if "seed" in model else model
        for name, model in loaded["models"].items()
    }
    again = load_config({**loaded, "models": seeds}).model_dump()
    assert again == loaded, "loaded once more it is another"
    root = loaded["dataset"]["root"]
    here = {**loaded["dataset"], "root": str(folder) if root and root.startswith("data/") else root}
    found = find_files(Dataset.model_validate(here), str(folder / "example"))
    root = Path(found.root).resolve()
    for path in filter(None, (found.metadata, *found.labels, found.submission_format, found.folds)):
        assert Path(path).resolve().is_relative_to(root), f"{path} is not in {root}"
    new = loaded["new"] or []
    if new and not any(map(os.path.isdir, [new] if isinstance(new, str) else new)):  # "/" would be walked through
        find_new(loaded["model"], loaded["new"], loaded["predictions"])
    return True


def configs(count: int, seed: int) -> Outcome:
    """Spoiled configurations, each loaded as the workflow would."""
    with tempfile.TemporaryDirectory() as name:
        for file in ("metadata.csv", "train_labels.csv"):
            Path(name, file).touch()
        return rounds("configurations", spoiled(), lambda config: judge(config, Path(name)), count, seed)
