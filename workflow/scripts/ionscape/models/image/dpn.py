"""METHOD.md, Network: DPNs end in ELU, as in the timm that their weights were made for and that the method was built on.

timm 1.0.31 says so too (``fc_act_layer``), but builds the activation of the other layers there: the argument that it
binds first wins.
"""

from typing import Any

from torch import nn

from .torchvision_ops import timm


def end_in_elu(backbone: Any) -> None:
    """Makes ELU of the ReLU after a DPN's last normalization, in place; any other network stays as it is."""
    if not isinstance(backbone, timm.models.DPN):
        return
    last: Any = backbone.features.conv5_bn_ac
    if isinstance(last.bn.act, nn.ReLU):
        last.bn.act = nn.ELU()
