"""Which GPU a job gets: what a mask leaves, and leases held by real processes on locks of devices that do not exist."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import pynvml
import pytest

import ionscape
from ionscape.errors import InputError
from ionscape.jobs.gpu import Device, installed, masked, usable
from ionscape.jobs.lease import LOOK, MEASURED_AFTER, free_slot, lease, shares, slot_folder
from ionscape.jobs.signals import Stopping
from ionscape.jobs.slurm import MASK

LIBRARY = Path(ionscape.__file__).parents[1]
UUIDS = ("GPU-a1b2c3d4", "GPU-a1b9", "GPU-c0ffee", "GPU-d00d")
GPUS = [Device(uuid, index, 1000, 900) for index, uuid in enumerate(UUIDS)]
PARTS = [Device(name, 0, 500, 500) for name in ("MIG-11aa", "MIG-11bb", "MIG-GPU-a1b2/1/0", "MIG-GPU-a1b2/1/0x")]
without_driver = pytest.mark.skipif(bool(installed()), reason="takes devices that the driver here does not have")

#: Leases a device, says which, and keeps it until its standard input ends.
HOLDER = f"""
import ast, logging, os, sys
from ionscape.errors import Interrupted
from ionscape.jobs.lease import lease
from ionscape.jobs.signals import stoppable
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
try:
    with stoppable() as stopping, lease(1, *ast.literal_eval(sys.argv[1]), stopping) as device:
        print("sees", os.environ[{MASK!r}], flush=True)
        sys.stdin.read()
except Interrupted as error:
    print(error, flush=True)
"""

#: Takes slots as fast as it can; a file that must be absent says that nobody else has the same one.
GRABBER = """
import os, sys
from pathlib import Path
from ionscape.jobs.gpu import Device
from ionscape.jobs.lease import free_slot
folder, had = Path(sys.argv[1]), 0
while had < 150:
    found = free_slot([Device("A"), Device("B")], 1, folder, set(), "any")
    if found:
        held, slot, lock = found
        taken = folder / f"{held.device.uuid}.{slot}.taken"
        os.close(os.open(taken, os.O_CREAT | os.O_EXCL))
        had += 1
        taken.unlink()
        lock.release()
"""


class Holder:
    """A process that leases a device and keeps it."""

    def __init__(self, path: Path, devices: list[str], slots: int):
        self.path = path
        command = [sys.executable, "-c", HOLDER, repr((devices, slots))]
        environment = {name: value for name, value in os.environ.items() if name != MASK} | {"PYTHONPATH": str(LIBRARY)}
        with open(path, "w") as stream:
            self.process = subprocess.Popen(
                command, env=environment, stdin=subprocess.PIPE, stdout=stream, stderr=subprocess.STDOUT
            )

    def said(self) -> str:
        return self.path.read_text()

    def has(self) -> tuple[str, int] | None:
        """The device that it sees and the number of its slot."""
        found = re.search(r"^GPU (\S+), slot (\d) of \d\nsees \1$", self.said(), re.M)
        return found and (found[1], int(found[2]))

    def waits(self) -> bool:
        return "waiting for a GPU" in self.said()


def until(condition, seconds: float = 20):
    """What the condition returns as soon as it is true."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
    return result


@pytest.fixture
def names():
    """Names of two devices that no other run uses; their lock files are removed."""
    unique = uuid4().hex
    yield [f"GPU-{unique}-a", f"MIG-GPU-{unique}/1/0"]
    for path in slot_folder().glob(f"*{unique}*"):
        path.unlink()


@pytest.fixture
def hold(tmp_path, names):
    """Starts a holder of one of the two devices."""
    started = []

    def start(slots: int = 1) -> Holder:
        started.append(Holder(tmp_path / f"{len(started)}.log", names, slots))
        return started[-1]

    yield start
    for holder in started:
        holder.process.kill()
        holder.process.communicate()


@pytest.mark.parametrize(
    ("mask", "left"),
    [
        (None, [0, 1, 2, 3]),
        ("", []),
        ("-1", []),
        ("3,1", [3, 1]),
        (" 2 , 0 ", [2, 0]),
        ("1,-1,2", [1]),
        ("0,,2", [0]),
        ("2,7,1", [2]),  # as in CUDA: the list ends
        ("2,nonsense,1", [2]),
        ("2,1,2,0", [2, 1]),
        ("GPU-c0ffee,GPU-a1b9", [2, 1]),
        ("GPU-d,GPU-a1b2", [3, 0]),
        ("GPU-d,GPU-a1b,1", [3]),  # which of two?
        ("GPU-d,3,1", [3]),  # the same by another name
        ("GPU-c0ffee00", []),
    ],
)
def test_what_a_mask_leaves(mask, left):
    assert masked(GPUS, mask) == [GPUS[index] for index in left]


