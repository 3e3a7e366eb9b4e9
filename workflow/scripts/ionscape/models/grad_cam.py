"""The package grad-cam, behind one function: it imports torchvision, which needs :mod:`.torchvision_ops` first."""

import torch
from torch import nn

from . import torchvision_ops  # noqa: F401

from pytorch_grad_cam import GradCAMPlusPlus  # isort: skip
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget  # isort: skip


def grad_cam_plus_plus(network: nn.Module, layer: nn.Module, inputs: torch.Tensor, label: int) -> torch.Tensor:
    """Where the network sees a label: float32 [n, height, width] in 0–1 on the CPU, of inputs [n, channels, height, width].

    Args:
        layer: the module of the network whose feature map is weighed.
    """
    with GradCAMPlusPlus(network, [layer]) as cam:
        maps = cam(input_tensor=inputs, targets=[ClassifierOutputTarget(label)] * len(inputs))
    return torch.from_numpy(maps).float()
