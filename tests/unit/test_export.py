"""Exported folders of strangers: refused where they say what no export says, before anything that they name is opened."""

import hashlib
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest

from ionscape.errors import InputError
from ionscape.evaluation.novelty import Known
from ionscape.files import artifact
from ionscape.files.versions import FORMATS
from ionscape.serving.export import open_export
from support.settings import load_config

MODELS = {"m": {"family": "table"}, "n": {"family": "image", "backbone": "resnet34"}}


def signed(content: dict, kind: str) -> str:
    """JSON as a stranger who knows the format writes it, with NaN too."""
    return json.dumps(artifact._signed({"format": kind, "version": FORMATS[kind][0], **content}, []))


class Folder:
    """A sound export, parts of which tests spoil; its weights are none."""

    def __init__(self, root: Path):
        self.root = root
        config = load_config({"models": MODELS}).model_dump()
        labels = {"aromatic": 1.0, "mineral": 1.0}
        self.ensemble = {
            "members": ["m", "n"],
            "weights": {"m": dict(labels), "n": dict(labels)},
            "bias": dict(labels),
            "clip": 1e-4,
            "method": "weigh",
        }
        grid = {"masses": 64, "times": 32, "drop_masses": [4], "limits": None, "statistic": "sum"}
        self.facts = {
            "run": "r",
            "labels": list(labels),
            "columns": {name: name for name in ("axis", "mass", "intensity", "time")},
            "grid": grid,
            "side": None,
            "features": config["features"],
            "known": {"0": {"scans": [1.0, 2.0]}},
            "trained_on": 8,
            "members": {"m": [0], "n": [0]},
        }
        self.models = {
            name: {"settings": settings, "labels": list(labels), "shape": [64, 32]}
            for name, settings in config["models"].items()
        }
        self.more: dict[str, str] = {}
        self.known: Known | None = None

    def write(self) -> Path:
        files = {}
        parts = {"ensemble.json": self.ensemble}
        parts |= {f"models/{name}/fold0/model.json": model for name, model in self.models.items()}
        for name, content in parts.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(signed(content, "ensemble" if name == "ensemble.json" else "model"))
            files[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        for name in self.models:
            path = self.root / f"models/{name}/fold0/weights.safetensors"
            path.write_bytes(b"none")
            files[path.relative_to(self.root).as_posix()] = hashlib.sha256(b"none").hexdigest()
        if self.known:
            self.known.write(self.root / "known.parquet")
            files["known.parquet"] = hashlib.sha256((self.root / "known.parquet").read_bytes()).hexdigest()
        (self.root / "model.json").write_text(signed({"files": files | self.more, **self.facts}, "export"))
        return self.root

    def problem(self) -> str:
        with pytest.raises(InputError) as caught:
            open_export(self.write())
        return str(caught.value)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "secret").write_text("secret")
    return Folder(tmp_path / "export")


def test_a_sound_export(folder):
    found = open_export(folder.write()).ensemble
    assert found.model_dump(exclude_none=True) == folder.ensemble


def known_runs(columns=64 * 16, folds=1, value=0.1):
    return Known([f"S{row}" for row in range(3)], np.full((3, columns), value, np.float32), {folds: np.zeros(3, np.int32)})


def test_the_runs_that_were_learnt_from(folder):
    folder.known = known_runs()
    assert open_export(folder.write()).known.ids == ["S0", "S1", "S2"]


@pytest.mark.parametrize(
    ("known", "message"),
    [
        (known_runs(columns=8), "known.parquet: found 3 runs of 8 columns, expected 1024 columns"),
        (known_runs(value=np.nan), "known.parquet: print: found a value that is no number"),
        (known_runs(folds=2), "known.parquet: column 'folds-1' is missing"),
    ],
)
def test_known_runs_that_no_export_has(folder, known, message):
    folder.known = known
    assert message in folder.problem()


NOVELTY = {"slope": {"aromatic": 0.1, "mineral": 0.0}, "centre": -1.0, "scale": 0.5, "low": -2.0, "high": 2.0}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scale": 0.0}, "ensemble.json.novelty.m: not what a fit gives"),
        ({"low": 3.0}, "ensemble.json.novelty.m: not what a fit gives"),
        ({"slope": {"aromatic": 0.1}}, "ensemble.json.novelty.m.slope: key 'mineral' is missing"),
    ],
)
def test_weights_by_novelty_that_no_fit_gives(folder, change, message):
    folder.ensemble["novelty"] = {"m": NOVELTY, "n": NOVELTY}
    open_export(folder.write())
    folder.ensemble["novelty"]["m"] = NOVELTY | change
    assert message in folder.problem()
    del folder.ensemble["novelty"]["m"]
    assert "ensemble.json.novelty: key 'm' is missing" in folder.problem()


def test_the_labels_of_an_ensemble_may_be_in_another_order(folder):
    expected = open_export(folder.write()).ensemble
    folder.ensemble["weights"]["m"] = {"mineral": 0.25, "aromatic": 1.0}
    folder.ensemble["bias"] = {"mineral": 0.5, "aromatic": 0.0}
    found = open_export(folder.write()).ensemble
    assert found.labels == expected.labels == ["aromatic", "mineral"]
    assert found.matrix.tolist() == [[1, 0.25], [1, 1]]
    probabilities = np.array([[[0.5, 0.5]], [[0.5, 0.5]]])
    np.testing.assert_allclose(found(probabilities), [[0.5, 1 / (1 + np.exp(-0.5))]])


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "models/../../secret", "a\0b", "x" * 5000, "link"])
def test_a_file_elsewhere(folder, name):
    folder.root.mkdir()
    (folder.root / "link").symlink_to("../secret")
    folder.more = {name: hashlib.sha256(b"secret").hexdigest()}
    assert re.search("leaves the data folder|no usable path|not a usable path", folder.problem())


