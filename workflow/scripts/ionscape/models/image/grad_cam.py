"""The package grad-cam, behind one function: it imports torchvision, which needs :mod:`.torchvision_ops` first."""

from collections.abc import Sequence

import torch
from torch import nn

from . import torchvision_ops  # noqa: F401

from pytorch_grad_cam import GradCAMPlusPlus  # isort: skip
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget  # isort: skip


def grad_cam_plus_plus(network: nn.Module, layer: nn.Module, inputs: torch.Tensor, labels: Sequence[int]) -> torch.Tensor:
    """Where the network sees each sample's label: float32 [n, height, width] in 0–1, on the CPU.

    Args:
        inputs: [n, channels, height, width], of a network whose weights want no gradient; labels: index of each sample's.
        layer: the module of the network whose feature map is weighed.
    """
    with GradCAMPlusPlus(network, [layer]) as cam:
        maps = cam(inputs.requires_grad_(), [ClassifierOutputTarget(int(label)) for label in labels])
    return torch.from_numpy(maps).float()
