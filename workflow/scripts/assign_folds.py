"""Assigns each training sample the fold that it validates."""

from ionscape.jobs.hooks import report_import_errors

report_import_errors()

from ionscape.config.sections import Folds as FoldSettings
from ionscape.data.samples import SampleTable
from ionscape.evaluation.folds import across_folds, draw_folds, given_folds, join_folds
from ionscape.files.small_csv import read_rows
from ionscape.images.similarity import fingerprints_of, together
from ionscape.jobs.script import door, logger


def main(job) -> None:
    samples, settings = SampleTable.read(job.input.samples), FoldSettings(**job.params.folds)
    train = samples.train_part()
    if job.input.get("folds"):
        _, rows = read_rows(job.input.folds, "the folds", ["sample_id", "fold"])
        folds = given_folds(rows, train.ids, settings.count, job.input.folds)
    else:
        groups = train.groups
        if settings.alike:
            groups = together(groups, fingerprints_of(job.input.images, set(train.ids)), settings.alike)
        folds = draw_folds(train.truth, settings.count, settings.seed, groups)
    joined = join_folds(samples, train.ids, folds, settings.train_val, settings.held_out)
    for what, values in (("identical runs", samples.md5), ("samples of one group", samples.groups)):
        for alike in across_folds(samples, joined, values):
            logger.warning("%s in different folds: %s; scores on them are optimistic", what, ", ".join(alike))
    joined.write(job.output[0])


if __name__ == "__main__":
    with door(snakemake):
        main(snakemake)