@pytest.mark.parametrize("name", ["../../outside", "/etc", "..", "a/b", "", "x" * 300])
def test_a_member_elsewhere(folder, name):
    folder.facts["members"] = {name: [0]}
    assert "model.json.members: " in folder.problem()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"grid": {"masses": 10**9}}, "model.json.grid.masses: 1000000000 is greater than the maximum"),
        ({"grid": {"times": -1}}, "model.json.grid.times: "),
        ({"grid": {"limits": [float("nan"), 1]}}, "model.json.grid.limits.0: expected number, found nan"),
        ({"grid": {"code": 1}}, "model.json.grid.code: unknown key"),
        ({"members": {"m": ["0/../../x"]}}, "model.json.members.m.0: expected integer"),
        ({"members": {"m": [1], "n": [0]}}, "files has no models/m/fold1/weights.safetensors"),
        ({"labels": "aromatic"}, "model.json.labels: expected array"),
        ({"labels": ["a", "a"]}, "model.json.labels: 'a' occurs more than once"),
        ({"known": {}}, "model.json.known: "),
        ({"known": {"0": {"scans": [1, 2]}, "1": {"total": [1, 2]}}}, "the groups have different facts"),
        ({"files": ["a"]}, "model.json.files: expected object"),
        ({"files": {"a": 7}}, "model.json.files.a: expected string"),
        ({"features": {"bands": 7}}, "model.json.features.bands: does not divide"),
        ({"columns": {"axis": 1}}, "model.json.columns.axis: expected string"),
    ],
    ids=str,
)
def test_facts_that_no_export_has(folder, change, message):
    for key, value in change.items():
        nested = key in ("grid", "features", "columns")
        folder.facts[key] = {**folder.facts[key], **value} if nested else value
    assert message in folder.problem()


@pytest.mark.parametrize("key", ["run", "labels", "columns", "grid", "features", "known", "members", "side", "trained_on"])
def test_facts_that_are_missing(folder, key):
    del folder.facts[key]
    assert f"model.json: key '{key}' is missing" in folder.problem()


def test_facts_that_lack_what_has_a_default(folder):
    del folder.facts["features"]["bands"]
    assert "model.json.features: key 'bands' is missing" in folder.problem()


def test_an_export_without_a_list_of_files(folder, tmp_path):
    root = folder.write()
    (root / "model.json").write_text(signed(folder.facts, "export"))
    with pytest.raises(InputError, match=r"model\.json: key 'files' is missing"):
        open_export(root)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"members": ["x"]}, "ensemble.json.members.0: found 'x'"),
        ({"members": []}, "ensemble.json.members: there is none"),
        ({"members": ["m", "m"]}, "members: Value error, 'm' occurs more than once"),
        ({"weights": {"m": {"aromatic": 1}}}, "ensemble.json.weights: key 'n' is missing"),
        (
            {"bias": {"aromatic": float("inf"), "mineral": 0}},
            "ensemble.json: bias.aromatic: Input should be a finite number; run rule",
        ),
        ({"clip": 2}, "ensemble.json.clip: "),
        ({"bias": {"aromatic": 0, "mineral": 0, "oxide": 0}}, "ensemble.json.bias.oxide: unknown key"),
    ],
    ids=str,
)
def test_an_ensemble_that_no_export_has(folder, change, message):
    folder.ensemble |= change
    assert message in folder.problem()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"backbone": "hf-hub:somebody/model"}, "is no model of timm's own"),
        ({"backbone": "local-dir:/etc"}, "is no model of timm's own"),
        ({"widths": [10**9]}, "settings.widths.0: 1000000000 is greater"),
        ({"family": "os"}, "settings.family: found 'os'"),
        ({"family": ["os"]}, "settings.family: found ['os']"),
        ({"code": "x"}, "settings.code: unknown key"),
    ],
    ids=str,
)
def test_a_model_that_no_export_has(folder, change, message):
    folder.models["n"]["settings"] |= change
    assert message in folder.problem()


def test_a_shape_of_absurd_size(folder):
    folder.models["n"]["shape"] = [10**9, 10**9]
    assert "models/n/fold0/model.json.shape.0: 1000000000 is greater" in folder.problem()


@pytest.mark.parametrize("name", ["ensemble.json", "model.json", "models/m/fold0/model.json"])
def test_a_pipe_is_not_waited_for(folder, name):
    folder.write()
    (folder.root / name).unlink()
    os.mkfifo(folder.root / name)
    with pytest.raises(InputError, match=r"is not a regular file|model\.json is missing"):
        open_export(folder.root)


def test_a_file_that_is_not_as_it_was(folder):
    folder.write()
    (folder.root / "models/m/fold0/weights.safetensors").write_bytes(b"other")
    with pytest.raises(InputError, match="SHA-256 differs"):
        open_export(folder.root)
