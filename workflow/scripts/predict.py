"""Answers for new runs by an exported ensemble: predictions.csv, and a page a sample with the reasons."""

from ionscape.jobs.hooks import report_import_errors

report_import_errors()

from pathlib import Path

from ionscape.files.atomic import write_text
from ionscape.jobs.lease import leased
from ionscape.jobs.progress import Progress
from ionscape.jobs.script import door, logger
from ionscape.jobs.signals import or_stop, stoppable
from ionscape.serving.export import open_export
from ionscape.serving.predict import predict
from ionscape.serving.predictions import explain_answers, predictions_csv


def main(job) -> None:
    exported = open_export(job.params.model)
    with stoppable() as stopping, leased(job, stopping):
        reading, writing = (or_stop(Progress(words), stopping) for words in ("runs read", "pages written"))
        without = Path(job.output.predictions).parent
        answers = predict(exported, job.params.new, job.threads, reading, without)
        write_text(job.output.predictions, predictions_csv(answers))
        explain_answers(exported, answers, job.output.pages, job.threads, writing)
    for run, problem in zip(answers.read.runs, answers.read.problems, strict=True):
        if problem:
            logger.warning("%s is not answered for: %s", run.sample_id, problem)
    odd = sum(bool(phrases) for phrases in answers.read.warnings)
    done = len(answers.read.fine)
    logger.info("%d of %d runs answered, %d of them with a warning", done, len(answers.read.runs), odd)


if __name__ == "__main__":
    with door(snakemake):
        main(snakemake)
