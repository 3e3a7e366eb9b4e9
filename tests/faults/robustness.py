"""Everything that a user's bad day may bring, tried by the thousand: behind ``make faults``, it writes docs/robustness.md.

Each part keeps its rows in docs/robustness.json as soon as it is through, so that parts can be run by themselves.
"""

import argparse
import contextlib
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import hostile_caches
import hostile_config
import hostile_instruments
import hostile_runs
import hostile_tables
import large_files
import psutil
from attempts import Outcome
from run_folder import quiet_run

import faults

ROOT = Path(__file__).parents[2]
PAGE, ROWS = ROOT / "docs/robustness.md", ROOT / "docs/robustness.json"
START, END = "<!-- the table -->\n", "<!-- end -->\n"
Say = Callable[[str], None]


class Round:
    """A full round, or a share of one.

    Args:
        folder: for everything that is made; share: of the full counts; seed: of all of it.
        runs: real CSVs with columns time, mass and intensity that the mutated ones are made of, simulated ones where there
            are none.
    """

    def __init__(self, folder: Path, share: float, seed: int, runs: list[Path], say: Say):
        self.folder, self.share, self.seed, self.runs, self.say = folder, share, seed, runs, say
        self.quiet = None

    def count(self, full: int) -> int:
        return max(round(full * self.share), 1)

    def place(self, name: str) -> Path:
        place = self.folder / name
        place.mkdir(parents=True)
        return place

    def undisturbed(self):
        """The run that all others are compared with, made once."""
        if self.quiet is None:
            self.quiet = quiet_run(self.folder / "quiet")
            self.say("the undisturbed run is there")
        return self.quiet

    def progress(self, what: str) -> Callable[[int, int], None]:
        def call(done: int, total: int) -> None:
            if done % 500 == 0:
                self.say(f"{what} {done}/{total}")

        return call

    def csvs(self) -> list[Outcome]:
        """Mutated runs as CSV and in archives."""
        bases = [_thinned(path.read_bytes()) for path in self.runs] or hostile_runs.simulated(4, 1000)
        folder = self.place("csvs")
        found = hostile_runs.mutated_csvs(bases, self.count(3600), self.seed, folder, self.progress("CSVs"))
        return found + hostile_runs.strange_paths(folder / "paths")

    def large(self) -> list[Outcome]:
        """Files far larger than any run, each in at most 400 MiB, errors in at most 10 s."""
        return large_files.large_files(hostile_runs.simulated(1, 1000)[0], self.place("large"))

    def instruments(self) -> list[Outcome]:
        """Mutated mzML and ANDI-MS files."""
        folder = self.place("instruments")
        bases = hostile_instruments.instruments_of(hostile_runs.simulated(1, 300)[0], folder)
        return hostile_instruments.mutated_instruments(bases, self.count(1500), self.seed, folder, self.progress("files"))

    def small(self) -> list[Outcome]:
        """Metadata, labels, folds, submission formats, and lists of new runs."""
        return [hostile_tables.tables(self.count(600), self.seed)]

    def configs(self) -> list[Outcome]:
        """Configurations."""
        return [hostile_config.configs(self.count(1500), self.seed)]

    def caches(self) -> list[Outcome]:
        """Damaged files of a run, a checkpoint, an exported folder."""
        folder = self.place("caches")
        return hostile_caches.damaged_caches(self.count(4200), self.seed, folder, self.progress("damaged files"))

    def killed(self) -> list[Outcome]:
        """Jobs of every rule killed and stopped at random moments."""
        return self._jobs(("SIGKILL", "SIGTERM"), 2)

    def starved(self) -> list[Outcome]:
        """Jobs of every rule without disk, memory, or leave to write."""
        return self._jobs(("disk full", "read-only", "out of memory"), 1)

    def _jobs(self, kinds: tuple[str, ...], each: int) -> list[Outcome]:
        rows = []
        for kind in kinds:
            place = self.folder / f"jobs {kind}"
            rows += faults.jobs(place, self.undisturbed(), kind, self.count(each), self.seed, self.say)
        return rows

    def snakemake(self) -> list[Outcome]:
        """Snakemake itself."""
        return faults.snakemake(self.folder / "snakemake", self.undisturbed(), self.count(3), self.seed, self.say)

    def soak(self) -> list[Outcome]:
        """The same folder, round after round."""
        return faults.soaked(self.folder / "soak", self.undisturbed(), self.count(50), self.seed, self.say)

    def attack(self) -> list[Outcome]:
        """Everything in random order."""
        return faults.attacked(self.folder / "attack", self.undisturbed(), 20 * self.share, self.seed, self.say)


