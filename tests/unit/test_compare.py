"""Paired comparisons, and the README's table of results."""

import re

import numpy as np
import pytest
from test_results import Study

from ionscape.errors import InputError
from ionscape.evaluation.comparison import comparison
from ionscape.evaluation.metrics import interval
from ionscape.report.leaderboard import fill, results_table


def test_an_interval_is_that_of_a_mean():
    values = np.random.default_rng(1).normal(3, 2, 1000)
    low, high = interval(values)
    error = values.std() / np.sqrt(1000)
    assert (low, high) == pytest.approx((values.mean() - 1.96 * error, values.mean() + 1.96 * error), abs=0.02)
    assert interval(values) == (low, high)


def test_a_comparison_is_paired_by_sample():
    rng = np.random.default_rng(0)
    ids = [f"S{n}" for n in range(300)]
    hard = rng.exponential(1, 300)  # samples differ far more than the two ensembles do
    first, second = (ids, hard), (ids[::-1][:-1], (hard + rng.normal(0.01, 0.02, 300))[::-1][:-1])
    text = comparison(first, second)
    assert "of 299 samples" in text
    gain, low, high = (float(number) for number in re.findall(r"[+-]0\.\d{4}", text))
    assert gain == pytest.approx(0.01, abs=0.003)
    assert 0 < low < gain < high < 0.02
    with pytest.raises(InputError, match="no sample in common"):
        comparison(first, (["X"], np.ones(1)))


def test_the_table_of_a_run_and_of_its_seeds():
    runs = [(summary.metrics, summary.ensemble) for summary in (Study().summarize(), Study().summarize(method="weigh"))]
    table = results_table(runs)
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    assert len(rows) == 1 + 1 + 1 + 3 + 1
    nested = [metrics.ensemble_nested.log_loss for metrics, _ in runs]
    assert f"{nested[0]:.4f}" in rows[1]
    assert f"2 seeds: {np.mean(nested):.4f} ± {np.std(nested, ddof=1):.4f}" in table
    assert "seeds" not in results_table(runs[:1])
    losses = [float(row.split("|")[2]) for row in rows[3:6]]
    assert losses == sorted(losses)


def test_a_table_of_labels_with_one_class():
    summary = Study().summarize()
    metrics = summary.metrics
    score = metrics.ensemble_nested.model_copy(update={"average_precision": None, "roc_auc": None})
    table = results_table([(metrics.model_copy(update={"ensemble_nested": score}), summary.ensemble)])
    assert "**ensemble, nested**" in table
    assert "| – | – |" in table


def test_only_a_runs_own_part_is_replaced():
    text = "a\n<!-- results of one -->\nold\n<!-- end -->\nb\n<!-- results of two -->\nkept\n<!-- end -->\n"
    filled = fill(text, "one", "new \\1")
    assert filled == text.replace("old\n", "\nnew \\1\n\n")
    assert fill(filled, "one", "new \\1") == filled
    with pytest.raises(InputError, match="results of three"):
        fill(text, "three", "new")
