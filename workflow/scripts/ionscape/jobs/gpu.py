"""Which GPU a job may use: Snakemake counts GPUs and does not say which (snakemake#281); a lease turns one into a device.

Without torch: the mask has to be in place before CUDA starts.
"""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pynvml
from filelock import FileLock, Timeout

from ..errors import InputError, Interrupted
from .signals import Stopping
from .slurm import MASK, given_by_slurm

logger = logging.getLogger("ionscape")

#: A device is full if less than this share of a slot's part of its memory is free.
NEEDED_SHARE = 0.5

#: Seconds between two looks at the slots, and between two lines that say so.
LOOK, SAY = 1.0, 60.0


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


def slot_folder() -> Path:
    """The folder of this user's slot files on this host; the same for every job, whatever its TMPDIR.

    Raises InputError if somebody else made a folder of that name.
    """
    # A known name in /tmp, but of this user alone, as is asked below.
    folder = Path(f"/tmp/ionscape-{os.getuid()}")  # nosec B108
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise InputError(f"{folder} is not yours; remove it, as GPU slots are kept there")
    return folder


def leased(job: Any, stopping: Stopping) -> AbstractContextManager[Device | None]:
    """The :func:`lease` that a rule's job asks for: its resource ``gpu``, and the configuration's devices and slots."""
    gpu = job.config["gpu"]
    return lease(job.resources.get("gpu", 0), gpu["devices"], gpu["slots"], stopping)


@contextmanager
def lease(count: int, devices: list[int | str] | None, slots: int, stopping: Stopping) -> Iterator[Device | None]:
    """Waits for a free slot of a usable device and makes it the only one that this process sees while it lasts.

    A slot is a lock that the kernel releases however the process ends. Empty devices come first, then those with most free
    memory; a device that another program fills is skipped.

    A device that Slurm gave to this job alone is taken as it is.

    Args:
        count: GPUs that the job wants, 0 or 1; devices: ``gpu.devices``; slots: ``gpu.slots``, jobs that share a device.
        stopping: asked while it waits.

    Yields:
        the device; None if there is none and the job runs on the CPU.

    Raises:
        Interrupted: the job is to stop while it waits.
    """
    mask = os.environ.get(MASK)
    if len(given := given_by_slurm()) == 1:  # asked for as gres too; leases share an allocation of several
        logger.info("GPU %s, given by Slurm", given[0])
        yield Device(given[0])
        return
    if not count:
        yield None
        return
    if not usable(devices, mask, installed()):
        logger.warning("no GPU is there: computing on the CPU")
        yield None
        return
    folder, said = slot_folder(), -SAY
    warned: set[str] = set()
    while True:
        there = usable(devices, mask, installed())
        found = _free_slot(there, slots, folder, warned)
        if found:
            break
        if time.monotonic() - said >= SAY:
            said = time.monotonic()
            logger.info("waiting for a GPU: no slot is free on %s", ", ".join(device.uuid for device in there))
        if reason := stopping():
            raise Interrupted(f"{reason}: stopped while waiting for a GPU")
        time.sleep(LOOK)
    device, slot, lock = found
    logger.info("GPU %s, slot %d of %d", device.uuid, slot + 1, slots)
    os.environ[MASK] = device.uuid
    try:
        yield device
    finally:
        lock.release()
        if mask is None:
            del os.environ[MASK]
        else:
            os.environ[MASK] = mask


def _free_slot(devices: list[Device], slots: int, folder: Path, warned: set[str]) -> tuple[Device, int, FileLock] | None:
    with FileLock(folder / "choice.lock", mode=0o600):  # who looks at all slots holds the free ones for a moment
        free = {device: dict(_acquired(device, slots, folder)) for device in devices}
        chosen = None
        # A second job on a device only when each has one.
        for device in sorted(devices, key=lambda device: (slots - len(free[device]), -(device.free or 0))):
            if not free[device]:
                continue
            if device.free is None or device.total is None or device.free >= NEEDED_SHARE * device.total / slots:
                slot = min(free[device])
                chosen = device, slot, free[device].pop(slot)
                break
            if device.uuid not in warned:
                warned.add(device.uuid)
                logger.warning(
                    "GPU %s skipped: only %.0f of %.0f MiB are free, another program uses it",
                    device.uuid,
                    device.free,
                    device.total,
                )
        for locks in free.values():
            for lock in locks.values():
                lock.release()
    return chosen


def _acquired(device: Device, slots: int, folder: Path) -> Iterator[tuple[int, FileLock]]:
    for slot in range(slots):
        lock = FileLock(folder / f"{quote(device.uuid, safe='')}.{slot}.lock", mode=0o600)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        yield slot, lock
