"""Finds for each validated sample the most similar run that its models were trained on."""

from ionscape.jobs.hooks import report_import_errors

report_import_errors()

from ionscape.evaluation.folds import Folds
from ionscape.evaluation.replicates import find_replicates
from ionscape.images.similarity import fingerprints_of
from ionscape.jobs.script import door, logger


def main(job) -> None:
    folds = Folds.read(job.input.folds)
    found = find_replicates(folds, fingerprints_of(job.input.images, folds.of.keys()))
    if found.warning:
        logger.warning("%s", found.warning)
    found.write(job.output[0])


if __name__ == "__main__":
    with door(snakemake):
        main(snakemake)
