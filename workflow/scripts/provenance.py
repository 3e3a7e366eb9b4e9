"""What made the results: code, packages, machines, seeds, configuration."""

from pathlib import Path

from ionscape.report_pages import provenance_page
from ionscape.scripting import door
from ionscape.status import training_status
from ionscape.tables import write_text


def main(job) -> None:
    rows = training_status(Path(job.params.results))
    write_text(job.output[0], provenance_page(job.params.config, rows, Path(job.params.repository)))


if __name__ == "__main__":
    with door(snakemake):  # noqa: F821
        main(snakemake)  # noqa: F821
