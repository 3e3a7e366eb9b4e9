"""Renders a shard's runs as mass × time images (METHOD steps 1–3)."""

from ionscape.jobs.hooks import report_import_errors

report_import_errors()

from ionscape.config.grid import Grid
from ionscape.files.artifact import read_table
from ionscape.images.render import render_images
from ionscape.images.store import image_schema, shard_rows, write_images
from ionscape.jobs.progress import Progress
from ionscape.jobs.script import door


def main(job) -> None:
    samples, _ = read_table(job.input.samples, "samples", columns=["sample_id", "path"])
    shard, shards = (int(part) for part in job.wildcards.scatteritem.split("-of-"))
    rows = shard_rows(len(samples), shard - 1, shards)
    part = samples.slice(rows.start, len(rows))
    grid = Grid(**job.params.grid)
    runs = zip(part["sample_id"].to_pylist(), part["path"].to_pylist(), strict=True)
    batches = render_images(list(runs), job.params.root, job.params.columns, grid, Progress("runs rendered"))
    write_images(job.output[0], image_schema(grid, "none", job.params.columns["axis"]), batches)


if __name__ == "__main__":
    with door(snakemake):
        main(snakemake)
