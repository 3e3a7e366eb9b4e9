"""The experiments of ``make faults``, each on a copy of the undisturbed run, on a small disk where one can be mounted."""

import contextlib
from collections.abc import Callable
from pathlib import Path

from attempts import Outcome
from experiments import (
    RULES,
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
from run_folder import Run, copy_of

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
