"""Which GPUs there are, as the driver and the masks say: :mod:`.lease` gives a job one of them. Without torch."""

import logging
from dataclasses import dataclass
from typing import Any

import pynvml

from ..errors import InputError

logger = logging.getLogger("ionscape")


@dataclass(frozen=True)
class Device:
    """A GPU, or a MIG part of one.

    Attributes:
        uuid: what names it in a mask and its slot files.
        index: nvidia-smi's; a MIG part has that of its GPU.
        total, free: memory in MiB; None where no driver says.
    """

    uuid: str
    index: int | None = None
    total: float | None = None
    free: float | None = None


def installed() -> list[Device]:
    """What the driver shows, in nvidia-smi's order: a GPU, or in its place the MIG parts that it is divided into.

    A GPU that the driver has lost is left out, so that a training which failed with it goes on elsewhere.
    """
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        devices = []
        for index in range(pynvml.nvmlDeviceGetCount()):
            try:
                gpu = pynvml.nvmlDeviceGetHandleByIndex(index)
                parts = _mig_parts(gpu)
                devices += [_device(part, index) for part in parts] if parts else [_device(gpu, index)]
            except pynvml.NVMLError as error:  # it fell off the bus, or is being reset
                logger.warning("GPU %d skipped: the driver says %s", index, error)
        return devices
    finally:
        pynvml.nvmlShutdown()


def _mig_parts(gpu: Any) -> list:
    try:
        if pynvml.nvmlDeviceGetMigMode(gpu)[0] != pynvml.NVML_DEVICE_MIG_ENABLE:
            return []
    except pynvml.NVMLError:
        return []  # a GPU without MIG
    parts = []
    for number in range(pynvml.nvmlDeviceGetMaxMigDeviceCount(gpu)):
        try:
            parts.append(pynvml.nvmlDeviceGetMigDeviceHandleByIndex(gpu, number))
        except pynvml.NVMLError:
            continue  # that many are not made
    return parts


def _device(handle: Any, index: int) -> Device:
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    return Device(pynvml.nvmlDeviceGetUUID(handle), index, memory.total / 2**20, memory.free / 2**20)


def masked(devices: list[Device], mask: str | None) -> list[Device]:
    """What a CUDA_VISIBLE_DEVICES leaves of the devices, in its order.

    Indices are nvidia-smi's; UUIDs may be cut short. As in CUDA, the index of a divided GPU means its first part, and the
    first entry that names nothing ends the list.
    """
    if mask is None:
        return devices
    visible = []
    for entry in mask.split(","):
        named = _named(devices, entry.strip())
        if named is None or named in visible:
            break
        visible.append(named)
    return visible


def _named(devices: list[Device], entry: str) -> Device | None:
    if entry.isdecimal():
        return next((device for device in devices if device.index == int(entry)), None)
    matching = [device for device in devices if device.uuid == entry]
    matching = matching or [device for device in devices if entry and device.uuid.startswith(entry)]
    return matching[0] if len(matching) == 1 else None


def usable(configured: list[int | str] | None, mask: str | None, found: list[Device]) -> list[Device]:
    """The devices that a job may use: configured, visible and there.

    Args:
        configured: ``gpu.devices``: indices or UUIDs; None is all. Without a driver they are taken as they are.
        mask: CUDA_VISIBLE_DEVICES; found: of :func:`installed`.

    Raises:
        InputError: a configured device that the driver does not have.
    """
    if configured is None:
        return masked(found, mask)
    names = list(dict.fromkeys(str(entry) for entry in configured))
    if not found:
        return masked([Device(name, int(name) if name.isdecimal() else None) for name in names], mask)
    chosen = [_named(found, name) for name in names]
    if None in chosen:
        there = ", ".join(f"{device.index} ({device.uuid})" for device in found)
        raise InputError(f"gpu.devices: no device {names[chosen.index(None)]!r}; there are {there}")
    return [device for device in masked(found, mask) if device in chosen]
