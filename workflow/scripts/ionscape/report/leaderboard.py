"""The leaderboard: its rows, and the rest of metrics.json, laid out as text, as a page, and as Markdown."""

import re
import statistics
from dataclasses import dataclass
from html import escape

from ..errors import InputError
from ..evaluation.ensemble import Ensemble
from ..evaluation.run_metrics import RunMetrics, Score, SimilarityBin
from .html import SORT, document, number, table


@dataclass(frozen=True)
class Row:
    """A row of the leaderboard.

    Attributes:
        name: as it is shown; family: of a model, else empty.
        member: whether a model is in the ensemble; None for other rows.
        learnt: how many runs a fit learns from, or from … to over the members; empty in an earlier version's metrics.
        score: out-of-fold; held_out: log loss on each held-out split, None where it was not scored there.
    """

    name: str
    family: str
    member: bool | None
    learnt: str
    score: Score
    held_out: list[float | None]

    @property
    def marked(self) -> str:
        """The name, with an asterisk if it is a member."""
        return f"{self.name} *" if self.member else self.name


def leaderboard_rows(metrics: RunMetrics, ensemble: Ensemble, families: dict[str, str]) -> list[Row]:
    """Both ensembles, every model, best first, and the constant baseline. ``families``: model → its family."""
    splits = metrics.held_out.values()
    with_all = [split.ensemble.log_loss for split in splits]
    learnt = metrics.learnt_from
    ends = sorted({learnt[name] for name in ensemble.members if name in learnt})
    of_all = "–".join(str(end) for end in dict.fromkeys(ends[:1] + ends[-1:]))
    rows = [
        Row("ensemble (nested)", "", None, of_all, metrics.ensemble_nested, [*with_all]),
        Row("ensemble (optimistic)", "", None, of_all, metrics.ensemble, [*with_all]),
    ]
    for name, score in sorted(metrics.models.items(), key=lambda item: item[1].log_loss):
        held_out = [split.models[name].log_loss for split in splits]
        own = str(learnt.get(name, ""))
        rows.append(Row(name, families.get(name, ""), name in ensemble.members, own, score, [*held_out]))
    of_baseline = str(metrics.baseline_from or "")
    return [*rows, Row("constant frequencies", "", None, of_baseline, metrics.baseline, [None] * len(splits))]


def _methods(metrics: RunMetrics) -> list[tuple[str, float]]:
    """Ways of blending and their nested losses, best first."""
    return sorted(metrics.methods_nested.items(), key=lambda item: item[1])


def leaderboard_text(metrics: RunMetrics, ensemble: Ensemble, submission: str) -> str:
    """The leaderboard as text, and what else is to be known at a glance. ``submission``: path of the file."""
    base = metrics.baseline.log_loss
    rows = leaderboard_rows(metrics, ensemble, {})
    width = max(len(row.marked) for row in rows)
    header = (
        f"{'model':<{width}}  log loss  95 % interval  of constant  folds (min–max)  avg. precision  ROC AUC  learnt from"
    )
    lines = [header, "-" * len(header)]
    for row in rows:
        score, folds, (low, high) = row.score, row.score.log_loss_by_fold, row.score.log_loss_interval
        lines.append(
            f"{row.marked:<{width}}  {score.log_loss:8.4f}  {low:.4f}–{high:.4f}  {score.log_loss / base:11.2f}  "
            f"{min(folds):.4f}–{max(folds):.4f}    {_padded(score.average_precision)}          {_padded(score.roc_auc)}  "
            f"{row.learnt:>11}".rstrip()
        )
    lines += [
        "",
        f"Out-of-fold on {metrics.samples} samples; intervals: bootstrap over samples. Ensemble: {ensemble.method}"
        " (* member). Nested: chosen and",
        "fitted on the other folds; the optimistic row on the labels that it is scored on. Learnt from: runs, of one fit.",
        "Nested by method: " + ", ".join(f"{name} {loss:.4f}" for name, loss in _methods(metrics)),
    ]
    for family, gain in metrics.families.items():
        low, high = gain.gain_interval
        lines.append(f"Without family {family}: {gain.without:.4f} ({gain.gain:+.4f}, {low:+.4f} … {high:+.4f})")
    near, others = metrics.replicates.near_identical, metrics.replicates.others
    if near.samples and others.samples:
        lines.append(
            f"With a near-identical run in another fold, {near.samples} samples: {near.ensemble_nested:.4f}; the other "
            f"{others.samples}: {others.ensemble_nested:.4f} (nested)"
        )
    if len(metrics.similarity) > 1:
        parts = ", ".join(f"{one.similarity:.3f} {one.log_loss:.4f}" for one in metrics.similarity)
        lines.append(f"Nested by similarity to the nearest run of another fold (mean cosine of a bin): {parts}")
    for split, held_out in metrics.held_out.items():
        scores = [(held_out.ensemble.log_loss, "ensemble")]
        scores += [(score.log_loss, name) for name, score in held_out.models.items()]
        text = ", ".join(f"{name} {loss:.4f}" for loss, name in sorted(scores))
        lines.append(f"Held out, {held_out.samples} samples of split {split}: {text}")
    return "\n".join([*lines, f"Submission: {submission}"]) + "\n"


def _padded(value: float | None) -> str:
    return f"{value:6.4f}" if value is not None else "     –"


