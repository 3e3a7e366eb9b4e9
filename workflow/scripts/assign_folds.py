"""Assigns each training sample the fold that it validates; reports samples that are alike and yet in different folds."""

import numpy as np

from ionscape.alike import NEAR_IDENTICAL, alike_pairs, fingerprints, together
from ionscape.folds import across_folds, assign_folds, given_folds, join_folds, training_part
from ionscape.images import stream_images
from ionscape.scripting import door, logger
from ionscape.tables import read_rows, read_table, write_table


def main(job) -> None:
    settings = job.params.folds
    table, facts = read_table(job.input.samples, "samples")
    train, labels, groups = training_part(table, facts["labels"])
    known = set(train)
    prints = []
    for path in job.input.images:
        for ids, images in stream_images(path):
            prints.append(fingerprints(images[[sample in known for sample in ids]]))
    pairs = list(alike_pairs(np.concatenate(prints), settings["alike"] or NEAR_IDENTICAL))
    if settings["alike"]:
        groups = together(groups, pairs)
    if job.input.get("folds"):
        _, rows = read_rows(job.input.folds, "the folds", ["sample_id", "fold"])
        folds = given_folds(rows, train, settings["count"], job.input.folds)
    else:
        folds = assign_folds(labels, settings["count"], settings["seed"], groups)
    joined = join_folds(table, facts["labels"][0], train, folds, settings["train_val"], settings["held_out"])
    for what, column in (("identical runs", "md5"), ("samples of one group", "group")):
        for alike in across_folds(table, joined, column):
            logger.warning("%s in different folds: %s; scores on them are optimistic", what, ", ".join(alike))
    if apart := [(train[i], train[j], cosine) for i, j, cosine in pairs if folds[i] != folds[j]]:
        logger.warning(
            "%d pairs of near-identical runs are in different folds, such as %s and %s (cosine similarity %.4f); scores "
            "are optimistic where new samples are no such replicates; folds.alike: %s keeps them together",
            len(apart), *max(apart, key=lambda pair: pair[2]), NEAR_IDENTICAL,
        )  # fmt: skip
    write_table(joined, job.output[0], "folds")


if __name__ == "__main__":
    with door(snakemake):  # noqa: F821
        main(snakemake)  # noqa: F821
