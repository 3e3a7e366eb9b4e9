"""A run folder seen from outside: Snakemake in it, its live jobs, what its files hold, and what is left over."""

import csv
import os
import re
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import yaml
from calls import Job, Snakemake
from traces import census, fingerprints, results_of

ROOT = Path(__file__).parents[2]
PARTS = ("Snakefile", "config.yaml", "workflow", "resources", "profiles", "envs")
RUN, ANSWERS = Path("results/faults"), Path("results/answers")  # on one disk

#: Every rule with a script once or twice, on several families, as small as they get.
CONFIG = {
    "run": RUN.name,
    "dataset": {"side": {"column": "derivatized", "positive": "1"}},
    "example": {"runs": 40},
    "images": {"masses": 64, "times": 32, "shards": 2},
    "folds": {"count": 2},
    "defaults": {
        "image": {"backbone": "test_resnet", "pretrained": False, "batch_size": 8, "widths": [32]},
        "sequence": {"channels": 16, "batch_size": 8},
    },
    "models": {
        "events": {"family": "sequence", "epochs": 2, "warmup_epochs": 0, "precision": "reference"},
        "resnet": {
            "family": "image",
            "normalization": "mass",
            "epochs": 2,
            "warmup_epochs": 1,
            "precision": "reference",
        },
        "lightgbm": {"family": "table", "trees": 4, "folds": 4, "refit": True},
    },
    "report": {"samples": 1, "mistakes": 1, "evidence": 1},
}
#: Targets and options of the two calls that make everything; the second needs what the first exports.
MAKE = ("all", "export")
PREDICT = ("predict", "--config", f"model={RUN}/export", f"new={RUN}/data/test_features", f"predictions={ANSWERS}")
#: A copied folder's library of spectra has another path: not a reason to make all again.
OPTIONS = ("--cores", "2", "--resources", "gpu=2", "--rerun-triggers", "mtime", "--configfile", "faults.yaml")

#: Seconds that what a killed Snakemake leaves running may take to end.
ENDING = 60

SCRIPT = re.compile(r"/\.snakemake/scripts/tmp[^/]*\.(\w+)\.py$")


