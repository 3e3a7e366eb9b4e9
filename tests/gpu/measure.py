"""Measures one question's parts, in order of their worth, each in a process of its own, until the time is over.

Every figure is in OUT/QUESTION.json the moment it is known; what was printed is in OUT/QUESTION.log. Parts that are named
have files of their own, QUESTION-PART-….json.
"""

import argparse
import multiprocessing
import os
import signal
import sys
import time
import traceback
from contextlib import suppress
from importlib import import_module
from pathlib import Path

import torch
from figures import Figures, Options

ROOT = Path(__file__).parents[2]
QUESTIONS = ("right", "fast", "good")


def arguments_of(given: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("question", choices=QUESTIONS, help="right: the same numbers? fast: how fast? good: how good?")
    parser.add_argument("part", nargs="*", help="only these parts")
    parser.add_argument("--small", action="store_true", help="as small as it gets, on a CPU too: shows that it runs")
    parser.add_argument("--minutes", type=float, default=8, help="no longer than this (default: 8)")
    parser.add_argument("--bundle", type=Path, default=ROOT / "gpu-bundle", help="of bundle.py; `good` needs its run")
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("OUT", ROOT / "gpu-figures")), help="folder")
    parser.add_argument("--name", help="of the files that are written (default: the question and the parts)")
    arguments = parser.parse_args(given)
    parts = import_module(arguments.question).PARTS
    if unknown := [part for part in arguments.part if part not in parts]:
        parser.error(f"{arguments.question} has no part {unknown[0]!r}, but {', '.join(parts)}")
    # Parts that are named have a file of their own: a later call leaves what an earlier one found.
    named = "-".join([arguments.question, *(arguments.part if not arguments.name else [])])
    arguments.name, arguments.part = arguments.name or named, arguments.part or list(parts)
    return arguments


def measured(part: str, arguments: argparse.Namespace, figures: Figures, deadline: float) -> str:
    """Runs a part to its end, or to the deadline; returns how it went.

    Its process is forked: what this one has imported, which has not started CUDA, need not be imported again.
    """
    options = Options(arguments.small, arguments.bundle, arguments.out, deadline)
    log = arguments.out / f"{arguments.name}.log"
    process = multiprocessing.get_context("fork").Process(target=inside, args=(part, arguments, figures, options, log))
    started = time.monotonic()
    process.start()
    process.join(max(deadline - started, 1))
    code = process.exitcode
    if code != 0:  # its own children too
        with suppress(ProcessLookupError):
            os.killpg(process.pid or 0, signal.SIGKILL)
        process.join()
    figures.note(part, part_seconds=round(time.monotonic() - started, 1))
    if code is None:
        figures.note(part, problem="the time was over")
    elif code and "problem" not in figures.of(part):
        figures.note(part, problem=f"it ended with {code}: see the log")
    found = figures.of(part)
    return found.get("problem") or ("not as it should be" if found.get("ok") is False else "done")


def inside(part: str, arguments: argparse.Namespace, figures: Figures, options: Options, log: Path) -> None:
    """A part, in a process group of its own that writes into the log."""
    os.setsid()
    stream = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for descriptor in (1, 2):
        os.dup2(stream, descriptor)
    print(f"== {part}", flush=True)
    if options.small:
        torch.set_num_threads(1)  # beside other work two would wait for each other
    try:
        import_module(arguments.question).PARTS[part](figures.of_part(part), options)
    except Exception as error:
        traceback.print_exc()
        figures.note(part, problem=f"{type(error).__name__}: {str(error).partition(chr(10))[0]}")
        sys.exit(1)


def main() -> int:
    arguments = arguments_of()
    arguments.out.mkdir(parents=True, exist_ok=True)
    figures = Figures(arguments.out / f"{arguments.name}.json")
    deadline, problems = time.monotonic() + 60 * arguments.minutes, 0
    for part in ["machine", *(part for part in arguments.part if part != "machine")]:
        figures.clear(part)
        if deadline - time.monotonic() < 5:
            said = "left out: the time was over"
            figures.note(part, problem=said)
        else:
            said = measured(part, arguments, figures, deadline)
        problems += said != "done"
        print(f"{arguments.question} {part}: {said} {figures.shown(part)}", flush=True)
    return min(problems, 1)


if __name__ == "__main__":
    sys.exit(main())
