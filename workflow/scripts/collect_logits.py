"""Collects the folds' logits of all models into one table."""

from ionscape.fitting import collect_logits
from ionscape.scripting import door
from ionscape.tables import read_table, write_table


def main(job) -> None:
    labels = read_table(job.input.samples, "samples")[1]["labels"]
    for paths, target in ((job.input.oof, job.output.oof), (job.input.test, job.output.test)):
        parts = [read_table(path, "logits") for path in paths]
        write_table(collect_logits(parts), target, "logits", labels=labels)


if __name__ == "__main__":
    with door(snakemake):  # noqa: F821
        main(snakemake)  # noqa: F821