@dataclass
class Run:
    """A folder with a copy of the workflow, in which everything is made.

    Attributes:
        folder: of the copy; beside it are ``{folder}.said``, what Snakemake says, and the run's own TMPDIR and cache.
        expected: fingerprints of an undisturbed run; durations: seconds of each rule's job there, the longest.
    """

    folder: Path
    expected: dict[str, str] = field(default_factory=dict)
    durations: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.folder = self.folder.resolve()
        self.said = self.folder.with_name(f"{self.folder.name}.said")
        self.temporary, self.cache = (self.folder.with_name(f"{self.folder.name}.{what}") for what in ("tmp", "cache"))
        for place in (self.said, self.temporary, self.cache):
            place.mkdir(exist_ok=True, parents=True)

    def call(self, *arguments: str, before: str = "") -> Snakemake:
        path = self.said / f"{len(list(self.said.iterdir())):04d}.txt"
        own = {"TMPDIR": str(self.temporary), "XDG_CACHE_HOME": str(self.cache)}
        return Snakemake(self.folder, path, (*arguments, *OPTIONS), {**os.environ, **own}, before)

    def processes(self) -> list[psutil.Process]:
        """All that work in the folder."""
        found = []
        for process in psutil.process_iter():
            try:
                if Path(process.cwd()).is_relative_to(self.folder) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found

    def jobs(self) -> list[Job]:
        """The scripts that run now."""
        found = []
        for process in self.processes():
            try:
                words = process.cmdline()
            except psutil.Error:
                continue
            # Not the shell that calls it.
            match = SCRIPT.search(words[-1]) if len(words) == 2 and "python" in Path(words[0]).name else None
            if match:
                found.append(Job(match[1], process))
        return found

    def recover(self, commands: tuple[tuple[str, ...], ...] = (MAKE, PREDICT)) -> list[str]:
        """What the documentation says, after any fault: ``--unlock`` where a lock is left, then the same commands.

        Returns the problems: a process that does not end by itself, a call that fails, files that are not those of an
        undisturbed run, leftovers.
        """
        problems = [*self.left_behind(), *self.unlock()]
        for command in commands:
            snakemake = self.call(*command)
            if code := snakemake.wait():
                problems.append(f"{snakemake.path}: recovery ended with {code}")
            problems += snakemake.problems()
        return problems + self.differences() + self.leftovers()

    def unlock(self) -> list[str]:
        """``--unlock``, if there is a lock."""
        if not any((self.folder / ".snakemake/locks").glob("*")):
            return []
        unlocking = self.call("--unlock")
        return [f"{unlocking.path}: --unlock failed"] if unlocking.wait() else []

    def left_behind(self) -> list[str]:
        """Waits for the processes in the folder; names, and kills, those that do not end."""
        until = time.monotonic() + ENDING
        while (left := self.processes()) and time.monotonic() < until:
            time.sleep(0.1)
        problems = [f"process {process.pid} is left behind: {_words(process)}" for process in left]
        for process in left:
            process.kill()
        return problems

    def differences(self) -> list[str]:
        """From an undisturbed run: files that are missing, more, or other. Nothing is expected before there is one."""
        found = fingerprints(self.folder)
        names = sorted(self.expected.keys() | found.keys()) if self.expected else []
        states = {name: (self.expected.get(name), found.get(name)) for name in names}
        said = {
            name: "is missing" if not is_ else "is left over" if not was else "differs"
            for name, (was, is_) in states.items()
        }
        return [f"{self.folder / name} {said[name]}" for name, (was, is_) in states.items() if was != is_]

    def lost(self) -> list[str]:
        """Finished results of an undisturbed run that are not there, or not whole.

        Not logs: Snakemake removes a job's before it starts it, and one that dies at once writes none.
        """
        return [text for text in self.differences() if not text.endswith("left over") and f"/{RUN}/logs/" not in text]

    def census(self) -> dict[str, int]:
        """Of :func:`.traces.census`."""
        return census(self.folder, self.temporary, self.cache)

    def leftovers(self) -> list[str]:
        """Temporary files, locks and what Snakemake keeps of running jobs."""
        state = self.folder / ".snakemake"
        places = [state / "locks", state / "incomplete", state / "shadow"]
        left = [path for place in places for path in place.rglob("*") if path.is_file()]
        left += [path for path in results_of(self.folder) if re.fullmatch(r"\..*\.(tmp|earlier)|\.tmp\w{6}", path.name)]
        left += list(state.glob("*tmp*"))
        return [f"{path} is left over" for path in left]


def _words(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())[-200:]
    except psutil.Error:
        return "gone"


def new_run(folder: Path) -> Run:
    """A copy of the workflow and the configuration of all experiments, nothing made."""
    for part in PARTS:
        source, target = ROOT / part, folder / part
        ignored = shutil.ignore_patterns("__pycache__")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target, ignore=ignored) if source.is_dir() else shutil.copy(source, target)
    (folder / "faults.yaml").write_text(yaml.safe_dump(CONFIG))
    return Run(folder)


def quiet_run(folder: Path) -> Run:
    """An undisturbed run: what all others are compared with. One that is there already, and whole, is taken."""
    whole = folder / "whole"
    if not whole.exists():
        shutil.rmtree(folder, ignore_errors=True)
        problems = new_run(folder).recover()
        assert not problems, problems
        whole.touch()
    run = Run(folder, fingerprints(folder))
    for path in [*(folder / RUN / "benchmarks").rglob("*.tsv"), folder / ANSWERS / "predict.tsv"]:
        place = path.relative_to(folder).parts
        rule = "predict" if place[1] == ANSWERS.name else Path(place[3]).stem
        with open(path, newline="") as stream:
            for row in csv.DictReader(stream, delimiter="\t"):
                run.durations[rule] = max(run.durations.get(rule, 0.0), float(row["s"]))
    return run


def copy_of(quiet: Run, folder: Path) -> Run:
    """A finished copy of an undisturbed run that may be spoilt."""
    shutil.copytree(quiet.folder, folder, symlinks=True)
    return Run(folder, quiet.expected, quiet.durations)
