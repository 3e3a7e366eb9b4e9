"""A training's state on the disk, so that a killed one goes on and ends with the same numbers."""

import hashlib
import json
import logging
import zlib
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from ..data.samples import Samples
from ..files.atomic import atomic
from ..files.versions import FORMATS
from .settings import NetworkSettings

logger = logging.getLogger("ionscape")


def training_key(settings: NetworkSettings, labels: list[str], training: Samples, validation: Samples) -> str:
    """Names what a training is made of: a checkpoint of another key is of no use to it. SHA-256, 64 hexadecimal digits."""
    digest = hashlib.sha256(json.dumps([settings.stored(), labels, FORMATS["checkpoint"][0]], sort_keys=True).encode())
    for samples in (training, validation):
        digest.update(json.dumps([list(samples.ids), list(samples.inputs.shape)]).encode())
        for values in (samples.inputs, samples.side, samples.labels):
            digest.update(np.ascontiguousarray(values).data)
    return digest.hexdigest()


def part_of(tensors: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    """The tensors whose names begin so, without it."""
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}


class Checkpoint:
    """The checkpoint file of one training: tensors by name, and JSON-able facts, in one safetensors file.

    Args:
        path: ``checkpoint.safetensors`` beside the outputs.
        key: of :func:`training_key`.
    """

    def __init__(self, path: Path, key: str):
        self.path, self.key = path, key
        self._writer = ThreadPoolExecutor(1)
        self._pending: Future | None = None

    def load(self) -> tuple[dict[str, torch.Tensor], dict] | None:
        """The tensors, on the CPU, and facts of this training; None if there are none.

        A checkpoint of another training, or one that cannot be read, is renamed to ``….set-aside`` and logged.
        """
        self.wait()  # after an error the last one may still be on its way
        if not self.path.exists():
            return None
        try:
            with safe_open(self.path, framework="pt") as stream:
                facts = json.loads((stream.metadata() or {}).get("facts", "{}"))
                if facts.get("key") == self.key:
                    tensors = {name: stream.get_tensor(name) for name in stream.keys()}  # noqa: SIM118
                    if facts.pop("checksum", None) == _checksum(tensors, facts):
                        return tensors, facts
                    reason = "is not as it was written"
                else:
                    reason = "is of other settings or data"
        except (OSError, ValueError, SafetensorError) as error:
            reason = f"cannot be read ({error})"
        aside = self.path.with_name(f"{self.path.name}.set-aside")
        self.path.replace(aside)
        logger.warning("%s %s; set aside as %s, training starts anew", self.path, reason, aside.name)
        return None

    def save(self, tensors: dict[str, torch.Tensor], facts: dict) -> None:
        """Copies the tensors and returns; they are written behind the training's back, one checkpoint at a time.

        Raises OSError of the write before: a full disk stops the training here.
        """
        self.wait()
        copies = _copies(tensors)
        self._pending = self._writer.submit(self._write, copies, {**facts, "key": self.key})

    def _write(self, tensors: dict[str, torch.Tensor], facts: dict) -> None:
        with atomic(self.path) as temporary:
            save_file(tensors, temporary, {"facts": json.dumps({**facts, "checksum": _checksum(tensors, facts)})})

    def wait(self) -> None:
        """Returns once what was saved is on the disk; raises its OSError."""
        if self._pending is not None:
            pending, self._pending = self._pending, None
            pending.result()


def _checksum(tensors: dict[str, torch.Tensor], facts: dict) -> int:
    """CRC-32 of all that is written: safetensors would not see a flipped bit."""
    checksum = zlib.crc32(json.dumps(facts, sort_keys=True).encode())
    for name, tensor in sorted(tensors.items()):
        checksum = zlib.crc32(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode(), checksum)
        checksum = zlib.crc32(tensor.reshape(-1).view(torch.uint8).numpy().data, checksum)
    return checksum


def _copies(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Contiguous tensors on the CPU that share nothing with the given ones, which the training goes on changing."""
    copies = {}
    for name, tensor in tensors.items():
        # Page-locked memory is several times faster to copy to.
        copies[name] = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=tensor.is_cuda)
        copies[name].copy_(tensor.detach(), non_blocking=True)
    if any(tensor.is_cuda for tensor in tensors.values()):
        torch.cuda.synchronize()
    return copies
