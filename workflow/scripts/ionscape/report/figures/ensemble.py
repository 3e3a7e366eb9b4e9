"""What the models have in common, how the ensemble was put together, and how far to trust it."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from ...evaluation.run_metrics import Reliability, SimilarityBin, Step
from .style import BLACK, BLUE, CYCLE, DIVERGING, GREY, ORANGE, SEQUENTIAL, new_figure, tidy


def _matrix(
    values: np.ndarray, rows: Sequence[str], columns: Sequence[str], title: str, cmap: str, low: float, high: float
) -> Figure:
    width, height = 3.4 + 0.62 * len(columns), 2.1 + 0.34 * len(rows)
    figure = new_figure(width, height)
    axes = figure.add_axes((1.9 / width, 1.55 / height, 0.62 * len(columns) / width, 0.34 * len(rows) / height))
    shown = axes.imshow(values, cmap=cmap, vmin=low, vmax=high, aspect="auto")
    for row in range(len(rows)):
        for column in range(len(columns)):
            value = values[row, column]
            red, green, blue, _ = shown.cmap(shown.norm(value))
            dark = 0.3 * red + 0.6 * green + 0.1 * blue < 0.5
            axes.text(
                column,
                row,
                "–" if np.isnan(value) else f"{value:.2f}",
                ha="center",
                va="center",
                fontsize=8,
                color="white" if dark else BLACK,
            )
    axes.set_yticks(range(len(rows)), rows, fontsize=8)
    axes.set_xticks(range(len(columns)), columns, fontsize=8, rotation=45, ha="right", rotation_mode="anchor")
    figure.text(0.1 / width, 1 - 0.3 / height, title, fontsize=10)
    return figure


def correlations_figure(models: Sequence[str], correlations: Sequence[Sequence[float | None]]) -> Figure:
    """Pearson correlation of the models' out-of-fold logits [models][models]: the lower, the more one adds to another."""
    return _matrix(
        np.array(correlations, dtype=np.float64), models, models, "Correlation of out-of-fold logits", DIVERGING, -1, 1
    )


def weights_figure(members: Sequence[str], labels: Sequence[str], weights: np.ndarray) -> Figure:
    """Weight of each member's logit [members, labels]."""
    top = max(1.0, float(weights.max()))
    return _matrix(weights, members, labels, "Weights of the members' logits, by label", SEQUENTIAL, 0, top)


def walks_figure(paths: dict[str, list[Step]]) -> Figure:
    """The losses of METHOD's two walks over subsets of models; the model that joins or leaves is named at each step.

    Args:
        paths: ``grow`` and ``drop`` → their steps.
    """
    figure = new_figure(9.5, 4)
    panels = figure.subplots(1, 2, sharey=True)
    for axes, (walk, path), colour in zip(panels, paths.items(), (BLUE, ORANGE), strict=True):
        sizes, losses = [len(step.members) for step in path], [step.loss for step in path]
        axes.plot(sizes, losses, "-o", color=colour, ms=4)
        best = min(range(len(path)), key=losses.__getitem__)
        axes.plot(sizes[best], losses[best], "o", ms=10, mfc="none", mec=BLACK)
        for number, step in enumerate(path):
            before = set(path[number - 1].members) if number else set()
            changed = sorted(set(step.members) ^ before) if number else (step.members if walk == "grow" else ["all"])
            sign = "+" if walk == "grow" else ("−" if number else "")
            words = f"{sign}{', '.join(changed)}"
            axes.annotate(
                words, (sizes[number], losses[number]), (4, 6), textcoords="offset points", rotation=35, fontsize=7
            )
        if walk == "drop":
            axes.invert_xaxis()
        axes.set_xticks(range(1, len(path) + 1))
        axes.margins(x=0.12, y=0.25)
        tidy(axes, f"{walk}; ring: the best", "models", "log loss of their mean, with shrinkage" if walk == "grow" else "")
    figure.subplots_adjust(left=0.09, right=0.97, top=0.9, bottom=0.13, wspace=0.08)
    return figure


