"""What stops a job, a signal or the death of its Snakemake, and one job a folder: with real processes."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from ionscape.errors import Interrupted
from ionscape.jobs import signals
from ionscape.jobs.locks import alone_in, tidy
from ionscape.jobs.signals import SIGNALS, interruptible, stoppable

LIBRARY = Path(signals.__file__).parents[2]

#: As Snakemake does, starts what follows on its command line and waits for it, then goes on for a while.
SNAKEMAKE = """
import subprocess, sys, time
subprocess.run([sys.executable, *sys.argv[1:]])
time.sleep(3)
"""

#: Works until it is to stop, and says why.
JOB = """
import os, time
from ionscape.jobs.signals import stoppable
with stoppable() as stopping:
    print("child of", os.getppid(), flush=True)
    while not stopping():
        time.sleep(0.05)
    print("stopped:", stopping(), flush=True)
"""

#: Works in a folder for ever; while it waits for the folder, it can be stopped.
WORKER = """
import logging, sys, time
from pathlib import Path
from ionscape.errors import Interrupted
from ionscape.jobs.locks import alone_in
from ionscape.jobs.signals import stoppable
logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
try:
    with stoppable() as stopping, alone_in(Path(sys.argv[1]), stopping):
        print("works", flush=True)
        time.sleep(600)
except Interrupted as error:
    print(error, flush=True)
"""


#: Keeps nothing, and works for ever.
SHORT = """
import os, time
from ionscape.errors import Interrupted
from ionscape.jobs.signals import interruptible
try:
    with interruptible():
        print("child of", os.getppid(), flush=True)
        time.sleep(600)
except Interrupted as error:
    print(error, flush=True)
"""

#: Has two processes that sleep, as those that draw pages do when they are done.
POOL = """
import os, time
import joblib
from ionscape.jobs.signals import end_with
print(*joblib.Parallel(2, initializer=end_with, initargs=(os.getpid(),))(joblib.delayed(os.getpid)() for _ in range(8)))
print("works", flush=True)
time.sleep(600)
"""


@pytest.fixture
def start(tmp_path):
    """Starts Python with arguments: (process, path of what it and its children say)."""
    started = []
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{LIBRARY}"}

    def call(*arguments) -> tuple[subprocess.Popen, Path]:
        path = tmp_path / f"{len(started)}.log"
        with open(path, "w") as stream:
            process = subprocess.Popen([sys.executable, *arguments], env=environment, stdout=stream, stderr=stream)
        started.append(process)
        return process, path

    yield call
    for process in started:
        process.kill()
        process.wait()


def until(path: Path, pattern: str, seconds: float = 20) -> re.Match:
    """The first match in a growing file."""
    end = time.monotonic() + seconds
    while not (found := re.search(pattern, path.read_text(), re.M)):
        assert time.monotonic() < end, path.read_text()
        time.sleep(0.02)
    return found


@pytest.mark.parametrize("name", ["SIGTERM", "SIGUSR1", "SIGINT"])
def test_a_signal_is_noted_and_the_job_ends_by_itself(start, name):
    process, path = start("-c", JOB)
    until(path, "^child of")
    process.send_signal(signal.Signals[name])
    assert process.wait(10) == 0
    assert path.read_text().endswith(f"stopped: {name}\n")


def test_handlers_are_restored():
    before = [signal.getsignal(each) for each in SIGNALS]
    with stoppable() as stopping:
        assert stopping() is None
        signal.raise_signal(signal.SIGTERM)
    assert stopping() == "SIGTERM"
    assert [signal.getsignal(each) for each in SIGNALS] == before
    with pytest.raises(ZeroDivisionError), stoppable():
        raise ZeroDivisionError
    assert [signal.getsignal(each) for each in SIGNALS] == before


@pytest.mark.parametrize("killed", ["the user's", "the job's own"])
def test_a_killed_snakemake_is_noticed(start, tmp_path, killed):
    for name in ("snakemake", "snakemake.py"):  # called as a user does, and with -m as Snakemake calls itself
        (tmp_path / name).write_text(SNAKEMAKE)
    (tmp_path / "job.py").write_text(JOB)
    process, path = start(tmp_path / "snakemake", "-m", "snakemake", tmp_path / "job.py")
    own = int(until(path, r"^child of (\d+)$")[1])
    assert own != process.pid
    time.sleep(0.5)
    assert "stopped" not in path.read_text()  # all live
    victim = process.pid if killed == "the user's" else own
    os.kill(victim, signal.SIGKILL)
    assert until(path, r"^stopped: (.*)$", seconds=3)[1] == f"Snakemake (process {victim}) is gone"


def test_a_job_that_starts_as_its_snakemake_dies_is_stopped(start, tmp_path):
    """The job's own Snakemake is left, and says that it worked for another."""
    (tmp_path / "snakemake.py").write_text(SNAKEMAKE)
    (tmp_path / "job.py").write_text(JOB)
    process, path = start("-m", "snakemake", tmp_path / "job.py", "--mode", "subprocess")
    assert until(path, r"^stopped: (.*)$")[1] == "Snakemake is gone"
    assert process.poll() is None


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_a_job_that_keeps_nothing(start, number):
    process, path = start("-c", SHORT)
    until(path, "^child of")
    process.send_signal(number)
    assert process.wait(10) == 0
    assert path.read_text().endswith(f"{number.name}: stopped; nothing is left half-written, run again\n")


