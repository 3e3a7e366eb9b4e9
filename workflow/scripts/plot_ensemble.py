"""The leaderboard to sort, how the ensemble was put together, and how far to trust it."""

from ionscape.jobs.hooks import report_import_errors

report_import_errors()

import numpy as np

from ionscape.evaluation.summary import nested_answers
from ionscape.files.artifact import read_json, read_table
from ionscape.files.atomic import write_bytes, write_text
from ionscape.jobs.script import door
from ionscape.report.figures.ensemble import (
    correlations_figure,
    precision_recall_figure,
    reliability_figure,
    walks_figure,
    weights_figure,
)
from ionscape.report.figures.style import to_png
from ionscape.report.leaderboard import leaderboard_page


def main(job) -> None:
    metrics, ensemble = read_json(job.input.metrics, "metrics"), read_json(job.input.ensemble, "ensemble")
    samples, facts = read_table(job.input.samples, "samples")
    labels, members = facts["labels"], ensemble["members"]
    _, _, truth, probabilities = nested_answers(samples, read_table(job.input.nested, "logits")[0], labels)
    weights = np.array([[ensemble["weights"][name][label] for label in labels] for name in members])
    matrix = np.array(metrics["correlations"]["logits"])
    figures = {
        "correlations": correlations_figure(metrics["correlations"]["models"], matrix),
        "weights": weights_figure(members, labels, weights),
        "walks": walks_figure(metrics["walks"]),
        "reliability": reliability_figure(metrics["calibration"]),
        "precision_recall": precision_recall_figure(labels, truth, probabilities),
    }
    for name, figure in figures.items():
        write_bytes(job.output[name], to_png(figure))
    write_text(job.output.leaderboard, leaderboard_page(metrics, ensemble, job.params.families))


if __name__ == "__main__":
    with door(snakemake):
        main(snakemake)
