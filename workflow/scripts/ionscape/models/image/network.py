"""METHOD.md, Network: stem, timm backbone, head."""

from typing import Any

import torch
from torch import nn

from ...errors import InputError
from .dpn import end_in_elu
from .family import STRIDE
from .torchvision_ops import timm

#: Image channels (2) and positions (2).
INPUT_CHANNELS = 4


def _layer(backbone: str, stride: int) -> int:
    """Which of the backbone's feature maps has a stride. Raises InputError: none."""
    with torch.device("meta"):
        model: Any = timm.create_model(backbone, features_only=True)
    strides = model.feature_info.reduction()
    if stride not in strides:
        raise InputError(f"feature_stride: {backbone} has no feature map of stride {stride}, but of {strides}")
    return strides.index(stride)


class Network(nn.Module):
    """4 channels → 1×1 convolution to 3 → timm backbone → logits.

    Args:
        backbone: a timm model's name.
        head: ``full``: the whole timm model with its classifier, then a linear layer; ``mass_flat``: the last feature map
            (stride 32), mean over time only, flattened, then a linear layer; ``frozen``: the feature map of
            ``feature_stride``, maximum over time only, flattened, then a linear layer; its stem shows the image to the
            backbone in grey, scaled as its weights are used to.
        masses: height of the images.
        labels: number of logits.
        drop_path_rate: stochastic depth; 0 is not handed on, as not every backbone has it.
        weights: further arguments of ``timm.create_model`` that say where weights come from.
    """

    def __init__(
        self,
        backbone: str,
        head: str,
        masses: int,
        labels: int,
        drop_path_rate: float,
        weights: dict,
        feature_stride: int = STRIDE,
    ):
        super().__init__()
        options = {**weights, **({"drop_path_rate": drop_path_rate} if drop_path_rate else {})}
        self.head = head
        self.backbone: Any
        self.stem: Any = nn.Conv2d(INPUT_CHANNELS, 3, kernel_size=1)
        if head == "full":
            self.backbone = timm.create_model(backbone, **options)
            end_in_elu(self.backbone)
            size = self.backbone.num_classes
        else:
            layer = -1 if head == "mass_flat" else _layer(backbone, feature_stride)
            self.backbone = timm.create_model(backbone, features_only=True, out_indices=(layer,), **options)
            size = self.backbone.feature_info.channels()[-1] * (masses // self.backbone.feature_info.reduction()[-1])
        self.classifier = nn.Linear(size, labels)
        if head == "frozen":
            self._show_in_grey(backbone)

    def _show_in_grey(self, backbone: str) -> None:
        """The stem adds the two image channels, leaves the positions out, and scales as timm says of the weights."""
        cfg: Any = timm.models.get_pretrained_cfg(backbone)
        mean, std = torch.tensor(cfg.mean), torch.tensor(cfg.std)
        with torch.no_grad():
            self.stem.weight.zero_()
            self.stem.weight[:, :2, 0, 0] = (1 / std)[:, None]
            self.stem.bias.copy_(-mean / std)

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """[n, 4, masses, width] → what the linear layer sees, [n, columns]."""
        features = self.backbone(self.stem(images))
        if self.head == "mass_flat":
            return features[-1].mean(dim=3).flatten(1)
        return features if self.head == "full" else features[-1].amax(dim=3).flatten(1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """[n, 4, masses, width] → logits [n, labels]."""
        return self.classifier(self.features(images))

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
