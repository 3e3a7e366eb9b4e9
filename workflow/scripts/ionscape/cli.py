"""The console command ``ionscape``: what is asked beside the workflow, of finished runs and for those who maintain it.

Each subcommand is a function of its parsed arguments and imports what it needs, so that ``--help`` is there at once.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from .errors import InputError


def main(words: Sequence[str] | None = None) -> None:
    """Runs the subcommand that the words name; an :class:`InputError` ends it with its message.

    Args:
        words: of the command line, without the program; None: this process's.
    """
    arguments = _parser().parse_args(words)
    try:
        arguments.call(arguments)
    except InputError as error:
        sys.exit(str(error))


def status(arguments: argparse.Namespace) -> None:
    """Prints where each training of a run stands; raises InputError if no run was started."""
    from .jobs.status import status_text, training_status

    started = sorted(arguments.results.glob("*/logs/config.json"), key=lambda path: path.stat().st_mtime)
    if not (arguments.run or started):
        raise InputError(f"no run has been started in {arguments.results}")
    run = arguments.results / arguments.run if arguments.run else started[-1].parents[1]
    try:
        rows = training_status(run)
    except InputError as error:
        raise InputError(f"{run}: no run of that name has been started ({error})") from None
    print(f"{run}\n\n{status_text(rows)}")


def compare(arguments: argparse.Namespace) -> None:
    """Prints what a run's ensemble gains over another; raises InputError as :func:`.comparison.nested_losses`."""
    from .evaluation.comparison import comparison, nested_losses

    other = nested_losses(arguments.other or arguments.run, arguments.models)
    print(comparison(nested_losses(arguments.run), other))


def results_table(arguments: argparse.Namespace) -> None:
    """Writes runs' results into a Markdown file; raises InputError: a run that is not finished, or has no part there."""
    from .evaluation.ensemble import Ensemble
    from .evaluation.run_metrics import RunMetrics
    from .files.atomic import write_text
    from .files.paths import require_regular_file
    from .report.leaderboard import fill, results_table

    text = require_regular_file(arguments.file, "the Markdown file").read_text(encoding="utf-8")
    for run in arguments.runs:
        folders = [Path(folder) / "ensemble" for folder in run.split(",")]
        parts = [(RunMetrics.read(folder / "metrics.json"), Ensemble.read(folder / "ensemble.json")) for folder in folders]
        try:
            text = fill(text, folders[0].parent.name, results_table(parts))
        except InputError as error:
            raise InputError(f"{arguments.file}: {error}") from None
    write_text(arguments.file, text)


def docs(arguments: argparse.Namespace) -> None:
    """Writes the configuration's reference page, and its schema for editors."""
    from .config.docs import editor_schema, reference
    from .files.atomic import write_text
    from .models.family import families

    settings = {name: known.settings for name, known in families().items()}
    write_text(arguments.page, reference(settings))
    write_text(arguments.schema, editor_schema(settings))


def backbones(arguments: argparse.Namespace) -> None:
    """Writes which of timm's backbones fit the images."""
    from .files.atomic import write_text
    from .models.image.catalog import format_list, list_backbones

    write_text(arguments.file, format_list(list_backbones()))


def _parser() -> argparse.ArgumentParser:
    from . import __version__

    about = "What is asked beside the workflow, which trains and predicts: `snakemake`."
    parser = argparse.ArgumentParser(prog="ionscape", description=about)
    parser.add_argument("--version", action="version", version=f"ionscape {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    command = commands.add_parser("status", help="where each training of a run stands, while Snakemake runs or after")
    command.add_argument("run", nargs="?", help="name of the run; without it, the one that was started last")
    command.add_argument("--results", type=Path, default=Path("results"), help="folder of all runs (default: results)")
    command.set_defaults(call=status)

    command = commands.add_parser("compare", help="how much better a run's ensemble is than another, sample by sample")
    command.add_argument("run", type=Path, help="folder of a finished run, results/NAME")
    against = command.add_mutually_exclusive_group(required=True)
    against.add_argument("--models", nargs="+", metavar="MODEL", help="an ensemble of these models of the same run")
    against.add_argument("--with", dest="other", type=Path, metavar="RUN", help="folder of another run on the same data")
    command.set_defaults(call=compare)

    command = commands.add_parser("results-table", help="the results of finished runs, written into a Markdown file")
    command.add_argument("file", type=Path, help="with '<!-- results of RUN -->' and '<!-- end -->' around each part")
    command.add_argument("runs", nargs="+", help="folders of runs; several seeds of one run are joined by commas")
    command.set_defaults(call=results_table)

    command = commands.add_parser("docs", help="the reference page of the configuration, and its schema for editors")
    command.add_argument("page", type=Path, help="the Markdown file to write")
    command.add_argument("schema", type=Path, help="the JSON schema to write")
    command.set_defaults(call=docs)

    command = commands.add_parser("backbones", help="the list of timm's backbones that fit the images (20 minutes)")
    command.add_argument("file", type=Path, help="the JSON file to write; nothing is downloaded")
    command.set_defaults(call=backbones)
    return parser
