"""Collects the folds' logits of all models into one table."""

from ionscape.jobs.hooks import report_import_errors

report_import_errors()

from ionscape.files.artifact import read_table, write_table
from ionscape.jobs.script import door
from ionscape.models.logits import collect_logits


def main(job) -> None:
    labels = read_table(job.input.samples, "samples")[1]["labels"]
    for paths, target in ((job.input.oof, job.output.oof), (job.input.test, job.output.test)):
        parts = [read_table(path, "logits") for path in paths]
        write_table(collect_logits(parts), target, "logits", labels=labels)


if __name__ == "__main__":
    with door(snakemake):
        main(snakemake)