def test_an_empty_mask_hides_an_only_device():
    assert masked(GPUS[:1], "") == []


@pytest.mark.parametrize(
    ("mask", "left"),
    [
        (None, [0, 1, 2, 3, 4]),
        ("MIG-11bb,MIG-11aa", [1, 0]),
        ("MIG-11a", [0]),
        ("MIG-11", []),
        ("MIG-GPU-a1b2/1/0,MIG-11aa", [2, 0]),  # not the longer one
        ("1,MIG-11bb", [4, 1]),
        ("0", [0]),  # it is divided: as in CUDA, its first part
    ],
)
def test_what_a_mask_leaves_of_mig_parts(mask, left):
    devices = [*PARTS, GPUS[1]]
    assert masked(devices, mask) == [devices[index] for index in left]


@pytest.mark.parametrize(
    ("configured", "mask", "left"),
    [
        (None, None, [0, 1, 2, 3]),
        (None, "3,1", [3, 1]),
        ([2, 0], None, [0, 2]),
        (["GPU-d00d", 1, "GPU-c"], "1,3", [1, 3]),
        ([0, 1, 2, 3], "3,1", [3, 1]),
        (["3", "GPU-a1b2c3d4"], "GPU-d00d,0,1", [3, 0]),
        ([2, 0, "2", "GPU-c"], None, [0, 2]),
        ([0, 2], "1,3", []),
        ([0, 2], "", []),
    ],
)
def test_usable_is_configured_and_visible(configured, mask, left):
    assert usable(configured, mask, GPUS) == [GPUS[index] for index in left]


@pytest.mark.parametrize(
    ("configured", "mask", "left"),
    [
        (None, None, []),
        (None, "0", []),
        ([0, 1, 2, 3], "1,3", ["1", "3"]),
        ([0, 1, 2, 3], "3,1", ["3", "1"]),
        (["B", "A"], None, ["B", "A"]),
        (["B", "A", "B"], None, ["B", "A"]),
        (["A", "B"], "B", ["B"]),
        ([0, "A"], "", []),
    ],
)
def test_without_a_driver_the_configured_are_taken_as_they_are(configured, mask, left):
    assert [device.uuid for device in usable(configured, mask, [])] == left


@pytest.mark.parametrize("unknown", [4, "GPU-ffff", "GPU-a1b"])
def test_a_configured_device_that_is_not_there(unknown):
    there = re.escape("; there are 0 (GPU-a1b2c3d4), 1 (GPU-a1b9), 2 (GPU-c0ffee), 3 (GPU-d00d)")
    with pytest.raises(InputError, match=rf"^gpu\.devices: no device '{unknown}'{there}$"):
        usable([1, unknown], "1", GPUS)


@without_driver
@pytest.mark.parametrize("mask", [None, "{1},{0}"])
def test_a_lease_shows_one_device_while_it_lasts(monkeypatch, names, mask):
    if mask is None:
        monkeypatch.delenv(MASK, raising=False)
    else:
        mask = mask.format(*names)
        monkeypatch.setenv(MASK, mask)
    first = mask.split(",")[0] if mask else names[0]
    with lease(1, names, 1, Stopping()) as held:
        assert held.device == Device(first)
        assert os.environ[MASK] == first
    assert os.environ.get(MASK) == mask
    with pytest.raises(ZeroDivisionError), lease(1, names, 1, Stopping()):
        raise ZeroDivisionError
    assert os.environ.get(MASK) == mask
    with lease(1, names, 1, Stopping()) as held:
        assert held.device == Device(first)  # free again


@pytest.mark.parametrize(("count", "mask", "warnings"), [(0, "0", 0), (1, "", 1)])
def test_a_job_without_a_gpu(monkeypatch, caplog, count, mask, warnings):
    monkeypatch.setenv(MASK, mask)
    with lease(count, None, 1, Stopping()) as held:
        assert held.device is None
        assert os.environ[MASK] == mask
    assert os.environ[MASK] == mask
    assert [record.getMessage() for record in caplog.records] == ["no GPU is there: computing on the CPU"] * warnings


