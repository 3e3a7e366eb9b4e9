"""Pictures of the trainings: learning curves, time and memory of every job, what had to be started again."""

from ionscape.jobs.hooks import report_import_errors

report_import_errors()

from pathlib import Path

from ionscape.evaluation.cross_validation import History
from ionscape.files.atomic import write_bytes, write_text
from ionscape.jobs.script import door
from ionscape.jobs.status import benchmarks, training_status
from ionscape.report.figures.style import to_png, write_figures
from ionscape.report.figures.training import curves_figure, jobs_figure
from ionscape.report.trainings_page import trainings_page


def main(job) -> None:
    histories: dict[str, list[History]] = {}
    for history in map(History.read, job.input.histories):
        if history.rows:
            histories.setdefault(history.facts["model"], []).append(history)
    write_figures(((model, curves_figure(model, of_folds)) for model, of_folds in histories.items()), job.output.curves)
    results = Path(job.params.results)
    jobs = benchmarks(results, job.params.models)
    seconds, megabytes = ([[entry[part] for entry in entries] for entries in jobs.values()] for part in (0, 1))
    write_bytes(job.output.jobs, to_png(jobs_figure(list(jobs), seconds, megabytes)))
    write_text(job.output.trainings, trainings_page(training_status(results)))


if __name__ == "__main__":
    with door(snakemake):
        main(snakemake)
