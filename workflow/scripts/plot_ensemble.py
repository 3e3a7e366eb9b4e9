"""The leaderboard to sort, how the ensemble was put together, and how far to trust it."""

from ionscape.jobs.hooks import report_import_errors

report_import_errors()

from ionscape.data.samples import SampleTable
from ionscape.evaluation.ensemble import Ensemble
from ionscape.evaluation.replicates import NEAR_IDENTICAL
from ionscape.evaluation.run_metrics import RunMetrics
from ionscape.evaluation.summary import nested_answers
from ionscape.files.atomic import write_bytes, write_text
from ionscape.jobs.script import door
from ionscape.models.logits import LogitTable
from ionscape.report.figures.ensemble import (
    correlations_figure,
    precision_recall_figure,
    reliability_figure,
    similarity_figure,
    walks_figure,
    weights_figure,
)
from ionscape.report.figures.style import to_png
from ionscape.report.leaderboard import leaderboard_page


def main(job) -> None:
    metrics, ensemble = RunMetrics.read(job.input.metrics), Ensemble.read(job.input.ensemble)
    samples = SampleTable.read(job.input.samples)
    _, truth, probabilities = nested_answers(samples, LogitTable.read(job.input.nested))
    figures = {
        "correlations": correlations_figure(metrics.correlations.models, metrics.correlations.logits),
        "weights": weights_figure(ensemble.members, samples.labels, ensemble.matrix),
        "walks": walks_figure(metrics.walks),
        "reliability": reliability_figure(metrics.calibration),
        "similarity": similarity_figure(metrics.similarity, NEAR_IDENTICAL),
        "precision_recall": precision_recall_figure(samples.labels, truth, probabilities),
    }
    for name, figure in figures.items():
        write_bytes(job.output[name], to_png(figure))
    write_text(job.output.leaderboard, leaderboard_page(metrics, ensemble, job.params.families))


if __name__ == "__main__":
    with door(snakemake):
        main(snakemake)