def test_a_job_that_keeps_nothing_ends_with_its_snakemake(start, tmp_path):
    (tmp_path / "snakemake.py").write_text(SNAKEMAKE)
    (tmp_path / "job.py").write_text(SHORT)
    process, path = start("-m", "snakemake", tmp_path / "job.py")
    until(path, "^child of")
    process.kill()
    until(path, rf"^Snakemake \(process {process.pid}\) is gone: stopped; nothing", seconds=5)


def test_handlers_within_and_after_an_interruptible_job():
    before = [signal.getsignal(each) for each in SIGNALS]
    with interruptible():
        with stoppable() as stopping:
            signal.raise_signal(signal.SIGTERM)
        assert stopping() == "SIGTERM"
        with pytest.raises(Interrupted, match=r"^SIGTERM: stopped"):
            signal.raise_signal(signal.SIGTERM)
    assert [signal.getsignal(each) for each in SIGNALS] == before


def test_worker_processes_end_with_a_killed_job(start):
    process, path = start("-c", POOL)
    until(path, "^works$")
    workers = [psutil.Process(int(pid)) for pid in set(path.read_text().splitlines()[0].split())]
    process.kill()
    process.wait()
    assert psutil.wait_procs(workers, timeout=5)[1] == []


@pytest.mark.parametrize("number", SIGNALS)
def test_a_job_that_waits_for_a_folder_can_be_stopped(start, tmp_path, number):
    first, said = start("-c", WORKER, tmp_path / "fold0")
    until(said, "^works$")
    second, said = start("-c", WORKER, tmp_path / "fold0")
    until(said, "^waiting")
    second.send_signal(number)
    assert second.wait(5) == 0
    assert said.read_text().endswith(
        f"\n{number.name}: stopped while waiting for another job that works in {tmp_path / 'fold0'}\n"
    )
    assert first.poll() is None


@pytest.fixture
def left(tmp_path) -> Path:
    """A folder in which a job died while it wrote."""
    folder = tmp_path / "fold0"
    (folder / ".weights.safetensors.x1y2z3a4.tmp").mkdir(parents=True)
    for name in ("weights.safetensors", "checkpoint.safetensors", ".weights.safetensors.x1y2z3a4.tmp/.tmpL4knb0"):
        (folder / name).touch()
    return folder


def test_what_a_dead_job_was_writing_is_removed(left):
    with stoppable() as stopping, alone_in(left, stopping):
        assert {path.name for path in left.iterdir()} == {".lock", "weights.safetensors", "checkpoint.safetensors"}


def test_a_folder_is_tidied_unless_a_job_works_in_it(start, left):
    tidy(left)
    assert len(list(left.iterdir())) == 3  # no job has ever locked it
    process, said = start("-c", WORKER, left)
    until(said, "^works$")
    temporary = left / ".checkpoint.safetensors.x1y2z3a4.tmp"
    temporary.mkdir()
    tidy(left)
    assert temporary.exists()
    process.kill()
    process.wait()
    tidy(left)
    assert {path.name for path in left.iterdir()} == {".lock", "weights.safetensors", "checkpoint.safetensors"}


def test_a_folder_has_one_job(start, tmp_path):
    folder = tmp_path / "models" / "fold0"
    first, said = start("-c", WORKER, folder)
    until(said, "^works$")
    second, said = start("-c", WORKER, folder)
    until(said, f"^waiting for another job that works in {re.escape(str(folder))}$")
    time.sleep(0.3)
    assert "works\n" not in said.read_text()
    first.kill()
    until(said, r"^it ended after \d s\nworks$", seconds=3)
    assert second.poll() is None


def test_a_folder_is_free_after_its_job(tmp_path, caplog):
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), stoppable() as stopping, alone_in(tmp_path / "fold0", stopping):
            raise ZeroDivisionError
    assert not caplog.records
