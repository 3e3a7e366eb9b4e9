"""METHOD.md, Network: stem, timm backbone, head."""

import torch
from torch import nn

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
        self.stem = nn.Conv2d(INPUT_CHANNELS, 3, kernel_size=1)
        if head == "full":
            self.backbone = timm.create_model(backbone, **options)
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

    def layer_of_stride(self, stride: int) -> nn.Module:
        """The backbone's last layer whose feature map has at most this stride; the first that timm tells, if none has."""
        told = self.backbone.feature_info
        layers = (
            list(zip(told.module_name(), told.reduction(), strict=True))
            if hasattr(told, "module_name")
            else [(entry["module"], entry["reduction"]) for entry in told]
        )
        fine = [name for name, reduction in layers if reduction <= stride]
        return self.backbone.get_submodule((fine or [layers[0][0]])[-1])
