"""Packs a run's ensemble into one folder that predicts elsewhere, without the training data."""

from ionscape.jobs.hooks import report_import_errors

report_import_errors()

from pathlib import Path

from ionscape.data.run_facts import read_facts
from ionscape.data.samples import SampleTable
from ionscape.evaluation.ensemble import Ensemble
from ionscape.evaluation.folds import ALWAYS, Folds
from ionscape.evaluation.run_metrics import RunMetrics
from ionscape.jobs.progress import Progress
from ionscape.jobs.script import door, logger
from ionscape.models.saved import settings_of
from ionscape.serving.applicability import known_ranges
from ionscape.serving.export import export_ensemble
from ionscape.serving.manifest import Manifest
from ionscape.serving.model_card import model_card


def main(job) -> None:
    samples, folds = SampleTable.read(job.input.samples), Folds.read(job.input.folds)
    ensemble, metrics = Ensemble.read(job.input.ensemble), RunMetrics.read(job.input.metrics)
    grid, trained = job.params.grid, folds.of_rows(samples.ids) >= ALWAYS
    runs = {name: values[trained] for name, values in read_facts(job.input.runs).items()}
    manifest = Manifest(
        run=job.params.run,
        labels=samples.labels,
        columns=job.params.columns,
        grid=grid,
        side=job.params.side,
        features=job.params.features,
        known=known_ranges(runs, samples.side[trained], grid["limits"] is not None),
        trained_on=int(trained.sum()),
        members={name: job.params.fits[name] for name in ensemble.members},
    )
    models = {name: settings_of({"settings": job.params.models[name]}) for name in ensemble.members}
    card = model_card(manifest, metrics, ensemble, models)
    folders = Path(job.params.trained), Path(job.input.known)
    export_ensemble(*folders, ensemble, manifest, card, job.output[0], Progress("files exported"))
    fits = sum(map(len, manifest.members.values()))
    logger.info("%s: %d fits of %d models; README.md there is its model card", job.output[0], fits, len(models))


if __name__ == "__main__":
    with door(snakemake):
        main(snakemake)
