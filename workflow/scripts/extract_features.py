"""Extracts per-mass statistics of all images, for table models."""

from ionscape.jobs.hooks import report_import_errors

report_import_errors()

from ionscape.config.sections import Features
from ionscape.images.features import write_features
from ionscape.jobs.script import door


def main(job) -> None:
    write_features(job.output[0], list(job.input), Features(**job.params.features))


if __name__ == "__main__":
    with door(snakemake):
        main(snakemake)
