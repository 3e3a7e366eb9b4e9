"""Collects the folds' logits of all models into one table."""

from ionscape.jobs.hooks import report_import_errors

report_import_errors()

from ionscape.jobs.script import door
from ionscape.models.logits import Logits, LogitTable


def main(job) -> None:
    for paths, target in ((job.input.oof, job.output.oof), (job.input.test, job.output.test)):
        Logits.collected([LogitTable.read(path) for path in paths]).write(target)


if __name__ == "__main__":
    with door(snakemake):
        main(snakemake)
