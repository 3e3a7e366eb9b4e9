"""A GPU for a job: Snakemake counts GPUs and does not say which (snakemake#281); a lease turns one into a device.

Without torch: the mask has to be in place before CUDA starts.
"""

import hashlib
import json
import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from filelock import FileLock, Timeout

from ..config.sections import MOST_SLOTS
from ..errors import InputError, Interrupted
from ..files.atomic import write_bytes
from .gpu import Device, installed, usable
from .signals import Stopping
from .slurm import MASK, given_by_slurm

logger = logging.getLogger("ionscape")

#: ``gpu.slots``: jobs that share a device, or as many as its memory holds.
Slots = int | Literal["auto"]

#: A device is full if less than this share of a slot's part of its memory is free.
NEEDED_SHARE = 0.5

#: With ``auto``, jobs fill a device up to this share of its memory.
FILLED_SHARE = 0.95

#: What a process takes of a GPU beside its tensors, MiB.
CONTEXT_MIB = 700

#: A training has all its memory once it has validated twice: the second time captures the validation's CUDA graphs.
MEASURED_AFTER = 2

#: Seconds between two looks at the slots, and between two lines that say so.
LOOK, SAY = 1.0, 60.0


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


@dataclass
class Lease:
    """A job's share of a GPU, while it lasts.

    Attributes:
        device: None where the job runs on the CPU; its ``free`` is of before the job.
        learns: files in which the memory that the job takes is to be noted, MiB; none if it is known or nobody asks.
    """

    device: Device | None = None
    learns: tuple[Path, ...] = ()
    looks: int = 0

    @property
    def uuid(self) -> str | None:
        """The device's; None on a CPU."""
        return self.device.uuid if self.device else None

    def look(self) -> None:
        """After each epoch: once the job has all the memory that it takes, notes how much, by what the driver says."""
        self.looks += 1
        if not self.learns or self.looks < MEASURED_AFTER or self.device is None:
            return
        now = next((device for device in installed() if device.uuid == self.device.uuid), None)
        if now is None or now.free is None or now.total is None or self.device.free is None:
            return
        taken = max(self.device.free - now.free, _own_mib(), 1.0)
        for path in self.learns:
            write_bytes(path, f"{taken:.0f}".encode())
        self.learns = ()
        fit = min(int(FILLED_SHARE * now.total / taken), MOST_SLOTS)
        logger.info("takes %.0f of the GPU's %.0f MiB: %d such jobs fit at once (gpu.slots: auto)", taken, now.total, fit)


def _own_mib() -> float:
    """What this process has of the GPU by PyTorch's own count, and its CUDA context, MiB; 0 where it has none.

    The driver's figures from before and after tell less where another job was just ending.
    """
    torch = sys.modules.get("torch")  # of the job, which has it by now: importing it here would be too early
    if torch is None or not torch.cuda.is_initialized():
        return 0.0
    return torch.cuda.memory_reserved() / 2**20 + CONTEXT_MIB


def leased(job: Any, stopping: Stopping) -> AbstractContextManager[Lease]:
    """The :func:`lease` that a rule's job asks for: its resource ``gpu``, and the configuration's devices and slots.

    Jobs of a rule with the same params, such as the folds of a model, take the same memory.
    """
    gpu, params = job.config["gpu"], json.dumps([job.rule, list(job.params)], sort_keys=True, default=str)
    kind = hashlib.sha256(params.encode()).hexdigest()[:16]
    return lease(job.resources.get("gpu", 0), gpu["devices"], gpu["slots"], stopping, kind)


@contextmanager
def lease(
    count: int, devices: list[int | str] | None, slots: Slots, stopping: Stopping, kind: str = "any"
) -> Iterator[Lease]:
    """Waits for a free slot of a usable device and makes it the only one that this process sees while it lasts.

    A slot is a lock that the kernel releases however the process ends. Empty devices come first, then those with most free
    memory; a device that another program fills is skipped. With ``auto`` the first job of a kind has a device alone until
    it knows how much memory it takes (:meth:`Lease.look`); then as many share it as fit.

    A device that Slurm gave to this job alone is taken as it is.

    Args:
        count: GPUs that the job wants, 0 or 1; devices: ``gpu.devices``; slots: ``gpu.slots``.
        stopping: asked while it waits.
        kind: names the jobs that take as much memory as this one.

    Yields:
        the lease, without a device if there is none and the job runs on the CPU.

    Raises:
        Interrupted: the job is to stop while it waits.
    """
    mask = os.environ.get(MASK)
    if len(given := given_by_slurm()) == 1:  # asked for as gres too; leases share an allocation of several
        logger.info("GPU %s, given by Slurm", given[0])
        yield Lease(Device(given[0]))
        return
    if not count:
        yield Lease()
        return
    if not usable(devices, mask, installed()):
        logger.warning("no GPU is there: computing on the CPU")
        yield Lease()
        return
    folder, said = slot_folder(), -SAY
    warned: set[str] = set()
    while True:
        there = usable(devices, mask, installed())
        found = free_slot(there, slots, folder, warned, kind)
        if found:
            break
        if time.monotonic() - said >= SAY:
            said = time.monotonic()
            logger.info("waiting for a GPU: no slot is free on %s", ", ".join(device.uuid for device in there))
        if reason := stopping():
            raise Interrupted(f"{reason}: stopped while waiting for a GPU")
        time.sleep(LOOK)
    held, slot, lock = found
    number = f"slot {slot + 1}" + f" of {slots}" * (slots != "auto")
    logger.info("GPU %s, %s", held.uuid, number)
    os.environ[MASK] = held.uuid or ""
    try:
        yield held
    finally:
        lock.release()
        if mask is None:
            del os.environ[MASK]
        else:
            os.environ[MASK] = mask


