"""Assigns each training sample the fold that it validates; reports samples that are alike and yet in different folds."""

import numpy as np
import pyarrow as pa

from ionscape.alike import NEAR_IDENTICAL, alike_pairs, fingerprints, nearest_apart, together
from ionscape.folds import across_folds, assign_folds, given_folds, join_folds, training_part
from ionscape.images import stream_images
from ionscape.scripting import door, logger
from ionscape.tables import read_rows, read_table, write_table


def main(job) -> None:
    settings = job.params.folds
    table, facts = read_table(job.input.samples, "samples")
    train, labels, groups = training_part(table, facts["labels"])
    prints = {}
    for path in job.input.images:
        for ids, images in stream_images(path):
            prints |= dict(zip(ids, fingerprints(images), strict=True))
    if settings["alike"]:
        groups = together(groups, list(alike_pairs(np.stack([prints[sample] for sample in train]), settings["alike"])))
    if job.input.get("folds"):
        _, rows = read_rows(job.input.folds, "the folds", ["sample_id", "fold"])
        folds = given_folds(rows, train, settings["count"], job.input.folds)
    else:
        folds = assign_folds(labels, settings["count"], settings["seed"], groups)
    joined = join_folds(table, facts["labels"][0], train, folds, settings["train_val"], settings["held_out"])
    for what, column in (("identical runs", "md5"), ("samples of one group", "group")):
        for alike in across_folds(table, joined, column):
            logger.warning("%s in different folds: %s; scores on them are optimistic", what, ", ".join(alike))
    used = joined["sample_id"].to_pylist()
    cosine, row = nearest_apart(np.stack([prints[sample] for sample in used]), joined["fold"].to_numpy())
    if near := int((cosine >= NEAR_IDENTICAL).sum()):
        first = int(cosine.argmax())
        logger.warning(
            "%d of %d samples have a near-identical run in another fold, such as %s has %s (cosine similarity %.4f): if "
            "new samples are no replicates of these, scores are optimistic; folds.alike: %s keeps them together",
            near, len(used), used[first], used[row[first]], cosine[first], NEAR_IDENTICAL,
        )  # fmt: skip
    write_table(joined.append_column("nearest", pa.array(cosine, pa.float32())), job.output[0], "folds")


if __name__ == "__main__":
    with door(snakemake):  # noqa: F821
        main(snakemake)  # noqa: F821
