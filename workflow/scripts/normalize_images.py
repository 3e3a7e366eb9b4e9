"""Joins the shards' images and divides by maxima (METHOD step 5), a row group at a time."""

from ionscape.jobs.hooks import report_import_errors

report_import_errors()

from ionscape.config.grid import Grid
from ionscape.files.artifact import read_metadata
from ionscape.images.normalization import normalize
from ionscape.images.store import image_schema, stream_images, write_images
from ionscape.jobs.script import door


def main(job) -> None:
    normalization = job.wildcards.normalization
    facts = read_metadata(job.input[0], "images")
    limits = tuple(facts["axis_range"]) if facts["axis_range"] else None
    grid = Grid(facts["masses"], facts["times"], tuple(facts["drop_masses"]), limits, facts["statistic"])
    batches = ((ids, normalize(images, normalization)) for path in job.input for ids, images in stream_images(path))
    write_images(job.output[0], image_schema(grid, normalization, facts["axis"]), batches)


if __name__ == "__main__":
    with door(snakemake):
        main(snakemake)
