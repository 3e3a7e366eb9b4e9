"""A rule's job as Snakemake starts it, with the library's door: what the console gets to see when it ends badly."""

import ast
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ionscape.jobs import script
from ionscape.jobs.hooks import on_success

LIBRARY = Path(script.__file__).parents[2]

#: A job whose body is the second argument; outputs and log are in the folder of the first.
JOB = """
import sys, time
from pathlib import Path
from types import SimpleNamespace
from ionscape.jobs.script import door
folder = Path(sys.argv[1])
job = SimpleNamespace(rule="plot", wildcards={"fold": 1}, log=[folder / "logs/plot.log"], output=[folder / "plot.png"])
with door(job):
    exec(sys.argv[2])
"""


@pytest.fixture
def job(tmp_path):
    """Starts a job with a body."""
    started = []

    def start(body: str) -> subprocess.Popen:
        environment = {**os.environ, "PYTHONPATH": str(LIBRARY)}
        command = [sys.executable, "-c", JOB, tmp_path, body]
        started.append(subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def test_a_failing_job_says_one_line(job, tmp_path):
    process = job("raise OSError(28, 'No space left on device', 'plot.png')")
    log = tmp_path / "logs/plot.log"
    said = f"plot[fold=1]: OSError: [Errno 28] No space left on device: 'plot.png' (traceback in {log})\n"
    assert process.communicate()[1] == said
    assert process.returncode == 1
    assert "Traceback (most recent call last)" in log.read_text()


def test_an_error_in_the_handling_of_another_does_not_hide_it(job, tmp_path):
    body = """
try:
    raise RuntimeError("can't start new thread")
finally:
    raise RuntimeError("cannot join thread before it is started")
"""
    words = "RuntimeError: cannot join thread before it is started, after RuntimeError: can't start new thread"
    assert job(body).communicate()[1] == f"plot[fold=1]: {words} (traceback in {tmp_path}/logs/plot.log)\n"


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT"])
def test_a_signal_ends_a_job_without_traceback_and_half_files(job, tmp_path, name):
    process = job("from ionscape.files.atomic import atomic\nwith atomic(folder / 'plot.png'): time.sleep(600)")
    while not list(tmp_path.glob(".plot.png.*.tmp")):
        time.sleep(0.02)
    time.sleep(0.5)  # in the instant before atomic() knows its file, the next job would have to remove it
    process.send_signal(signal.Signals[name])
    said = process.communicate(timeout=20)[1]
    assert said == f"plot[fold=1]: {name}: stopped; nothing is left half-written, run again\n"
    assert process.returncode == script.TRY_AGAIN
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]


def test_what_a_killed_job_was_writing_is_removed_by_the_next(job, tmp_path):
    process = job("from ionscape.files.atomic import atomic\nwith atomic(folder / 'plot.png'): time.sleep(600)")
    while not list(tmp_path.glob(".plot.png.*.tmp")):
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert len(list(tmp_path.iterdir())) == 2
    assert job("pass").wait(20) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]


def test_a_thread_that_dies_ends_what_waits_for_it(job, tmp_path):
    body = "import threading\nthreading.Thread(target=lambda: bytes(1 << 60)).start()\nthreading.Event().wait()"
    process = job(body)
    said = process.communicate(timeout=20)[1]
    reason = "a thread died (MemoryError: out of memory)"
    assert said == f"plot[fold=1]: {reason}: stopped; nothing is left half-written, run again\n"
    assert process.returncode == script.TRY_AGAIN
    assert "Traceback (most recent call last)" in (tmp_path / "logs/plot.log").read_text()


def test_a_log_that_cannot_be_written_is_no_traceback(job, tmp_path):
    (tmp_path / "logs").touch()
    process = job("pass")
    assert process.communicate()[1] == f"plot[fold=1]: FileExistsError: [Errno 17] File exists: '{tmp_path}/logs'\n"
    assert process.returncode == 1
    (tmp_path / "logs").unlink()
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/plot.log").symlink_to("/dev/full")
    process = job("raise ValueError('no')")
    said = process.communicate()[1]
    assert said == f"plot[fold=1]: ValueError: no (traceback in {tmp_path}/logs/plot.log)\n"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("signal.raise_signal(signal.SIGINT)", "Ctrl-C"),
        ("raise MemoryError", "MemoryError: out of memory"),
        ("import ionscape.nothing", "ModuleNotFoundError: No module named 'ionscape.nothing'"),
    ],
)
def test_a_script_that_ends_while_it_imports_says_one_line(tmp_path, body, reason):
    log = tmp_path / "plot.log"
    script = f"""
import signal
class Snakemake:
    rule, log = "plot", [{str(log)!r}]
snakemake = Snakemake()
from ionscape.jobs.hooks import report_import_errors
report_import_errors()
{body}
"""
    environment = {**os.environ, "PYTHONPATH": str(LIBRARY)}
    result = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert result.stderr == f"plot: {reason}: stopped while its packages were imported (traceback in {log})\n"
    assert result.returncode
    assert "Traceback" in log.read_text()


def test_an_import_alone_has_no_side_effect():
    """Neither where Snakemake runs the script, nor does the call anything elsewhere; it comes before all other imports."""
    script = """
import sys
before = sys.excepthook
class Snakemake: pass
snakemake = Snakemake()
import ionscape, ionscape.jobs.hooks
assert sys.excepthook is before
del snakemake
ionscape.jobs.hooks.report_import_errors()
assert sys.excepthook is before
"""
    environment = {**os.environ, "PYTHONPATH": str(LIBRARY)}
    subprocess.run([sys.executable, "-c", script], env=environment, check=True)


@pytest.mark.parametrize("path", sorted(LIBRARY.glob("*.py")), ids=lambda path: path.stem)
def test_each_script_reports_errors_of_its_imports(path):
    first = ast.parse(path.read_text()).body[1:3]
    assert [ast.unparse(line) for line in first] == [
        "from ionscape.jobs.hooks import report_import_errors",
        "report_import_errors()",
    ]


def test_what_a_run_made_is_said_at_its_end(tmp_path, capsys):
    made, earlier, missing = (tmp_path / name for name in ("made", "earlier", "missing"))
    made.touch()
    earlier.touch()
    os.utime(earlier, (1, 1))
    on_success(time.time() - 60, [(path, lambda path=path: path.name) for path in (made, earlier, missing)])
    assert capsys.readouterr().err == "made\n"
