"""Fits the ensemble on the out-of-fold logits; writes its predictions, its metrics and the leaderboard."""

from ionscape.jobs.hooks import report_import_errors

report_import_errors()

from ionscape.evaluation.folds import folds_of
from ionscape.evaluation.summary import summarize
from ionscape.files.artifact import read_table, write_json, write_table
from ionscape.files.atomic import write_text
from ionscape.jobs.script import door
from ionscape.models.logits import Logits
from ionscape.report.leaderboard import leaderboard


def main(job) -> None:
    samples, facts = read_table(job.input.samples, "samples")
    folds = folds_of(read_table(job.input.folds, "folds")[0])
    replicates, _ = read_table(job.input.replicates, "replicates")
    oof, test = (Logits.read(read_table(path, "logits")[0], facts["labels"]) for path in (job.input.oof, job.input.test))
    summary = summarize(samples, facts, folds, replicates, oof, test, job.params.families, job.params.ensemble)
    write_table(summary.oof, job.output.oof, "logits", labels=facts["labels"], model="ensemble")
    write_table(summary.nested, job.output.nested, "logits", labels=facts["labels"], model="ensemble (nested)")
    write_json(job.output.ensemble, summary.ensemble, "ensemble")
    write_json(job.output.metrics, summary.metrics, "metrics")
    write_text(job.output.submission, summary.submission)
    board = leaderboard(summary.metrics, summary.ensemble, job.output.submission)
    write_text(job.output.leaderboard, board)
    print(board)


if __name__ == "__main__":
    with door(snakemake):
        main(snakemake)
