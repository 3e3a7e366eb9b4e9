"""Fits the ensemble on the out-of-fold logits; writes its predictions, its metrics and the leaderboard."""

from ionscape.jobs.hooks import report_import_errors

report_import_errors()

from ionscape.config.sections import Ensemble as EnsembleSettings
from ionscape.data.samples import SampleTable
from ionscape.evaluation.folds import Folds
from ionscape.evaluation.novelty import Similarity
from ionscape.evaluation.replicates import Replicates
from ionscape.evaluation.summary import Fits, summarize
from ionscape.files.atomic import write_text
from ionscape.jobs.script import door
from ionscape.models.logits import Logits
from ionscape.report.leaderboard import leaderboard_text


def main(job) -> None:
    samples, folds = SampleTable.read(job.input.samples), Folds.read(job.input.folds)
    finer = [Folds.read(path) for path in job.input.finer]
    by_count = {one.count: one for one in (folds, *finer)}
    fits = {
        name: Fits(job.params.families[name], by_count[count], name in job.params.refitted)
        for name, count in job.params.counts.items()
    }
    replicates, similarity = Replicates.read(job.input.replicates), Similarity.read(job.input.similarity)
    oof, test = Logits.read(job.input.oof), Logits.read(job.input.test)
    settings = EnsembleSettings(**job.params.ensemble)
    summary = summarize(samples, folds, fits, replicates, similarity, oof, test, settings)
    summary.oof.write(job.output.oof)
    summary.nested.write(job.output.nested)
    summary.ensemble.write(job.output.ensemble)
    summary.metrics.write(job.output.metrics)
    write_text(job.output.submission, summary.submission)
    board = leaderboard_text(summary.metrics, summary.ensemble, job.output.submission)
    write_text(job.output.leaderboard, board)
    print(board)


if __name__ == "__main__":
    with door(snakemake):
        main(snakemake)
