"""Checks metadata, labels and every run; writes samples.parquet, runs.parquet and a page of what is odd."""

from ionscape.jobs.hooks import report_import_errors

report_import_errors()

from functools import partial
from pathlib import Path

from ionscape.config.grid import Grid
from ionscape.data.check import Layout, check_dataset
from ionscape.data.run_facts import facts_table
from ionscape.files.artifact import write_table
from ionscape.files.atomic import write_text
from ionscape.images.render import render
from ionscape.jobs.progress import Progress
from ionscape.jobs.script import door, logger
from ionscape.report.dataset_page import check_page


def main(job) -> None:
    layout = Layout(
        root=Path(job.params.root),
        metadata=Path(job.input.metadata),
        labels=[Path(path) for path in job.input.labels],
        submission_format=Path(job.input.submission_format) if job.input.submission_format else None,
        columns=job.params.columns,
        side=job.params.side,
        group=job.params.group,
        grid=Grid(**job.params.grid),
    )
    checked = check_dataset(layout, partial(render, grid=layout.grid), job.threads, Progress("runs checked"))
    write_text(job.output.page, check_page(checked, layout))
    facts = {"labels": checked.labels, "submission": checked.submission, "submission_labels": checked.submission_labels}
    write_table(checked.samples, job.output.samples, "samples", **facts)
    write_table(facts_table(checked.samples["sample_id"].to_pylist(), checked.runs), job.output.runs, "runs")
    logger.info("%d samples, %d labels; what is odd: %s", len(checked.samples), len(checked.labels), job.output.page)


if __name__ == "__main__":
    with door(snakemake):
        main(snakemake)
