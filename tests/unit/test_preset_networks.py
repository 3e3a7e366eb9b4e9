"""The presets' backbones: which weights and which networks they mean, and that each of them trains and predicts.

In full, at the size of the presets, with the marker ``full`` (``make networks``): hours on a CPU, minutes on a GPU.
"""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from ionscape.config.grid import Grid
from ionscape.data.example.chromatography import simulate_runs
from ionscape.data.example.library import LIBRARY, read_library
from ionscape.data.run import Run
from ionscape.data.samples import Samples
from ionscape.images.normalization import normalize
from ionscape.images.render import render
from ionscape.models.image.model import Model
from ionscape.models.image.network import Network
from ionscape.training.context import FitContext
from support.settings import changed, load_config

ROOT = Path(__file__).parents[2]
PRESETS = {path.stem: path for path in sorted((ROOT / "resources/presets").glob("*.yaml"))}

#: The author's configuration: (normalization, mixup, head, log scaling) → backbones with weights, and seeds.
SUBMITTED = {
    ("mass", 0, "full", "log10"): ["hrnet_w64.ms_in1k 3", "hrnet_w64.ms_in1k 7", "regnety_040.ra3_in1k 4"],
    ("time", 0, "full", "log10"): ["hrnet_w32.ms_in1k 5"],
    ("mass", 0.1, "full", "log10"): ["hrnet_w32.ms_in1k 5", "hrnet_w64.ms_in1k 8"],
    ("time", 0.1, "full", "log10"): ["dpn107.mx_in1k 5", "dpn98.mx_in1k 9"],
    ("time", 0.1, "mass_flat", "log10"): ["hrnet_w64.ms_in1k 6", "hrnet_w64.ms_in1k 7", "regnetx_320.pycls_in1k 5"],
}
RERUN = {
    ("mass", 0, "full", "log10"): [
        "hrnet_w64.ms_in1k 3",
        "hrnet_w64.ms_in1k 6",
        "hrnet_w64.ms_in1k 7",
        "resnet34.bt_in1k 3",
    ],
    ("mass", 0.1, "full", "log10"): ["hrnet_w64.ms_in1k 4", "resnet34.bt_in1k 5"],
    ("time", 0.1, "full", "log10"): ["dpn107.mx_in1k 5", "hrnet_w64.ms_in1k 8"],
    ("time", 0.1, "mass_flat", "log10"): ["hrnet_w64.ms_in1k 4", "regnetx_320.pycls_in1k 5"],
    ("mass", 0, "full", "log1p"): ["hrnet_w64.ms_in1k 7", "resnet34.bt_in1k 3"],
    ("time", 0, "full", "log1p"): ["hrnet_w32.ms_in1k 5"],
    ("time", 0.1, "full", "log1p"): ["dpn98.mx_in1k 9"],
    ("time", 0.1, "mass_flat", "log1p"): ["hrnet_w64.ms_in1k 5", "hrnet_w64.ms_in1k 6"],
}

#: Names and shapes of the weights that these networks had under their names without a tag: entries, numbers, SHA-256.
SHAPES = {
    "hrnet_w64 full": (1960, 128197421, "dd3e69630b5fff9cbb631c0eef39407ecb5c0eaafb7de48827ae5bae22018114"),
    "hrnet_w64 mass_flat": (1930, 117903641, "403344c0bbf58dfa69c89720a691462b51d94b4f4a10d30716bd98a5ce91e5ae"),
    "hrnet_w32 full": (1960, 41316653, "7daf45c3740e857fe162f486b58ade41bb87ee2d2248fd290a02e9f73f89a46c"),
    "resnet34 full": (222, 21823756, "34e8189aff3afab5601b6413248c7972c5cf32d8a98c3203ffe0232c391faf44"),
    "dpn107 full": (671, 87140759, "b9844fb20129e4a5633e1dd9d697fd9a3febb7431fe4faf918c833f0a28d8d2c"),
    "dpn98 full": (617, 61744750, "f8aa7c0d9e673abadd0a012502215cf23a52107209f9b6abefb633592290991e"),
    "regnetx_320 mass_flat": (448, 105634114, "d6a630b94bf7cc06527b323f5dd45bb75a3a1fe733d302987923a2a56ee16a89"),
    "regnety_040 full": (520, 20718023, "bbaa0f5c39bab26b9516b049125b1f6570745dbb74e0d9a92813dd069df1ed9d"),
}
torch.set_num_threads(1)


