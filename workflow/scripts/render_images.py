"""Renders a shard's runs as mass × time images (METHOD steps 1–3)."""

from ionscape.jobs.hooks import report_import_errors

report_import_errors()

from ionscape.config.grid import Grid
from ionscape.data.samples import SampleTable
from ionscape.images.render import render_images
from ionscape.images.store import image_schema, shard_rows, write_images
from ionscape.jobs.progress import Progress
from ionscape.jobs.script import door


def main(job) -> None:
    samples = SampleTable.read(job.input.samples)
    shard, shards = (int(part) for part in job.wildcards.scatteritem.split("-of-"))
    rows = shard_rows(len(samples.ids), shard - 1, shards)
    grid = Grid(**job.params.grid)
    runs = [(samples.ids[row], samples.paths[row]) for row in rows]
    batches = render_images(runs, job.params.root, job.params.columns, grid, Progress("runs rendered"))
    write_images(job.output[0], image_schema(grid, "none", job.params.columns["axis"]), batches)


if __name__ == "__main__":
    with door(snakemake):
        main(snakemake)
