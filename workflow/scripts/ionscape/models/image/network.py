"""METHOD.md, Network: stem, timm backbone, head."""

from typing import Any

import torch
from torch import nn

from .dpn import end_in_elu
from .torchvision_ops import timm

#: Image channels (2) and positions (2).
INPUT_CHANNELS = 4


class Network(nn.Module):
    """4 channels → 1×1 convolution to 3 → timm backbone → logits.

    Args:
        backbone: a timm model's name.
        head: ``full``: the whole timm model with its classifier, then a linear layer; ``mass_flat``: the last feature map
            (stride 32), mean over time only, flattened, then a linear layer.
        masses: height of the images.
        labels: number of logits.
        drop_path_rate: stochastic depth; 0 is not handed on, as not every backbone has it.
        weights: further arguments of ``timm.create_model`` that say where weights come from.
    """

    def __init__(self, backbone: str, head: str, masses: int, labels: int, drop_path_rate: float, weights: dict):
        super().__init__()
        options = {**weights, **({"drop_path_rate": drop_path_rate} if drop_path_rate else {})}
        self.head = head
        self.backbone: Any
        self.stem = nn.Conv2d(INPUT_CHANNELS, 3, kernel_size=1)
        if head == "full":
            self.backbone = timm.create_model(backbone, **options)
            end_in_elu(self.backbone)
            size = self.backbone.num_classes
        else:
            self.backbone = timm.create_model(backbone, features_only=True, out_indices=(-1,), **options)
            size = self.backbone.feature_info.channels()[-1] * (masses // self.backbone.feature_info.reduction()[-1])
        self.classifier = nn.Linear(size, labels)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """[n, 4, masses, width] → logits [n, labels]."""
        features = self.backbone(self.stem(images))
        if self.head == "mass_flat":
            features = features[-1].mean(dim=3).flatten(1)
        return self.classifier(features)

    def layer_of_stride(self, inputs: torch.Tensor, stride: int) -> nn.Module:
        """The last of the backbone's layers that the logits depend on and whose feature map has at most this stride.

        Found by a pass of inputs [n, 4, masses, width]: what timm says of its layers' names holds for some backbones only.
        """
        passed: list[tuple[nn.Module, torch.Tensor]] = []

        def note(module: nn.Module, _: Any, output: object) -> None:
            if isinstance(output, torch.Tensor) and output.ndim == 4 and output.shape[2] * stride >= inputs.shape[2]:
                passed.append((module, output))

        hooks = [module.register_forward_hook(note) for module in self.backbone.modules()]
        try:
            logits = self(inputs[:1].detach().requires_grad_())
        finally:
            for hook in hooks:
                hook.remove()
        gradients = torch.autograd.grad(logits.sum(), [output for _, output in passed], allow_unused=True)
        return [module for (module, _), gradient in zip(passed, gradients, strict=True) if gradient is not None][-1]
