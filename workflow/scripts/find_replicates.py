"""Finds for each validated sample the most similar run that its models were trained on."""

from ionscape.jobs.hooks import report_import_errors

report_import_errors()

import numpy as np
import pyarrow as pa

from ionscape.evaluation.folds import ALWAYS
from ionscape.files.artifact import read_table, write_table
from ionscape.images.similarity import NEAR_IDENTICAL, fingerprints, nearest_apart
from ionscape.images.store import stream_images
from ionscape.jobs.script import door, logger


def main(job) -> None:
    folds, _ = read_table(job.input.folds, "folds")
    ids, fold = folds["sample_id"].to_pylist(), folds["fold"].to_numpy()
    used, prints = set(ids), []
    for path in job.input.images:
        for samples, images in stream_images(path):
            prints.append(fingerprints(images[[sample in used for sample in samples]]))
    cosine, row = nearest_apart(np.concatenate(prints), fold)
    validated = np.flatnonzero(fold > ALWAYS)
    found = {
        "sample_id": [ids[n] for n in validated],
        "nearest": [ids[row[n]] for n in validated],
        "similarity": pa.array(cosine[validated], pa.float32()),
    }
    if near := int((cosine[validated] >= NEAR_IDENTICAL).sum()):
        first = validated[cosine[validated].argmax()]
        logger.warning(
            "%d of %d samples have a near-identical run in another fold, such as %s has %s (cosine similarity %.4f): if "
            "new samples are no replicates of these, scores are optimistic; folds.alike: %s keeps such runs together",
            near, len(validated), ids[first], ids[row[first]], cosine[first], NEAR_IDENTICAL,
        )  # fmt: skip
    write_table(pa.table(found), job.output[0], "replicates")


if __name__ == "__main__":
    with door(snakemake):
        main(snakemake)
