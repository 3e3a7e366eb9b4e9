"""Divides the run's folds further, for models whose fits are to learn from more samples."""

from ionscape.jobs.hooks import report_import_errors

report_import_errors()

from ionscape.config.sections import Folds as FoldSettings
from ionscape.data.samples import SampleTable
from ionscape.evaluation.folds import Folds, divide_folds
from ionscape.images.similarity import fingerprints_of, together
from ionscape.jobs.script import door


def main(job) -> None:
    samples, folds = SampleTable.read(job.input.samples), Folds.read(job.input.folds)
    settings, groups = FoldSettings(**job.params.folds), samples.groups
    if settings.alike:
        groups = together(groups, fingerprints_of(job.input.images, set(samples.ids)), settings.alike)
    divide_folds(folds, samples, int(job.wildcards.number), settings.seed, groups).write(job.output[0])


if __name__ == "__main__":
    with door(snakemake):
        main(snakemake)