def _grid(panels: int, columns: int = 4) -> tuple[Figure, np.ndarray]:
    columns = min(columns, panels)
    rows = -(-panels // columns)
    figure = new_figure(2.7 * columns + 0.4, 2.7 * rows + 0.7)
    axes = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for spare in axes[panels:]:
        spare.set_axis_off()
    figure.subplots_adjust(
        left=0.07, right=0.98, top=1 - 0.5 / (2.7 * rows + 0.7), bottom=0.5 / (2.7 * rows + 0.7), hspace=0.42, wspace=0.15
    )
    return figure, axes


def reliability_figure(calibration: dict[str, Reliability]) -> Figure:
    """Reliability diagram of all labels together and of each: frequency over probability, and how many answers a bin has.

    Args:
        calibration: label → its reliability.
    """
    figure, panels = _grid(len(calibration))
    for axes, (label, entry) in zip(panels, calibration.items(), strict=False):
        axes.plot([0, 1], [0, 1], color=GREY, lw=0.8, ls=":")
        axes.plot(entry.probability, entry.frequency, "-o", color=BLUE, ms=4)
        for x, y, count in zip(entry.probability, entry.frequency, entry.count, strict=True):
            axes.annotate(f"{count}", (x, y), (3, -9), textcoords="offset points", fontsize=6.5, color=BLACK)
        tidy(axes, f"{label}\nECE {entry.ece:.3f}", "probability", "frequency")
        axes.title.set_fontsize(8)
        axes.set_xlim(-0.03, 1.08)
        axes.set_ylim(-0.05, 1.05)
    return figure


#: Ticks of an axis on which 1 − cosine is logarithmic.
COSINES = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97, 0.98, 0.99, 0.995, 0.998)


def similarity_figure(bins: Sequence[SimilarityBin], near_identical: float) -> Figure:
    """Log loss over how similar the most similar run is that was learnt from.

    Args:
        bins: of nested log losses; near_identical: cosine from which two runs are called so.
    """
    figure = new_figure(5.2, 3.6)
    axes = figure.subplots()
    distance = [max(1 - one.similarity, 1e-4) for one in bins]
    axes.plot(distance, [one.log_loss for one in bins], "-o", color=BLUE, ms=5)
    for x, one in zip(distance, bins, strict=True):
        axes.annotate(f"{one.samples}", (x, one.log_loss), (4, 5), textcoords="offset points", fontsize=7, color=BLACK)
    axes.set_xscale("log")
    axes.invert_xaxis()
    axes.set_xticks([1 - cosine for cosine in COSINES], [f"{cosine:g}" for cosine in COSINES], minor=False)
    axes.set_xticks([], minor=True)
    axes.axvline(1 - near_identical, color=GREY, lw=0.8, ls=":")
    axes.set_xlim(1.25 * max(distance), min(distance) / 1.25)
    axes.set_ylim(bottom=0)
    tidy(axes, "how near the most similar run is", "its cosine similarity", "log loss, nested")
    figure.subplots_adjust(left=0.14, right=0.96, top=0.9, bottom=0.16)
    return figure


def precision_recall_figure(labels: Sequence[str], truth: np.ndarray, probabilities: np.ndarray) -> Figure:
    """Precision over recall of each label, with its average precision; the dotted line is the share of positives.

    Args:
        truth, probabilities: [samples, labels].
    """
    from sklearn.metrics import average_precision_score, precision_recall_curve  # a second: only where it is drawn

    figure, panels = _grid(len(labels))
    for k, (axes, label) in enumerate(zip(panels, labels, strict=False)):
        y = truth[:, k]
        score = "no positives"
        if y.sum() > 0:
            precision, recall, _ = precision_recall_curve(y, probabilities[:, k])
            axes.step(recall, precision, where="post", color=CYCLE[0], lw=1.4)
            score = f"AP {average_precision_score(y, probabilities[:, k]):.3f}, {int(y.sum())} positives"
        axes.axhline(y.mean(), color=GREY, lw=0.8, ls=":")
        tidy(axes, f"{label}\n{score}", "recall", "precision")
        axes.title.set_fontsize(8)
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(0, 1.05)
    return figure
