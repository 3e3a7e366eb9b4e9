"""Packs a run's ensemble into one folder that predicts elsewhere, without the training data."""

from ionscape.jobs.hooks import report_import_errors

report_import_errors()

from pathlib import Path

import numpy as np

from ionscape.files.artifact import read_json, read_table
from ionscape.jobs.progress import Progress
from ionscape.jobs.script import door, logger
from ionscape.serving.applicability import known_ranges
from ionscape.serving.export import export_ensemble
from ionscape.serving.model_card import model_card


def main(job) -> None:
    samples, about = read_table(job.input.samples, "samples")
    runs, _ = read_table(job.input.runs, "runs")
    ensemble, metrics = read_json(job.input.ensemble, "ensemble"), read_json(job.input.metrics, "metrics")
    folds, _ = read_table(job.input.folds, "folds")
    trained = np.isin(samples["sample_id"].to_pylist(), folds["sample_id"].to_pylist())
    side = samples["side"].to_numpy()[trained]
    facts = {
        "run": job.params.run,
        "labels": about["labels"],
        "columns": job.params.columns,
        "grid": job.params.grid,
        "side": job.params.side,
        "features": job.params.features,
        "known": known_ranges(runs.filter(trained), side, job.params.grid["limits"] is not None),
        "trained_on": int(trained.sum()),
    }
    models = {name: job.params.models[name] for name in ensemble["members"]}
    card = model_card(facts, metrics, ensemble, models, job.params.folds)
    progress = Progress("files exported")
    export_ensemble(Path(job.params.trained), ensemble, facts, card, job.output[0], range(job.params.folds), progress)
    logger.info("%s: %d models × %d folds; README.md there is its model card", job.output[0], len(models), job.params.folds)


if __name__ == "__main__":
    with door(snakemake):
        main(snakemake)
