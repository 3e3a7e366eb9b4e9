"""Pictures of the data set: labels, total ion chromatograms, and what models see of some samples."""

from ionscape.jobs.hooks import report_import_errors

report_import_errors()

from ionscape.data.samples import SampleTable
from ionscape.files.artifact import read_metadata
from ionscape.files.atomic import atomic_folder, write_bytes
from ionscape.files.paths import file_name
from ionscape.images.store import stream_images
from ionscape.jobs.script import door
from ionscape.report.figures.data import (
    by_split,
    clearest_samples,
    label_counts,
    labels_figure,
    relative_tics,
    sample_figure,
    tic_figure,
)
from ionscape.report.figures.style import to_png


def main(job) -> None:
    samples = SampleTable.read(job.input.samples)
    write_bytes(job.output.labels, to_png(labels_figure(samples.labels, *label_counts(samples))))
    about, chosen = read_metadata(job.input.images[0], "images"), clearest_samples(samples, job.params.samples)
    axis = about["axis"], about["axis_range"]
    tics = []
    with atomic_folder(job.output.samples) as folder:
        for path in job.input.images:
            for ids, images in stream_images(path):
                tics += [*relative_tics(images)]
                for sample, image in zip(ids, images, strict=True):
                    if sample in chosen:
                        figure = sample_figure(samples, sample, image, *axis)
                        write_bytes(folder / f"{file_name(sample)}.png", to_png(figure))
    write_bytes(job.output.tics, to_png(tic_figure(by_split(samples, tics), *axis)))


if __name__ == "__main__":
    with door(snakemake):
        main(snakemake)
