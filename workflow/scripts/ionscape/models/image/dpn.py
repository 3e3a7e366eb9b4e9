"""METHOD.md, Network: DPNs end in ELU, as in the timm that their weights were made for and that the method was built on.

timm 1.0.31 says so too (``fc_act_layer``), but builds the activation of the other layers there: the argument that it
binds first wins.
"""

from torch import nn

from .torchvision_ops import timm


def end_in_elu(backbone: nn.Module) -> None:
    """Makes ELU of the ReLU after a DPN's last normalization, in place; any other network stays as it is."""
    if isinstance(backbone, timm.models.DPN) and isinstance(backbone.features.conv5_bn_ac.bn.act, nn.ReLU):
        backbone.features.conv5_bn_ac.bn.act = nn.ELU()
