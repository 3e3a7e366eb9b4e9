"""The list of timm backbones that fit our images, so that a name can be checked without importing timm.

Made anew after timm's pin changes: ``make backbones`` (some 20 minutes; nothing is downloaded).
"""

import json
import sys
from typing import Any

import torch

from .family import STRIDE
from .torchvision_ops import timm

HEIGHT, WIDTHS = 256, (128, 160, 256)


def heads_of(name: str) -> list[str]:
    """Which of the heads ``full`` and ``mass_flat`` a backbone can have (METHOD, Network), tried without data."""
    heads = []
    with torch.device("meta"):
        images = [torch.empty(2, 3, HEIGHT, width) for width in WIDTHS]
        try:
            model: Any = timm.create_model(name).eval()
            if all(model(batch).shape == (2, model.num_classes) for batch in images):
                heads.append("full")
            model = timm.create_model(name, features_only=True, out_indices=(-1,)).eval()
            channels = model.feature_info.channels()[-1]
            shapes = [model(batch)[-1].shape for batch in images]
            if shapes == [(2, channels, HEIGHT // STRIDE, width // STRIDE) for width in WIDTHS]:
                heads.append("mass_flat")
        except Exception as error:  # every way in which a model refuses a size or has no feature maps
            print(f"{name}: {heads or 'not usable'} ({type(error).__name__})", file=sys.stderr)
    return heads


def list_backbones() -> dict:
    """timm's version, and of each of its models the heads it can have and the tags of its pretrained weights."""
    models = {name: {"heads": heads_of(name), "tags": tags_of(name)} for name in timm.list_models()}
    return {"timm": timm.__version__, "models": models}


def tags_of(name: str) -> list[str]:
    """The tags of a backbone's pretrained weights; the first is what timm takes the name without a tag for."""
    default = timm.models.get_pretrained_cfg(name)
    tags = [entry.partition(".")[2] for entry in timm.list_pretrained(f"{name}.*")]
    return sorted(tags, key=lambda tag: (default is None or tag != default.tag, tag))


def format_list(content: dict) -> str:
    """JSON with one line a model."""
    lines = [f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in content["models"].items()]
    return f'{{"timm": {json.dumps(content["timm"])}, "models": {{\n' + ",\n".join(lines) + "\n}}\n"
