"""Pictures of the trainings: learning curves, time and memory of every job, what had to be started again."""

from ionscape.jobs.hooks import report_import_errors

report_import_errors()

from pathlib import Path

from ionscape.files.artifact import read_table
from ionscape.files.atomic import atomic_folder, write_bytes, write_text
from ionscape.jobs.script import door
from ionscape.jobs.status import benchmarks, training_status
from ionscape.report.figures.style import to_png
from ionscape.report.figures.training import curves_figure, jobs_figure
from ionscape.report.trainings_page import trainings_page


def main(job) -> None:
    histories, chosen = {}, {}
    for path in job.input.histories:
        table, facts = read_table(path, "history")
        if len(table):
            columns = {name: table[name].to_numpy() for name in ("epoch", "train_loss", "validation_loss")}
            histories.setdefault(facts["model"], {})[facts["fold"]] = columns
            chosen.setdefault(facts["model"], {})[facts["fold"]] = facts["best_epoch"]
    with atomic_folder(job.output.curves) as folder:
        for model, of_folds in histories.items():
            write_bytes(folder / f"{model}.png", to_png(curves_figure(model, of_folds, chosen[model])))
    results = Path(job.params.results)
    jobs = benchmarks(results, job.params.models)
    seconds, megabytes = ([[entry[part] for entry in entries] for entries in jobs.values()] for part in (0, 1))
    write_bytes(job.output.jobs, to_png(jobs_figure(list(jobs), seconds, megabytes)))
    write_text(job.output.trainings, trainings_page(training_status(results)))


if __name__ == "__main__":
    with door(snakemake):
        main(snakemake)
