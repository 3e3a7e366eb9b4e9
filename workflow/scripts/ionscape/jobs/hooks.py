"""Hooks of a job and of the whole workflow: errors while packages are imported, Ctrl-C while rules are read, start and end.

Importing this module takes next to nothing, as it has to be in place before what may fail; functions import what they need.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from types import TracebackType


def report_import_errors() -> None:
    """Makes what ends a rule's script while its packages are imported, as Ctrl-C or too little memory, one line.

    The traceback goes to the rule's log. Called first in each script; does nothing where Snakemake does not run the script.
    """
    if type(getattr(sys.modules["__main__"], "snakemake", None)).__name__ == "Snakemake":
        sys.excepthook = _print_import_error


def _print_import_error(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    import traceback

    job = sys.modules["__main__"].snakemake
    try:
        with open(job.log[0], "a", encoding="utf-8") as log:
            traceback.print_exception(kind, error, trace, file=log)
        where = f" (traceback in {job.log[0]})"
    except (OSError, MemoryError):
        where = ""
    reason = "Ctrl-C" if kind is KeyboardInterrupt else f"{kind.__name__}: {str(error) or 'out of memory'}"
    print(f"{job.rule}: {reason}: stopped while its packages were imported{where}", file=sys.stderr)


def report_ctrl_c() -> None:
    """Makes Ctrl-C one line before jobs are scheduled, when Snakemake does not catch it: no traceback through the rules."""
    sys.excepthook = _print_ctrl_c


def _print_ctrl_c(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if kind is KeyboardInterrupt:
        print("Ctrl-C: stopped before a job was started", file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


def use_library(folder: Path) -> None:
    """Makes all jobs import the library that is in the folder, also where another copy of it is installed.

    Snakemake puts the folder of a rule's script behind what is installed.
    """
    import os

    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(folder), os.environ.get("PYTHONPATH")]))


def on_start(workflow: Any, config: dict, path: Path | None) -> None:
    """Clears what would stop the jobs, and writes the configuration beside their logs.

    A killed Snakemake's backup of a folder would stop the job that makes the folder again.

    Args:
        workflow: Snakemake's; config: as loaded.
        path: where the configuration is written, for who asks how the trainings stand; None: nothing is trained.
    """
    from pathlib import Path

    from ..files.artifact import write_json
    from ..files.atomic import remove_unfinished

    for output in _pending_outputs(workflow):
        workflow.persistence.cleanup_backup(Path(output))
    if path:
        remove_unfinished(path)
        write_json(path, config, "config")


def on_error(workflow: Any) -> None:
    """Removes the temporary files of jobs that were killed.

    They would stay where a job's earlier outputs are restored, as it is not run again.
    """
    from pathlib import Path

    from ..files.atomic import remove_unfinished
    from .locks import tidy

    for output in _pending_outputs(workflow):
        remove_unfinished(output)
        tidy(Path(output).parent)


def on_success(started: float, results: Iterable[tuple[Path, Callable[[], str]]]) -> None:
    """Prints what each result that this run of Snakemake made has to say.

    Args:
        started: of Snakemake, seconds since the epoch.
        results: a file, and what makes its lines; called only if the file was made since.
    """
    for path, lines in results:
        if path.exists() and path.stat().st_mtime >= started:
            print(lines(), file=sys.stderr)


def _pending_outputs(workflow: Any) -> list[str]:
    """The outputs of all jobs that were to run."""
    return [output for job in workflow.dag.needrun_jobs() for output in job.output]