@pytest.mark.parametrize("count", [0, 1])  # 0: asked for as gres
def test_what_slurm_gave_is_taken_without_a_lease(monkeypatch, names, count):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv(MASK, names[0])
    with lease(count, None, 1, Stopping()) as one, lease(count, names, 1, Stopping()) as other:
        assert one.device == other.device == Device(names[0])
        assert os.environ[MASK] == names[0]


@without_driver
@pytest.mark.parametrize(("mask", "given"), [("{0},{1}", 0), ("NoDevFiles", None), ("", None)])
def test_several_of_slurm_are_leased_and_none_is_none(monkeypatch, names, mask, given):
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    monkeypatch.setenv(MASK, mask.format(*names))
    with lease(1, names, 1, Stopping()) as held:
        assert held.device == (None if given is None else Device(names[given]))


@without_driver
def test_no_two_processes_share_a_slot(hold, names):
    three = [hold() for _ in range(3)]
    until(lambda: all(holder.has() or holder.waits() for holder in three))
    (last,) = (holder for holder in three if holder.waits())
    first, second = (holder for holder in three if holder is not last)
    assert {first.has(), second.has()} == {(name, 1) for name in names}
    assert last.said() == f"waiting for a GPU: no slot is free on {', '.join(names)}\n"
    first.process.communicate(timeout=10)  # its input ends, and so does it
    assert until(last.has) == first.has()


@without_driver
def test_a_job_that_waits_for_a_gpu_can_be_stopped(hold):
    holders = [hold() for _ in range(2)]
    until(lambda: all(holder.has() for holder in holders))
    third = hold()
    until(third.waits)
    third.process.terminate()
    assert third.process.wait(LOOK + 2) == 0
    assert third.said().endswith("\nSIGTERM: stopped while waiting for a GPU\n")
    assert all(holder.process.poll() is None for holder in holders)


@without_driver
def test_slots_fill_device_by_device_and_a_killed_process_leaves_its_own(hold, names):
    holders = []
    for slot in (1, 2):  # a second job a device only when each has one
        for name in names:
            holders.append(hold(slots=2))
            assert until(holders[-1].has) == (name, slot)
    fifth = hold(slots=2)
    until(fifth.waits)
    holders[1].process.kill()
    assert until(fifth.has, seconds=LOOK + 2) == (names[1], 1)
    assert all(holder.process.poll() is None for holder in (holders[0], *holders[2:], fifth))


def test_no_slot_is_given_twice_in_a_crowd(tmp_path):
    command = [sys.executable, "-c", GRABBER, tmp_path]
    environment = {**os.environ, "PYTHONPATH": str(LIBRARY)}
    crowd = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    for process in crowd:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said


def test_a_device_that_another_program_fills_is_skipped_and_said_once(tmp_path, caplog):
    full, half = Device("A", 0, total=1000, free=499), Device("A", 0, total=1000, free=500)
    warned = set()
    for _ in range(2):
        assert free_slot([full], 1, tmp_path, warned, "any") is None
    message = "GPU A skipped: only 499 of 1000 MiB are free, another program uses it"
    assert [record.getMessage() for record in caplog.records] == [message]
    held, slot, lock = free_slot([half], 1, tmp_path, warned, "any")  # its slot was given back
    assert (held.device, slot) == (half, 0)
    lock.release()


@pytest.mark.parametrize(("free", "fits"), [(249, False), (250, True)])
def test_half_of_a_slots_part_must_be_free(tmp_path, free, fits):
    found = free_slot([Device("A", 0, 1000, free)], 2, tmp_path, set(), "any")
    assert bool(found) == fits


def test_most_free_memory_first(tmp_path):
    devices = [Device(name, index, 1000, free) for index, (name, free) in enumerate([("A", 700), ("B", 900), ("C", 800)])]
    devices.insert(1, Device("full", 3, 1000, 100))
    found = [free_slot(devices, 2, tmp_path, set(), "any") for _ in range(7)]  # which holds them
    assert [(held.device.uuid, slot) for held, slot, _ in found[:6]] == [(name, slot) for slot in (0, 1) for name in "BCA"]
    assert found[6] is None