PARTS = ("csvs", "large", "instruments", "small", "configs", "caches", "killed", "starved", "snakemake", "soak", "attack")


def _thinned(content: bytes, rows: int = 1000) -> bytes:
    """The header and every n-th row."""
    head, *lines = content.splitlines()
    return b"\n".join([head, *lines[:: max(len(lines) // rows, 1)]]) + b"\n"


def table(parts: dict[str, dict]) -> str:
    """The Markdown table of the rows of all parts."""
    lines = ["| what | tried | ended well |", "|---|---:|---:|"]
    tried = well = 0
    for name in PARTS:
        title = getattr(Round, name).__doc__.rstrip(".")
        if name not in parts:
            lines.append(f"| **{title}**: not run in full yet | | |")
            continue
        part = parts[name]
        lines.append(f"| **{title}** ({part['seconds'] / 60:.0f} min, commit {part['commit']}) | | |")
        for row in part["rows"]:
            taken = f", of which {row['taken']:,} taken" if row["taken"] else ""
            lines.append(f"| {row['what']}{taken} | {row['tried']:,} | {row['well']:,} |")
            tried, well = tried + row["tried"], well + row["well"]
    return "\n".join([*lines, f"| **all** | **{tried:,}** | **{well:,}** |"]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} (all)")
    parser.add_argument("--share", type=float, default=1.0, help="of the full round's counts and minutes (1)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--runs", type=Path, nargs="*", default=[], help="real CSVs to mutate (time, mass, intensity)")
    parser.add_argument("--folder", type=Path, help="for all that is made; its undisturbed run is taken (a new one)")
    parser.add_argument("--no-page", action="store_true", help="docs/robustness.md stays as it is")
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background, and so by all that is started
    started = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - started:5.0f} s  {text}", flush=True)

    parts = json.loads(ROWS.read_text()) if ROWS.exists() else {}
    problems = []
    with contextlib.ExitStack() as stack:
        folder = given.folder or stack.enter_context(tempfile.TemporaryDirectory(prefix="ionscape-faults-"))
        whole = Round(Path(folder), given.share, given.seed, given.runs, say)
        for name in given.parts or PARTS:
            before = time.monotonic()
            rows = getattr(whole, name)()
            problems += [f"{row.what}: {problem}" for row in rows for problem in row.problems]
            parts[name] = {
                "commit": subprocess.check_output(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, text=True).strip(),
                "machine": f"{platform.machine()}, {os.cpu_count()} cores, {psutil.virtual_memory().total >> 30} GiB",
                "seconds": round(time.monotonic() - before),
                "rows": [{key: asdict(row)[key] for key in ("what", "tried", "well", "taken")} for row in rows],
            }
            say(f"{name}: {sum(row.well for row in rows)} of {sum(row.tried for row in rows)} ended well")
            if not given.no_page:
                ROWS.write_text(json.dumps(parts, indent=1) + "\n")
                before_it, _, rest = PAGE.read_text().partition(START)
                PAGE.write_text(f"{before_it}{START}\n{table(parts)}\n{END}{rest.partition(END)[2]}")
    print(*dict.fromkeys(problems), sep="\n")
    sys.exit(bool(problems))


if __name__ == "__main__":
    main()
