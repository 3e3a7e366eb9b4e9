"""Pictures of the data set: labels, total ion chromatograms, and what models see of some samples."""

from ionscape.jobs.hooks import report_import_errors

report_import_errors()

import numpy as np

from ionscape.files.artifact import read_metadata, read_table
from ionscape.files.atomic import atomic_folder, write_bytes
from ionscape.files.paths import file_name
from ionscape.images.normalization import NORMALIZATIONS, normalize
from ionscape.images.store import stream_images
from ionscape.jobs.script import door
from ionscape.report.figures.data import images_figure, labels_figure, tic_figure
from ionscape.report.figures.style import to_png


def main(job) -> None:
    samples, facts = read_table(job.input.samples, "samples")
    labels = facts["labels"]
    splits = samples["split"].to_pylist()
    truth = np.column_stack([samples[label].to_numpy() for label in labels])
    known = ~np.isnan(truth).any(axis=1)
    groups = {split: np.array([of == split for of in splits]) for split in dict.fromkeys(splits)}
    positives = {split: truth[rows & known].sum(axis=0) for split, rows in groups.items() if (rows & known).any()}
    together = truth[known].T @ truth[known]
    write_bytes(job.output.labels, to_png(labels_figure(labels, positives, together)))

    ids = samples["sample_id"].to_pylist()
    others = np.where(known, truth.sum(axis=1), np.inf)
    chosen = set()  # per label the samples with the fewest others: their images show that label alone
    for k in range(len(labels)):
        rows = np.flatnonzero(known & (truth[:, k] > 0))
        chosen |= {ids[row] for row in rows[np.argsort(others[rows], kind="stable")][: job.params.samples]}
    about = read_metadata(job.input.images[0], "images")
    column, limits = about["axis"], about["axis_range"]
    tics = []
    with atomic_folder(job.output.samples) as folder:
        for path in job.input.images:
            for names, images in stream_images(path):
                curves = np.maximum(images, 0).sum(axis=1)
                tics.append(curves / np.maximum(curves.max(axis=1, keepdims=True), np.finfo(np.float32).tiny))
                for sample, image in zip(names, images, strict=True):
                    if sample in chosen:
                        versions = {name: normalize(image, name) for name in NORMALIZATIONS}
                        has = [label for label, y in zip(labels, truth[ids.index(sample)], strict=True) if y]
                        figure = images_figure(f"{sample}: {', '.join(has)}", versions, column, limits)
                        write_bytes(folder / f"{file_name(sample)}.png", to_png(figure))
    tics = np.concatenate(tics)
    write_bytes(job.output.tics, to_png(tic_figure({split: tics[rows] for split, rows in groups.items()}, column, limits)))


if __name__ == "__main__":
    with door(snakemake):
        main(snakemake)