def leaderboard_page(metrics: RunMetrics, ensemble: Ensemble, families: dict[str, str]) -> str:
    """The leaderboard as a page that can be sorted: all scores, and by label; blending, families, replicates, suspects.

    Args:
        families: model → family.
    """
    rows = leaderboard_rows(metrics, ensemble, families)
    labels, base = list(metrics.baseline.labels), metrics.baseline.log_loss
    header = ["model", "family", "in ensemble", "log loss", "from", "to", "of constant", "best fold", "worst fold"]
    header += ["avg. precision", "ROC AUC", "learnt from", *(f"held out: {split}" for split in metrics.held_out)]
    by_label = [[row.name, *(number(row.score.labels[label].log_loss) for label in labels)] for row in rows]
    methods = [[name, number(loss)] for name, loss in _methods(metrics)]
    near, others = metrics.replicates.near_identical, metrics.replicates.others
    similar = [
        [words, part.samples, number(part.ensemble_nested)]
        for words, part in (("with a near-identical run in another fold", near), ("others", others))
    ]
    body = (
        f"<p>Out-of-fold on {metrics.samples} samples. <b>ensemble (nested)</b> is the row to quote: how the models "
        "are weighed was decided on the other folds each time. <b>ensemble (optimistic)</b> was fitted to the labels that "
        "it is scored on. A network's epoch is chosen on its validation fold in all rows. Intervals (from, to): 95 %, "
        "bootstrap over samples. Click a head to sort.</p>"
        + table(header, [_cells(row, base) for row in rows])
        + "<h2>Log loss by label</h2>"
        + table(["model", *labels], by_label)
        + f"<h2>Ways to put the models together, nested</h2><p>Chosen: {escape(ensemble.method)}.</p>"
        + table(["method", "log loss"], methods)
        + "<h2>What each family adds</h2>"
        + _gains(metrics)
        + "<h2>Replicates</h2>"
        + table(["samples", "number", "nested log loss"], similar)
        + "<h2>Similarity</h2><p>The nearer the most similar run is that was learnt from, the better the answer: mean "
        + "cosine of each bin, and the nested log loss of its samples.</p>"
        + table(["cosine", "samples", "nested log loss"], [_bin(one) for one in metrics.similarity])
        + "<h2>Suspects</h2>"
        + _suspects(metrics)
    )
    return document("Leaderboard", f'<div style="overflow-x:auto">{body}</div>{SORT}')


def _cells(row: Row, base: float) -> list[str]:
    score = row.score
    numbers = [score.log_loss, *score.log_loss_interval, score.log_loss / base]
    ranks = [min(score.log_loss_by_fold), max(score.log_loss_by_fold), score.average_precision, score.roc_auc]
    member = {None: "", True: "yes", False: "no"}[row.member]
    return [row.name, row.family, member, *map(number, [*numbers, *ranks]), row.learnt, *map(number, row.held_out)]


def _bin(one: SimilarityBin) -> list[str]:
    return [number(one.similarity), str(one.samples), number(one.log_loss)]


def _gains(metrics: RunMetrics) -> str:
    rows = [
        [family, number(gain.without), f"{gain.gain:+.4f}", *(f"{end:+.4f}" for end in gain.gain_interval)]
        for family, gain in metrics.families.items()
    ]
    return table(["family", "log loss without it", "gain", "from", "to"], rows) if rows else "<p>There is one family.</p>"


def _suspects(metrics: RunMetrics) -> str:
    if not metrics.suspects:
        return "<p>No label that every model contradicts.</p>"
    rows = [[doubt.sample_id, doubt.label, doubt.value, f"{doubt.probability:.4f}"] for doubt in metrics.suspects]
    words = "<p>Labels that every model of the ensemble contradicts: worth a look at the sample, or at its label.</p>"
    return words + table(["sample", "label", "given", "best model's probability of it"], rows)


def results_table(runs: list[tuple[RunMetrics, Ensemble]]) -> str:
    """A run as a Markdown table: one row a model, best first, below the ensemble's.

    Args:
        runs: the run, and its repetitions with other seeds.
    """
    metrics, ensemble = runs[0]
    constant = metrics.baseline.log_loss
    nested, _, *others = leaderboard_rows(metrics, ensemble, {})

    def row(name: str, score: Score, learnt: str) -> str:
        low, high = score.log_loss_interval
        return (
            f"| {name} | {score.log_loss:.4f} | {low:.4f} – {high:.4f} | {score.log_loss / constant:.2f} "
            f"| {' | '.join('–' if rank is None else f'{rank:.3f}' for rank in (score.average_precision, score.roc_auc))} "
            f"| {learnt} |"
        )

    own = metrics.methods_nested["select"]
    lines = ["| | log loss | 95 % interval | of constant | avg. precision | ROC AUC | runs learnt from |"]
    lines += ["|---|---|---|---|---|---|---|", row("**ensemble, nested**", nested.score, nested.learnt)]
    lines.append(f"| the method's own ensemble, nested | {own:.4f} | | {own / constant:.2f} | | | {nested.learnt} |")
    lines += [row(other.marked.replace("*", "\\*"), other.score, other.learnt) for other in others]
    gains = [f"{name} {gain.gain:+.4f}" for name, gain in metrics.families.items()]
    lines += ["", f"Ensemble: `{ensemble.method}`. What each family adds to it: {', '.join(gains)}."]
    if len(runs) > 1:
        losses = [entry.ensemble_nested.log_loss for entry, _ in runs]
        spread = statistics.stdev(losses)
        lines.append(f"{len(runs)} seeds: {statistics.mean(losses):.4f} ± {spread:.4f} (standard deviation).")
    return "\n".join(lines)


def fill(text: str, run: str, table: str) -> str:
    """The text with what stands between ``<!-- results of RUN -->`` and ``<!-- end -->`` replaced.

    Raises InputError: it has no such part.
    """
    pattern = re.compile(rf"(<!-- results of {re.escape(run)} -->\n).*?(<!-- end -->)", re.S)
    if not pattern.search(text):
        raise InputError(f"no part between '<!-- results of {run} -->' and '<!-- end -->'")
    return pattern.sub(lambda found: f"{found[1]}\n{table}\n\n{found[2]}", text)
