"""A real Slurm cluster on this machine: a controller and three nodes with two GPUs each, which are links to /dev/null.

It needs root and Slurm's programs, and writes /etc/slurm/slurm.conf and gres.conf while it is up, as Slurm's programs and
Snakemake's plugin look there. ``python tests/slurm/cluster.py up`` and ``down`` are for trying things by hand.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

SETTINGS = Path("/etc/slurm")
FOLDER = Path("/tmp/ionscape-slurm")
PROGRAMS = ("slurmctld", "slurmd", "munged", "squeue")
#: Node → model of its two GPUs.
NODES = {"node1": "a100", "node2": "a100", "node3": "v100"}

SLURM_CONF = """
ClusterName=ionscape
SlurmctldHost=localhost(127.0.0.1)
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
SlurmctldPort=17000
SlurmUser=root
AuthInfo=socket={folder}/munge.socket,cred_expire=10
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
GresTypes=gpu
ReturnToService=2
SlurmdTimeout=10
KillWait=5
JobRequeue=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SchedulerParameters=sched_interval=2,bf_interval=2
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/%n.log
{nodes}
PartitionName=cpu Nodes=ALL Default=YES MaxTime=INFINITE State=UP
PartitionName=gpu Nodes=ALL MaxTime=INFINITE State=UP
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
"""
NODE = "NodeName={name} NodeHostname=localhost NodeAddr=127.0.0.1 Port={port} CPUs=8 RealMemory=64000 Gres=gpu:{model}:2"


def lacks() -> str | None:
    """Why no cluster can be made here."""
    missing = [program for program in PROGRAMS if not shutil.which(program)]
    if missing:
        return f"{', '.join(missing)} not installed (Debian: slurmctld slurmd slurm-client munge)"
    if os.geteuid() != 0:
        return "needs root, for /etc/slurm"
    conf = SETTINGS / "slurm.conf"
    if conf.exists() and "ClusterName=ionscape\n" not in conf.read_text():
        return f"{conf} is there: this machine belongs to a cluster"
    return None


def until(met: Callable, what: str, seconds: float = 30):
    """What the condition gives as soon as it is true."""
    end = time.monotonic() + seconds
    while not (answer := met()):
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not in {seconds:.0f} s")
        time.sleep(0.1)
    return answer


def call(*command: str) -> str:
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if result.returncode:
        raise RuntimeError(f"{' '.join(command)}: {result.stderr or result.stdout}")
    return result.stdout


def _is_step(process: psutil.Process, job: str) -> bool:
    try:
        return " ".join(process.cmdline()).startswith(f"slurmstepd: [{job}.")
    except psutil.Error:
        return False


class Cluster:
    """``up()`` and ``down()`` may be called in any state; both leave nothing of an earlier one."""

    def up(self) -> None:
        self.down()
        for folder in (FOLDER, FOLDER / "state", FOLDER / "dev", *(FOLDER / node for node in NODES)):
            folder.mkdir(mode=0o755)
        key = FOLDER / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        SETTINGS.mkdir(exist_ok=True)
        lines, devices = [], []
        for number, (name, model) in enumerate(NODES.items(), start=1):
            lines.append(NODE.format(name=name, port=17000 + number, model=model))
            for index in range(2):
                device = FOLDER / "dev" / f"{name}-gpu{index}"
                device.symlink_to("/dev/null")  # Slurm wants a character device
                devices.append(f"NodeName={name} Name=gpu Type={model} File={device}")
        (SETTINGS / "slurm.conf").write_text(SLURM_CONF.format(folder=FOLDER, nodes="\n".join(lines)))
        (SETTINGS / "gres.conf").write_text("\n".join(devices) + "\n")
        munge = [f"--{name}={FOLDER}/munge.{name}" for name in ("socket", "pid-file", "log-file", "seed-file")]
        call("munged", "--force", f"--key-file={key}", *munge)
        call("slurmctld")
        for name in NODES:
            self.start(name)
        until(self.is_ready, "nodes of the test cluster")

    def start(self, node: str) -> None:
        """Starts a node's slurmd."""
        call("slurmd", "-N", node)

    def kill(self, node: str) -> None:
        """As if the machine lost its power: slurmd and all that runs there."""
        dying = [psutil.Process(self.pid(node))]
        for job in self.jobs():
            if job["node"] == node:
                dying += [process for process in psutil.process_iter() if _is_step(process, job["id"])]
        dying += [child for parent in dying for child in parent.children(recursive=True)]
        for process in dying:
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def pause(self, job: str) -> Callable[[], None]:
        """Stops a job's training as if its machine were slow, and gives what lets it go on."""
        paused = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("SLURM_JOB_ID") == job and "train_fold" in " ".join(process.cmdline()):
                    process.suspend()
                    paused.append(process)
        if not paused:
            raise RuntimeError(f"job {job} trains nothing")

        def go_on() -> None:
            for process in paused:
                with suppress(psutil.NoSuchProcess):
                    process.resume()

        return go_on

    def pid(self, what: str) -> int:
        return int((FOLDER / f"{what}.pid").read_text())

    def is_ready(self) -> bool:
        result = subprocess.run(["sinfo", "-h", "-N", "-p", "cpu", "-o", "%T"], capture_output=True, text=True, check=False)
        return result.stdout.split() == ["idle"] * len(NODES)

    def jobs(self) -> list[dict[str, str]]:
        """Jobs that wait or run: id, state, node, comment."""
        rows = call("squeue", "-h", "-t", "all", "-o", "%A|%T|%N|%k").splitlines()
        jobs = [dict(zip(("id", "state", "node", "comment"), row.split("|"), strict=True)) for row in rows]
        return [job for job in jobs if job["state"] in ("PENDING", "RUNNING", "COMPLETING", "CONFIGURING")]

    def down(self) -> None:
        if (FOLDER / "slurmctld.pid").exists():
            with suppress(RuntimeError, subprocess.TimeoutExpired):
                call("scancel", "--signal=KILL", "--user=root")
                call("scancel", "--user=root")
        for path in sorted(FOLDER.glob("*.pid")) + sorted(FOLDER.glob("munge.pid-file")):
            with suppress(ValueError, ProcessLookupError):
                process = int(path.read_text())
                if re.search("slurm|munge", Path(f"/proc/{process}/comm").read_text()):
                    os.kill(process, signal.SIGTERM)
                    until(lambda process=process: not Path(f"/proc/{process}").exists(), f"end of {path.stem}")
        shutil.rmtree(FOLDER, ignore_errors=True)
        for name in ("slurm.conf", "gres.conf"):
            (SETTINGS / name).unlink(missing_ok=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["up", "down"])
    what = parser.parse_args().what
    if reason := lacks():
        sys.exit(reason)
    getattr(Cluster(), what)()
