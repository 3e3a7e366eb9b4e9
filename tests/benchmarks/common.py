"""What the training benchmarks share: settings of METHOD.md, data of its shape, and the machine's facts."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from ionscape.data.samples import Samples
from ionscape.images.normalization import normalize
from ionscape.models.image.family import ImageSettings
from ionscape.models.image.torchvision_ops import timm
from ionscape.models.sequence.family import SequenceSettings
from ionscape.training.device import describe_device, device

#: Training's defaults are METHOD's. The weights are random, which changes no speed and needs no network.
SETTINGS = ImageSettings(pretrained=False, drop_path_rate=0.0, seed=3, mixup=0.1)
LABELS = 9

#: Without dropout: a GPU draws other numbers than a CPU, and a CUDA graph others than kernels launched one by one.
SEQUENCE = SequenceSettings(seed=3, dropout=0.0, positions=True, overlay=0.0, batch_size=8)

#: Networks of family ``sequence``; any other name is a timm backbone.
ARCHITECTURES = ("convolutional", "transformer", "gru")


def settings_of(network: str, **changes: Any) -> Any:
    """Settings of an architecture of family ``sequence``, or of a timm backbone."""
    if network in ARCHITECTURES:
        return SEQUENCE.model_copy(update={"architecture": network, **changes})
    return SETTINGS.model_copy(update={"backbone": network, **changes})


def random_data(n: int, masses: int, times: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Images in [0, 1] of METHOD step 3, sides and labels: float32 [n, masses, times], int64 [n], float32 [n, labels]."""
    rng = np.random.default_rng(seed)
    images = rng.lognormal(-6, 2, (n, masses, times)).astype(np.float32)
    images /= images.max(axis=(1, 2), keepdims=True)
    return images, rng.integers(0, 2, n), rng.integers(0, 2, (n, LABELS)).astype(np.float32)


def samples_of(images: np.ndarray, side: np.ndarray, labels: np.ndarray) -> Samples:
    """The data as the engine takes them: after METHOD step 5."""
    return Samples([f"S{i}" for i in range(len(images))], normalize(images, "mass"), side, labels)


def synchronize(where: torch.device) -> None:
    if where.type == "cuda":
        torch.cuda.synchronize(where)


def commit() -> str | None:
    """Of the repository, if it is one; gpu-bundle/ knows it where only a copy is."""
    if shutil.which("git"):
        describe = ["git", "describe", "--always", "--dirty"]
        found = subprocess.run(describe, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
        if found:
            return found
    carried = ROOT / "gpu-bundle/commit"
    return carried.read_text().strip() if carried.exists() else None


def machine() -> dict:
    """What the figures were measured on and with."""
    return {
        "device": describe_device(device()),
        "cpu": torch.cpu.get_capabilities().get("cpu_name", platform.processor()),
        "cores": len(os.sched_getaffinity(0)),
        "load_average": os.getloadavg()[0],
        "python": platform.python_version(),
        "torch": torch.__version__,
        "timm": timm.__version__,
        "cuda": torch.version.cuda,
        "commit": commit(),
    }
