"""Finds for each sample the most similar run that its models were trained on: replicates, and how new a sample is."""

from ionscape.jobs.hooks import report_import_errors

report_import_errors()

from ionscape.data.samples import SampleTable
from ionscape.evaluation.folds import Folds
from ionscape.evaluation.novelty import Similarity, known_of
from ionscape.evaluation.replicates import find_replicates
from ionscape.images.similarity import fingerprints_of
from ionscape.jobs.script import door, logger


def main(job) -> None:
    table, folds = SampleTable.read(job.input.samples), [Folds.read(path) for path in (job.input.folds, *job.input.finer)]
    prints = fingerprints_of(job.input.images, folds[0].of.keys())
    found = find_replicates(folds[0], prints)
    if found.warning:
        logger.warning("%s", found.warning)
    found.write(job.output.replicates)
    known = known_of({one.count: one for one in folds}, prints)
    known.write(job.output.known)
    others = [sample for sample in table.take(table.predicted).ids if sample not in folds[0].of]
    Similarity.of(known, others, fingerprints_of(job.input.images, set(others))).write(job.output.similarity)


if __name__ == "__main__":
    with door(snakemake):
        main(snakemake)
