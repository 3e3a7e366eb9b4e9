"""How good are the models that a GPU trains, on real runs? The bundle's run, beside its models that need no GPU."""

import json
import multiprocessing
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import cache
from pathlib import Path

import numpy as np
from figures import Note, Options, machine

from ionscape.config.sections import Ensemble as EnsembleSettings
from ionscape.data.samples import Samples, SampleTable
from ionscape.evaluation.cross_validation import save_fold, train_fold
from ionscape.evaluation.folds import Folds
from ionscape.evaluation.metrics import log_loss
from ionscape.evaluation.novelty import Similarity, known_of
from ionscape.evaluation.replicates import Replicates
from ionscape.evaluation.summary import Fits, summarize
from ionscape.files.atomic import write_text
from ionscape.images.normalization import normalize
from ionscape.images.similarity import fingerprints
from ionscape.images.store import load_images
from ionscape.models.family import families
from ionscape.models.inputs import with_inputs
from ionscape.models.logits import Logits, LogitTable, probabilities_of
from ionscape.models.saved import settings_of
from ionscape.report.leaderboard import leaderboard_text
from ionscape.training.context import FitContext

#: Trainings at once on one GPU.
AT_ONCE = 6


class Run:
    """The bundle's run: its configuration, samples, folds and images."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.config = json.loads((folder / "logs/config.json").read_text())
        self.settings = {name: settings_of({"settings": model}) for name, model in self.config["models"].items()}
        self.table = SampleTable.read(folder / "samples.parquet")
        self.folds = Folds.read(folder / "folds.parquet")
        finer = [Folds.read(path) for path in folder.glob("folds-*.parquet")]
        by_count = {one.count: one for one in (self.folds, *finer)}
        self.folds_of = {name: by_count[model.folds or self.folds.count] for name, model in self.settings.items()}

    def jobs(self) -> list[tuple[str, int]]:
        """Models and folds that want a GPU."""
        wanting = [name for name, model in self.settings.items() if families()[model.family].gpu]
        return [(name, fold) for name in wanting for fold in range(self.folds_of[name].count)]

    def samples(self, normalization: str) -> Samples:
        """All samples, their images normalized."""
        ids, images, _ = load_images(self.folder / "images/none.parquet")
        return with_inputs(self.table, ids, normalize(images, normalization))

    def similarity(self) -> Similarity:
        """How near each sample is to what the fits learnt from."""
        prints = fingerprints(self.samples("none").inputs)
        known = np.array([sample in self.folds.of for sample in self.table.ids])
        counted = {folds.count: folds for folds in (self.folds, *self.folds_of.values())}
        others = np.flatnonzero(self.table.predicted & ~known)
        return Similarity.of(known_of(counted, prints[known]), [self.table.ids[row] for row in others], prints[others])


@cache
def run_of(folder: Path) -> Run:
    """Read once a process."""
    return Run(folder)


@cache
def samples_of(folder: Path, normalization: str) -> Samples:
    """Read once a process."""
    return run_of(folder).samples(normalization)


def trained(folder: Path, model: str, fold: int, to: Path) -> float:
    """Trains a model on a fold, as rule train_fold does, and leaves its logits; returns the seconds."""
    started, run = time.monotonic(), run_of(folder)
    settings = run.settings[model]
    samples = samples_of(folder, settings.input_normalization)
    result = train_fold(samples, run.table.predicted, run.folds_of[model], fold, settings, FitContext(run.table.labels))
    save_fold(result, to / model / f"fold{fold}", model, fold, {})
    return time.monotonic() - started


def collected(run: Run, to: Path, options: Options) -> Logits:
    """Logits of the models of which every fold is there, in the configuration's order; written into the output folder."""
    parts: dict[str, list[LogitTable]] = {"oof": [], "test": []}
    for name, model in run.settings.items():
        root = to if families()[model.family].gpu else run.folder / "models"
        for kind, tables in parts.items():
            paths = [root / name / f"fold{fold}/{kind}.parquet" for fold in range(run.folds_of[name].count)]
            there = [path for path in paths if path.exists()]
            if len(there) == len(paths):
                tables += [LogitTable.read(path) for path in there]
    for kind, tables in parts.items():
        Logits.collected(tables).write(options.out / f"good-{kind}.parquet")
    return Logits.collected(parts["oof"])


def losses(run: Run, oof: Logits) -> dict[str, float]:
    """The out-of-fold log loss of each model."""
    fold_of = {sample: fold for sample, fold in run.folds.of.items() if fold >= 0}
    rows = [row for row, sample in enumerate(run.table.ids) if sample in fold_of]
    ids, truth = [run.table.ids[row] for row in rows], run.table.truth[rows]
    stacked = probabilities_of(oof.out_of_fold(ids, oof.own_folds()))
    return {name: round(log_loss(truth, one), 5) for name, one in zip(oof.models, stacked, strict=True)}


def train(note: Note, options: Options) -> None:
    """Every fold of the models that want a GPU, several at once."""
    folder = options.bundle / "run"
    run = Run(folder)
    jobs = run.jobs()
    workers = 1 if options.small else min(AT_ONCE, os.cpu_count() or 1)
    seconds: dict[str, list[float]] = {}
    problems: dict[str, str] = {}
    started = time.monotonic()
    learnt = {name: folds.learnt_from() for name, folds in run.folds_of.items()}
    note(trainings=len(jobs), at_once=workers, learnt_from=learnt)
    spawned = multiprocessing.get_context("spawn")  # CUDA bears no fork
    with tempfile.TemporaryDirectory() as place, ProcessPoolExecutor(workers, spawned) as pool:
        to = Path(place)
        running = {pool.submit(trained, folder, model, fold, to): model for model, fold in jobs}
        for done in as_completed(running):
            model = running[done]
            if (problem := done.exception()) is not None:  # the others go on
                problems[model] = f"{type(problem).__name__}: {problem}"
                note(problems=problems)
                continue
            seconds.setdefault(model, []).append(round(done.result(), 2))
            note(seconds=seconds, done=sum(map(len, seconds.values())), elapsed=round(time.monotonic() - started, 1))
            if len(seconds[model]) == run.folds_of[model].count:
                note(log_loss=losses(run, collected(run, to, options)))


def board(note: Note, options: Options) -> None:
    """The joint leaderboard of all models that are complete, nested."""
    run = Run(options.bundle / "run")
    oof, test = (Logits.read(options.out / f"good-{kind}.parquet") for kind in ("oof", "test"))
    replicates = Replicates.read(run.folder / "replicates.parquet")
    settings = EnsembleSettings(**run.config["ensemble"])
    fits = {name: Fits(run.settings[name].family, run.folds_of[name], refit=False) for name in oof.models}
    settings = settings.model_copy(update={"without": [name for name in settings.without if name in oof.models]})
    summary = summarize(run.table, run.folds, fits, replicates, run.similarity(), oof, test, settings)
    text = leaderboard_text(summary.metrics, summary.ensemble, "none")
    write_text(options.out / "good-leaderboard.txt", text)
    nested = summary.metrics.ensemble_nested
    note(ensemble_nested=nested.log_loss, interval=list(nested.log_loss_interval), models=oof.models)


PARTS = {"machine": machine, "train": train, "board": board}
