"""A sample of the faults that ``make faults`` tries in full: each kind on some short rules, then recovery as documented."""

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from attempts import Outcome
from experiments import end_snakemakes, limited_memory, read_only_from_the_start, strike_jobs, two_at_once
from kinds import can_mount, small_disk
from run_folder import Run, copy_of, quiet_run

SEED = 20241126
pytestmark = pytest.mark.faults
needs_mounts = pytest.mark.skipif(not can_mount(), reason="file systems cannot be mounted here (it needs root)")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A copy of an undisturbed run. Every test leaves it as that is."""
    folder: Path = tmp_path_factory.mktemp("faults")
    copied = copy_of(quiet_run(folder / "quiet"), folder / "run")
    with small_disk(copied) if can_mount() else nullcontext():
        yield copied


def assert_well(rows: list[Outcome]) -> None:
    assert [problem for row in rows for problem in row.problems] == []
    assert all(row.tried for row in rows)


@pytest.mark.parametrize(
    ("kind", "rules"),
    [
        ("SIGKILL", ("plot_training", "provenance", "export")),
        ("SIGTERM", ("plot_data", "plot_ensemble", "provenance")),
        pytest.param("disk full", ("export", "plot_data"), marks=needs_mounts),
        pytest.param("read-only", ("plot_training",), marks=needs_mounts),
        ("out of memory", ("plot_ensemble",)),
    ],
)
def test_struck_jobs(run, kind, rules):
    assert_well(strike_jobs(run, kind, 1, SEED, print, rules))


@pytest.mark.parametrize("kind", ["SIGKILL", "Ctrl-C"])
def test_an_ended_snakemake(run, kind):
    rules = ("plot_data", "plot_training", "plot_ensemble", "provenance", "export")
    assert_well(end_snakemakes(run, kind, 1, SEED, print, rules, seconds=6))


def test_two_snakemakes_at_once(run):
    assert_well(two_at_once(run, 1, SEED, print, ("plot_data",)))


def test_limited_memory(run):
    assert_well(limited_memory(run, 1, SEED, print, ("explain",)))


@needs_mounts
def test_read_only_results(run):
    assert_well(read_only_from_the_start(run, print, "export"))
