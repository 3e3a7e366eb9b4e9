"""What made the results: code, packages, machines, seeds, configuration."""

from ionscape.jobs.hooks import report_import_errors

report_import_errors()

from pathlib import Path

from ionscape.files.atomic import write_text
from ionscape.jobs.script import door
from ionscape.jobs.status import training_status
from ionscape.report.provenance_page import provenance_page


def main(job) -> None:
    rows = training_status(Path(job.params.results))
    write_text(job.output[0], provenance_page(job.params.config, rows, Path(job.params.repository)))


if __name__ == "__main__":
    with door(snakemake):
        main(snakemake)
