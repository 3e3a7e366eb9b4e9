"""Assigns each training sample the fold that it validates."""

from ionscape.jobs.hooks import report_import_errors

report_import_errors()

import numpy as np

from ionscape.evaluation.folds import across_folds, assign_folds, given_folds, join_folds, training_part
from ionscape.files.artifact import read_table, write_table
from ionscape.files.small_csv import read_rows
from ionscape.images.similarity import fingerprints, together
from ionscape.images.store import stream_images
from ionscape.jobs.script import door, logger


def main(job) -> None:
    settings = job.params.folds
    table, facts = read_table(job.input.samples, "samples")
    train, labels, groups = training_part(table, facts["labels"])
    if job.input.get("folds"):
        _, rows = read_rows(job.input.folds, "the folds", ["sample_id", "fold"])
        folds = given_folds(rows, train, settings["count"], job.input.folds)
    else:
        if settings["alike"]:
            known, prints = set(train), []
            for path in job.input.images:
                for ids, images in stream_images(path):
                    prints.append(fingerprints(images[[sample in known for sample in ids]]))
            groups = together(groups, np.concatenate(prints), settings["alike"])
        folds = assign_folds(labels, settings["count"], settings["seed"], groups)
    joined = join_folds(table, facts["labels"][0], train, folds, settings["train_val"], settings["held_out"])
    for what, column in (("identical runs", "md5"), ("samples of one group", "group")):
        for alike in across_folds(table, joined, column):
            logger.warning("%s in different folds: %s; scores on them are optimistic", what, ", ".join(alike))
    write_table(joined, job.output[0], "folds")


if __name__ == "__main__":
    with door(snakemake):
        main(snakemake)
