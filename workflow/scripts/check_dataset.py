"""Checks metadata, labels and every run; writes samples.parquet, runs.parquet and a page of what is odd."""

from ionscape.jobs.hooks import report_import_errors

report_import_errors()

from functools import partial
from pathlib import Path

from ionscape.config.grid import Grid
from ionscape.config.sections import Side
from ionscape.data.check import Layout, check_dataset
from ionscape.data.run_facts import write_facts
from ionscape.files.atomic import write_text
from ionscape.images.render import render
from ionscape.jobs.progress import Progress
from ionscape.jobs.script import door, logger
from ionscape.report.dataset_page import check_page, scarce_labels


def main(job) -> None:
    layout = Layout(
        root=Path(job.params.root),
        metadata=Path(job.input.metadata),
        labels=[Path(path) for path in job.input.labels],
        submission_format=Path(job.input.submission_format) if job.input.submission_format else None,
        columns=job.params.columns,
        side=Side(**job.params.side) if job.params.side else None,
        group=job.params.group,
        grid=Grid(**job.params.grid),
    )
    checked = check_dataset(layout, partial(render, grid=layout.grid), job.threads, Progress("runs checked"))
    write_text(job.output.page, check_page(checked, layout))
    samples = checked.samples
    for label, why in scarce_labels(samples).items():
        logger.warning("label %s: %s", label, why)
    samples.write(job.output.samples)
    write_facts(job.output.runs, samples.ids, checked.runs)
    logger.info("%d samples, %d labels; what is odd: %s", len(samples.ids), len(samples.labels), job.output.page)


if __name__ == "__main__":
    with door(snakemake):
        main(snakemake)
