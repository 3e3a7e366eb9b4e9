"""Simulates the embedded example: GC-MS runs of known compounds, in the challenge's layout."""

from ionscape.jobs.hooks import report_import_errors

report_import_errors()

from pathlib import Path

from ionscape.data.example.library import read_library
from ionscape.data.example.writer import write_example
from ionscape.jobs.progress import Progress
from ionscape.jobs.script import door


def main(job) -> None:
    library = read_library(job.input.library)
    folder = Path(job.output.metadata).parent
    write_example(library, folder, **job.params.example, progress=Progress("runs simulated"))


if __name__ == "__main__":
    with door(snakemake):
        main(snakemake)
