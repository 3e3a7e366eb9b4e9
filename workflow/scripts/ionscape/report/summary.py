"""What a run says at its end, in three lines: the result, where to look, what next."""

import csv
from pathlib import Path

from ..evaluation.run_metrics import RunMetrics


def run_lines(results: Path, given: str) -> str:
    """Of a run that fitted its ensemble.

    Args:
        results: ``results/{run}``; given: what names its configuration on the command line, `` --configfile FILE``.
    """
    metrics = RunMetrics.read(results / "ensemble" / "metrics.json")
    loss, base = metrics.ensemble_nested.log_loss, metrics.baseline.log_loss
    low, high = metrics.ensemble_nested.log_loss_interval
    best, entry = min(metrics.models.items(), key=lambda item: item[1].log_loss)
    return (
        f"Result:  log loss {loss:.4f} (95 %: {low:.4f}–{high:.4f}), {loss / base:.2f} of "
        f"constant frequencies'; best single model: {best}, {entry.log_loss:.4f}\n"
        f"Look at: snakemake --report report.html{given}   (one page with everything), {results}/ensemble/leaderboard.txt\n"
        f"Next:    snakemake export{given}, then: snakemake predict --config model={results}/export new=FOLDER-OR-FILES"
    )


def prediction_lines(predictions: Path) -> str:
    """Of a prediction: ``predictions`` is the folder that it wrote."""
    with open(predictions / "predictions.csv", encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    failed, warned = (sum(bool(row[column]) for row in rows) for column in ("problem", "warning"))
    return (
        f"Result:  {len(rows) - failed} of {len(rows)} runs answered, {warned} with a warning, {failed} could not be read\n"
        f"Look at: {predictions}/predictions.csv, and a page a run in {predictions}/pages/\n"
        f"Next:    see the columns 'warning' and 'problem' before an answer is used"
    )
