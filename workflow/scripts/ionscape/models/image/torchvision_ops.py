"""Declares two of torchvision's compiled operators where they are missing, so that timm can be imported beside CPU torch.

torchvision's wheel has CUDA-only compiled operators; beside a CPU torch its import stops at ``operator torchvision::nms
does not exist``. Nothing here ever calls them. ``from .torchvision_ops import timm`` is how timm is imported here.
"""

import importlib.util
from pathlib import Path

import torch

SCHEMAS = {
    "nms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}


def declare_missing() -> None:
    """Declares the schemas, unless torchvision's compiled library fits this torch and will bring its own."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return
    for library in Path(spec.origin).parent.glob("_C.*"):
        try:
            torch.ops.load_library(str(library))
        except OSError:
            continue  # built for a CUDA that is not here
    for name, schema in SCHEMAS.items():
        if not hasattr(torch.ops.torchvision, name):
            torch.library.define(f"torchvision::{name}", schema)


declare_missing()

import timm  # noqa: E402, F401