def test_an_empty_device_comes_before_a_second_job(tmp_path):
    devices = [Device("A", 0, 80_000, 60_000), Device("B", 1, 40_000, 40_000)]
    first = free_slot(devices[:1], 2, tmp_path, set(), "any")
    second = free_slot(devices[:1], 2, tmp_path, set(), "any")
    first[2].release()  # A still has the second one's job
    assert free_slot(devices, 2, tmp_path, set(), "any")[0].device.uuid == "B"
    second[2].release()


def look(monkeypatch, held, free):
    """The job looks after its epochs, and the driver says that this much is free."""
    handles = {"nvmlInit": lambda: None, "nvmlShutdown": lambda: None, "nvmlDeviceGetCount": lambda: 1}
    memory = SimpleNamespace(total=held.device.total * 2**20, free=free * 2**20)
    answers = {"HandleByIndex": 0, "MigMode": (0, 0), "MemoryInfo": memory, "UUID": held.device.uuid}
    for name, call in handles.items():
        monkeypatch.setattr(pynvml, name, call)
    for name, answer in answers.items():
        monkeypatch.setattr(pynvml, f"nvmlDeviceGet{name}", lambda *_, answer=answer: answer)
    for _ in range(MEASURED_AFTER):
        held.look()


def test_as_many_share_a_device_as_its_memory_holds(tmp_path, monkeypatch, caplog):
    caplog.set_level("INFO")
    device = Device("A", 0, total=1000, free=990)

    def another(kind, free):
        return free_slot([Device("A", 0, 1000, free)], "auto", tmp_path, set(), kind)

    first, slot, lock = free_slot([device], "auto", tmp_path, set(), "large")
    assert slot == 0
    first.look()
    assert another("large", 600) is None  # one epoch: it may still take more
    look(monkeypatch, first, 690)
    assert caplog.messages == ["takes 300 of the GPU's 1000 MiB: 3 such jobs fit at once (gpu.slots: auto)"]
    assert another("small", 690) is None  # what it takes is not known: it waits for a device of its own
    second, third = another("large", 690), another("large", 690)  # neither of which has taken its memory yet
    assert [found[1] for found in (second, third)] == [1, 2]
    assert another("large", 690) is None
    third[2].release()
    assert another("large", 290) is None  # another program has come
    for _, _, held in (second, (None, None, lock)):
        held.release()
    small, _, held = another("small", 990)
    look(monkeypatch, small, 940)
    held.release()
    large = another("large", 990)
    beside = [another("small", 690) for _ in range(14)]
    assert [bool(found) for found in beside] == [True] * 13 + [False]  # 300 + 13 × 50 = 950
    for _, _, held in (large, *beside[:13]):
        held.release()


@pytest.mark.parametrize(
    ("need", "others", "fits"),
    [
        (300, [300, 300], True),
        (351, [300, 300], False),
        (None, [300], False),
        (300, [300, None], False),
        (401, [100], False),
    ],
)
def test_what_fits_beside_others(need, others, fits):
    assert shares(Device("A", 0, total=1000, free=400), need, others) == fits


def test_without_a_driver_nobody_knows_what_fits(tmp_path):
    first = free_slot([Device("A")], "auto", tmp_path, set(), "any")
    for _ in range(MEASURED_AFTER):
        first[0].look()
    assert free_slot([Device("A")], "auto", tmp_path, set(), "any") is None
    first[2].release()
    assert free_slot([Device("A")], "auto", tmp_path, set(), "any")[1] == 0


def test_a_lost_gpu_is_left_out(monkeypatch, caplog):
    """Every job ended with a traceback once one of the GPUs was lost."""

    def handle(index):
        if index == 1:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
        return index

    answers = {
        "nvmlInit": lambda: None,
        "nvmlShutdown": lambda: None,
        "nvmlDeviceGetCount": lambda: 3,
        "nvmlDeviceGetHandleByIndex": handle,
        "nvmlDeviceGetMigMode": lambda gpu: (0, 0),
        "nvmlDeviceGetUUID": lambda gpu: UUIDS[gpu],
        "nvmlDeviceGetMemoryInfo": lambda gpu: SimpleNamespace(total=1000 << 20, free=900 << 20),
    }
    for name, answer in answers.items():
        monkeypatch.setattr(pynvml, name, answer)
    assert installed() == [GPUS[0], GPUS[2]]
    assert "GPU 1 skipped: the driver says GPU is lost" in caplog.text
