"""Files far larger than any run: each is read in a process of its own, whose memory and time are bounded."""

import gzip
import re
import subprocess
import sys
from pathlib import Path

from attempts import Outcome
from hostile_runs import ROOT, SECONDS
from mutations import pack
from plain_reading import GRID

#: MiB that reading a file of any size may take.
MEMORY = 400

RENDER = r"""
import re, sys, time
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from plain_reading import COLUMNS, GRID
from ionscape.errors import InputError
from ionscape.images.render import render
from ionscape.data.run_file import RunFile
started = time.process_time()
try:
    print(render(RunFile(sys.argv[1], COLUMNS), GRID).shape)
except InputError as error:
    print(error)
# Not getrusage: it counts what the parent had when it started this process.
peak = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())[1]
print(time.process_time() - started, int(peak) / 1024)
"""


def rendered(path: Path) -> tuple[str, float, float]:
    """What is said of it, seconds, and the peak of the process' memory in MiB."""
    folders = [str(Path(__file__).parent), str(ROOT / "workflow/scripts")]
    done = subprocess.run(
        [sys.executable, "-c", RENDER, path, *folders], capture_output=True, text=True, check=True, timeout=100
    )
    said, facts = done.stdout.rsplit("\n", 2)[:2]
    return said, *map(float, facts.split())


def _repeated(path: Path, head: bytes, part: bytes, times: int) -> None:
    with open(path, "wb") as stream:
        stream.write(head)
        for _ in range(times):
            stream.write(part)


def large_files(content: bytes, folder: Path) -> list[Outcome]:
    """Far larger than any run: each in a process of its own, whose memory and time are bounded.

    Args:
        content: a good CSV, which a large one repeats.
    """
    head, rows = content.split(b"\n", 1)
    head += b"\n"
    image, refusal = rf"\({GRID.masses}, {GRID.times}\)", r"expands to more than 100 times its size"
    ten_gigabytes = gzip.compress(b"0,1,2\n" * 2_000_000)
    cases = {
        "200 MB of rows.csv": (lambda path: _repeated(path, head, rows, 200_000_000 // len(rows)), image),
        "one line of 200 MB.csv": (lambda path: _repeated(path, head, b"7" * 1_000_000, 200), "line of more than 4 MiB"),
        "a million columns.csv": (
            lambda path: _repeated(path, b"time,mass,intensity", b",x" * 1000, 1000),
            "the header is longer than 64 KiB",
        ),
        "10 GB of rows.csv.gz": (lambda path: _repeated(path, gzip.compress(head), ten_gigabytes, 850), refusal),
        "10 GB of zeros.csv.gz": (
            lambda path: _repeated(path, gzip.compress(head), gzip.compress(b"0" * 10_000_000), 1000),
            "line of more than 4 MiB",
        ),
        "10 GB of rows.csv.zst": (
            lambda path: _repeated(path, pack(head, ".zst"), pack(b"0,1,2\n" * 2_000_000, ".zst"), 850),
            refusal,
        ),
        "10 GB of spaces.mzML.gz": (
            lambda path: _repeated(path, gzip.compress(b"<mzML>"), gzip.compress(b" " * 10_000_000), 1000),
            refusal,
        ),
    }
    outcomes = []
    for name, (write, expected) in cases.items():
        path = folder / name.replace(" ", "_")
        write(path)
        said, seconds, memory = rendered(path)
        path.unlink()
        problem = None
        if not re.search(expected, said):
            problem = f"{name}: {said}"
        elif memory > MEMORY or (expected != image and seconds > SECONDS):
            problem = f"{name}: {seconds:.1f} s, {memory:.0f} MiB"
        outcome = Outcome(f"{name.rpartition('.')[0] if name.endswith('csv') else name}: {memory:.0f} MiB, {seconds:.1f} s")
        outcome.add(problem)
        outcomes.append(outcome)
    return outcomes