def free_slot(
    devices: list[Device], slots: Slots, folder: Path, warned: set[str], kind: str
) -> tuple[Lease, int, FileLock] | None:
    """The best free slot of the devices, its number and the lock that holds it; None: wait.

    Args:
        folder: of the locks; warned: uuids of full devices that were spoken of, added to; kind: of :func:`lease`.
    """
    with FileLock(folder / "choice.lock", mode=0o600):  # who looks at all slots holds the free ones for a moment
        looked = [_Looked(device, slots, folder, kind) for device in devices]
        chosen = None
        # A second job on a device only when each has one.
        for one in sorted(looked, key=lambda one: (len(one.taken), -(one.device.free or 0))):
            if not one.free or not one.fits_beside():
                continue
            if one.has_room():
                chosen = one.take()
                break
            if one.device.uuid not in warned:
                warned.add(one.device.uuid)
                logger.warning(
                    "GPU %s skipped: only %.0f of %.0f MiB are free, another program uses it",
                    one.device.uuid,
                    one.device.free,
                    one.device.total,
                )
        for one in looked:
            for lock in one.free.values():
                lock.release()
    return chosen


class _Looked:
    """The slots of a device while they are looked at: locks of the free ones, and who has the others.

    Attributes:
        need: MiB that this kind of job takes; None: nobody knows yet, or nobody asks.
    """

    def __init__(self, device: Device, slots: Slots, folder: Path, kind: str):
        self.device, self.slots, self.folder = device, slots, folder
        number = MOST_SLOTS if slots == "auto" else slots
        self.free = dict(self._acquired(number))
        self.taken = [slot for slot in range(number) if slot not in self.free]
        self.learnt = self._file(f"{kind}.need")
        self.need = _noted(self.learnt) if slots == "auto" else None

    def fits_beside(self) -> bool:
        """Whether ours leave this job a place."""
        others = [_noted(self._file(f"{slot}.need")) for slot in self.taken]
        return self.slots != "auto" or not others or shares(self.device, self.need, others)

    def has_room(self) -> bool:
        """Whether other programs do."""
        total, free = self.device.total, self.device.free
        if free is None or total is None:
            return True
        slots = 1 if self.slots == "auto" else self.slots
        return free >= (NEEDED_SHARE * total / slots if self.need is None else self.need)

    def take(self) -> tuple[Lease, int, FileLock]:
        """The lowest free slot, which stays locked."""
        slot = min(self.free)
        lock = self.free.pop(slot)
        if self.slots != "auto":
            return Lease(self.device), slot, lock
        own = self._file(f"{slot}.need")
        write_bytes(own, b"" if self.need is None else f"{self.need:.0f}".encode())
        return Lease(self.device, (own, self.learnt) if self.need is None else ()), slot, lock

    def _acquired(self, number: int) -> Iterator[tuple[int, FileLock]]:
        for slot in range(number):
            lock = FileLock(self._file(f"{slot}.lock"), mode=0o600)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            yield slot, lock

    def _file(self, name: str) -> Path:
        return self.folder / f"{quote(self.device.uuid, safe='')}.{name}"


def _noted(path: Path) -> float | None:
    try:
        return float(path.read_text())
    except (OSError, ValueError):  # not there, or not known yet
        return None


def shares(device: Device, need: float | None, others: list[float | None]) -> bool:
    """Whether a job fits on a device beside others. MiB that each takes; None: nobody knows yet, so it stays alone."""
    known = [other for other in others if other is not None]
    if need is None or len(known) < len(others) or device.total is None or device.free is None:
        return False
    # What the others have not taken yet counts by the sum, what other programs have by what is free.
    return sum(known) + need <= FILLED_SHARE * device.total and need <= device.free
