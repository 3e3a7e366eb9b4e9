"""All experiments by their names, for ``make faults`` and the command line: ``python tests/faults/faults.py --help``."""

import argparse
import contextlib
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from experiments import (
    RULES,
    Outcome,
    Say,
    attack,
    end_snakemakes,
    limited_memory,
    read_only_from_the_start,
    soak,
    strike_jobs,
    two_at_once,
)
from kinds import JOB_FAULTS, SNAKEMAKE_FAULTS, can_mount, small_disk
from run_folder import Run, copy_of, quiet_run

NO_MOUNT = "not tried: file systems cannot be mounted here (it needs root)"


def jobs(
    folder: Path, quiet: Run, kind: str, each: int, seed: int, say: Say, rules: tuple[str, ...] = RULES
) -> list[Outcome]:
    """A fault of a job (of JOB_FAULTS), so many times for each rule: a row a rule."""
    if JOB_FAULTS[kind].mounts and not can_mount():
        return [Outcome(f"{kind}: {NO_MOUNT}")]
    run = copy_of(quiet, folder)
    with small_disk(run) if JOB_FAULTS[kind].mounts else contextlib.nullcontext():
        return strike_jobs(run, kind, each, seed, say, rules)


def snakemake(folder: Path, quiet: Run, each: int, seed: int, say: Say) -> list[Outcome]:
    """Snakemake itself: each of SNAKEMAKE_FAULTS, two at once, `ulimit -v`, and results that are read-only: a row each."""
    run, rows = copy_of(quiet, folder), []
    for kind in SNAKEMAKE_FAULTS:
        rows += end_snakemakes(run, kind, each, seed, say)
    rows += two_at_once(run, each, seed, say)
    rows += limited_memory(run, each, seed, say)
    return rows + (read_only_from_the_start(run, say) if can_mount() else [Outcome(f"read-only: {NO_MOUNT}")])


def attacked(folder: Path, quiet: Run, minutes: float, seed: int, say: Say) -> list[Outcome]:
    """:func:`.experiments.attack` on a copy."""
    return _on_a_disk(folder, quiet, lambda run, mounts: attack(run, minutes, seed, say, mounts))


def soaked(folder: Path, quiet: Run, rounds: int, seed: int, say: Say) -> list[Outcome]:
    """:func:`.experiments.soak` on a copy."""
    return _on_a_disk(folder, quiet, lambda run, mounts: soak(run, rounds, seed, say, mounts))


def _on_a_disk(folder: Path, quiet: Run, experiment: Callable[[Run, bool], list[Outcome]]) -> list[Outcome]:
    run, mounts = copy_of(quiet, folder), can_mount()
    with small_disk(run) if mounts else contextlib.nullcontext():
        return experiment(run, mounts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    names = (*JOB_FAULTS, "snakemake", "soak", "attack")
    parser.add_argument("experiments", nargs="*", help=f"of {', '.join(names)} (default: all)")
    parser.add_argument("--each", type=int, default=2, help="faults a rule, or of a kind for Snakemake itself (default: 2)")
    parser.add_argument("--rounds", type=int, default=50, help="of the soak (default: 50)")
    parser.add_argument("--minutes", type=float, default=20, help="of the attack (default: 20)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--folder", type=Path, help="where the runs are; a quiet one that is there is taken (default: a new one)"
    )
    given = parser.parse_args()
    if unknown := set(given.experiments) - set(names):
        parser.error(f"no experiment {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    folder = given.folder or Path(tempfile.mkdtemp(prefix="ionscape-faults-"))
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - started:5.0f} s  {text}", flush=True)

    quiet, rows = quiet_run(folder / "quiet"), []
    say("the undisturbed run is there")
    for name in given.experiments or names:
        place = folder / name.replace(" ", "-")
        for left in (place, *folder.glob(f"{place.name}.*")):
            shutil.rmtree(left, ignore_errors=True)
        if name in JOB_FAULTS:
            rows += jobs(place, quiet, name, given.each, given.seed, say)
        elif name == "snakemake":
            rows += snakemake(place, quiet, given.each, given.seed, say)
        elif name == "soak":
            rows += soaked(place, quiet, given.rounds, given.seed, say)
        else:
            rows += attacked(place, quiet, given.minutes, given.seed, say)
    for row in rows:
        print(f"{row.what:45} {row.well:3} of {row.tried:3} well")
        for problem in dict.fromkeys(row.problems):
            print(f"    {problem}")
    sys.exit(any(row.problems for row in rows))


if __name__ == "__main__":
    main()