def image_models(preset):
    """The preset's image models as they are trained: name → settings."""
    config = load_config(yaml.safe_load(PRESETS[preset].read_text(encoding="utf-8")))
    return {name: model for name, model in config.models.items() if model.family == "image"}


@pytest.mark.parametrize(("preset", "expected"), [("second-place", SUBMITTED), ("second-place-rerun", RERUN)])
def test_the_second_places_models_are_the_authors(preset, expected):
    found = {}
    for model in image_models(preset).values():
        assert model.pretrained is True
        how = (model.normalization, model.mixup, model.head, model.log_scaling)
        found.setdefault(how, []).append(f"{model.backbone} {model.seed}")
    assert {how: sorted(models) for how, models in found.items()} == expected


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_names_the_weights_that_it_takes_from_the_hub(preset):
    given = yaml.safe_load(PRESETS[preset].read_text(encoding="utf-8"))
    loaded = image_models(preset)
    family = given["defaults"].get("image", {})
    for name, model in given["models"].items():
        if name in loaded and loaded[name].pretrained is True:
            assert {**family, **model}["backbone"] == loaded[name].backbone, name
            assert "." in loaded[name].backbone, name


def test_a_model_card_names_the_weights():
    model = image_models("mars1")["resnet34"]
    assert "ImageNet weights of timm's hub (timm/resnet34.bt_in1k)" in model.weights_source


@pytest.mark.parametrize("preset", ["second-place", "second-place-rerun"])
def test_the_second_places_networks_have_the_shapes_that_they_had(preset):
    seen = set()
    for model in image_models(preset).values():
        network = f"{model.architecture} {model.head}"
        if network in seen:
            continue
        seen.add(network)
        with torch.device("meta"):
            built = Network(model.backbone, model.head, 256, 9, model.drop_path_rate, {"pretrained": False})
        state = built.state_dict()
        listed = "\n".join(f"{name} {list(tensor.shape)}" for name, tensor in state.items())
        numbers = sum(tensor.numel() for tensor in state.values())
        assert (len(state), numbers, hashlib.sha256(listed.encode()).hexdigest()) == SHAPES[network], network


#: Each backbone with each head that a preset trains it with → one of its models.
NETWORKS = {
    f"{model.backbone} {model.head}": model
    for preset in PRESETS
    for model in sorted(image_models(preset).values(), key=lambda model: model.mixup)
}


def simulated(runs, grid):
    """Runs of the embedded example as raw images."""
    library = read_library(LIBRARY)
    made = list(simulate_runs(library, runs, 0))
    images = [render(Run(run.time, run.mass, run.intensity, 0), grid) for run in made]
    labels = np.stack([run.labels for run in made]).astype(np.float32)
    side = np.array([run.derivatized for run in made], dtype=np.int64)
    return Samples([run.sample_id for run in made], np.stack(images), side, labels)


def train(model, samples, **changes):
    """Trains on the first three quarters, from random weights; returns the history and the logits of the others."""
    inputs = np.stack([normalize(image, model.normalization) for image in samples.inputs])
    samples = Samples(samples.ids, inputs, samples.side, samples.labels)
    rows = np.arange(len(samples))
    cut = len(samples) * 3 // 4
    settings = changed(model, pretrained=False, epochs=2, warmup_epochs=1, **changes)
    labels = [f"label {number}" for number in range(samples.labels.shape[1])]
    fitted = Model.fit(
        samples.take(rows < cut), samples.take(rows >= cut), settings, FitContext(labels, 2, lambda row: None)
    )
    return fitted.history, fitted.logits(samples.take(rows >= cut))


def assert_trained(history, logits):
    assert [row["epoch"] for row in history] == [1, 2]
    assert np.isfinite([row["train_loss"] for row in history]).all()
    assert history[0]["train_loss"] != history[1]["train_loss"]
    assert np.isfinite(logits).all()
    assert np.ptp(logits, axis=0).max() > 0  # what is predicted depends on the sample; bf16 may hide it for some labels


@pytest.fixture(scope="module")
def small():
    return simulated(16, Grid(64, 64, (4,)))


@pytest.fixture(scope="module")
def whole():
    return simulated(60, Grid(256, 192, (4,)))


@pytest.mark.parametrize("network", NETWORKS)
def test_each_network_of_the_presets_trains_and_predicts(network, small):
    assert_trained(*train(NETWORKS[network], small, batch_size=4, widths=[32, 64], precision="fp32"))


@pytest.mark.full
@pytest.mark.parametrize("network", NETWORKS)
def test_each_network_of_the_presets_trains_and_predicts_at_full_size(network, whole):
    assert_trained(*train(NETWORKS[network], whole))
