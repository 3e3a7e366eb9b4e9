"""The data set: which labels there are, what the chromatograms look like, what the models see of a run."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from ...data.samples import SampleTable
from ...images.normalization import NORMALIZATIONS, normalize
from .evidence import axis_words
from .style import BLACK, BLUE, CYCLE, INTENSITY, SEQUENTIAL, new_figure, tidy

#: Chromatograms drawn one by one in a panel; the median is of all.
DRAWN = 60


def labels_figure(labels: Sequence[str], positives: dict[str, np.ndarray], together: np.ndarray) -> Figure:
    """How many samples of each split have a label, and how often two labels come together.

    Args:
        positives: split → samples with each label [labels]; together: samples with both [labels, labels].
    """
    n = len(labels)
    total = 2.4 + 0.34 * n
    low, height = 1.7 / total, 0.34 * n / total
    figure = new_figure(11.5, total)
    axes = figure.add_axes((0.2, low, 0.24, height))
    thick = 0.8 / len(positives)
    for number, (split, counts) in enumerate(positives.items()):
        y = np.arange(n) + (number - (len(positives) - 1) / 2) * thick
        axes.barh(y, counts, thick, color=CYCLE[number % len(CYCLE)], label=split)
        for place, count in zip(y, counts, strict=True):
            axes.text(count, place, f" {int(count)}", va="center", fontsize=7)
    axes.set_yticks(range(n), labels, fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.legend(fontsize=8, frameon=False, loc="lower right")
    tidy(axes, "Samples with a label", "samples")
    axes = figure.add_axes((0.66, low, 0.25, height))
    share = together / np.maximum(np.diag(together), 1)[:, None]
    shown = axes.imshow(share, cmap=SEQUENTIAL, vmin=0, vmax=1, aspect="auto")
    for row in range(n):
        for column in range(n):
            colour = BLACK if share[row, column] > 0.6 else "white"
            axes.text(column, row, str(int(together[row, column])), ha="center", va="center", fontsize=7, color=colour)
    axes.set_yticks(range(n), labels, fontsize=8)
    axes.set_xticks(range(n), labels, fontsize=8, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_title("Samples with both labels; colour: of the row's", loc="left", fontsize=10)
    bar = figure.colorbar(shown, cax=figure.add_axes((0.925, low, 0.012, height)))
    bar.ax.tick_params(labelsize=8)
    return figure


def tic_figure(tics: dict[str, np.ndarray], column: str, limits: Sequence[float] | None) -> Figure:
    """Total ion chromatograms of the images, a panel a group: some one by one, and the median of all.

    Args:
        tics: group → [n, times], each with a maximum of 1; column, limits: of the x axis.
    """
    words, (low, high) = axis_words(column, limits)
    height = 0.75 + 1.9 * len(tics)
    figure = new_figure(9.5, height)
    panels = figure.subplots(len(tics), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (group, curves) in zip(panels, tics.items(), strict=True):
        x = np.linspace(low, high, curves.shape[1])
        some = curves[:: max(1, len(curves) // DRAWN)][:DRAWN]
        axes.plot(x, some.T, color=BLUE, lw=0.5, alpha=0.35)
        axes.plot(x, np.median(curves, axis=0), color=BLACK, lw=1.5, label="median")
        axes.set_xlim(low, high)
        axes.set_ylim(0, 1.05)
        axes.legend(fontsize=8, frameon=False, loc="upper right")
        last = axes is panels[-1]
        tidy(axes, f"{group}: {len(curves)} runs, {len(some)} drawn", words if last else "", "relative TIC")
    figure.subplots_adjust(left=0.08, right=0.98, top=1 - 0.25 / height, bottom=0.5 / height, hspace=0.35)
    return figure


def images_figure(title: str, images: dict[str, np.ndarray], column: str, limits: Sequence[float] | None) -> Figure:
    """One run's image in several normalizations side by side; the fourth root of each is drawn, so that faint ions show.

    Args:
        images: normalization → float32 [masses, times]; column, limits: of the x axis.
    """
    words, (low, high) = axis_words(column, limits)
    figure = new_figure(11.5, 3.6)
    panels = figure.subplots(1, len(images), sharey=True)
    for axes, (name, image) in zip(panels, images.items(), strict=True):
        extent = (low, high, -0.5, len(image) - 0.5)
        options = {"origin": "lower", "aspect": "auto", "extent": extent, "interpolation": "nearest"}
        shown = axes.imshow(np.maximum(image, 0) ** 0.25, cmap=INTENSITY, vmin=0, vmax=1, **options)
        tidy(axes, f"normalization {name}", words, "m/z" if axes is panels[0] else "")
    figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    figure.subplots_adjust(left=0.06, right=0.9, top=0.84, bottom=0.15, wspace=0.08)
    bar = figure.colorbar(shown, cax=figure.add_axes((0.912, 0.15, 0.012, 0.69)))
    marks = np.array([0, 1e-4, 1e-2, 0.1, 1])
    bar.set_ticks((marks**0.25).tolist(), labels=[f"{mark:g}" for mark in marks])
    bar.set_label("relative intensity", fontsize=8)
    bar.ax.tick_params(labelsize=8)
    return figure


def label_counts(samples: SampleTable) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Positives of each label by split, of splits with labels, and how often two labels stand together [labels, labels]."""
    known = samples.labelled
    rows = {split: samples.of_split(split) & known for split in dict.fromkeys(samples.splits)}
    positives = {split: samples.truth[part].sum(axis=0) for split, part in rows.items() if part.any()}
    return positives, samples.truth[known].T @ samples.truth[known]


def clearest_samples(samples: SampleTable, count: int) -> set[str]:
    """Per label the samples with the fewest other labels: their images show that label alone. Returns sample_ids."""
    others = np.where(samples.labelled, samples.truth.sum(axis=1), np.inf)
    chosen: set[str] = set()
    for values in samples.truth.T:
        rows = np.flatnonzero(samples.labelled & (values > 0))
        chosen |= {samples.ids[row] for row in rows[np.argsort(others[rows], kind="stable")][:count]}
    return chosen


def relative_tics(images: np.ndarray) -> np.ndarray:
    """Total ion chromatograms relative to their maximum: float32 [n, masses, times] → [n, times]."""
    curves = np.maximum(images, 0).sum(axis=1)
    return curves / np.maximum(curves.max(axis=1, keepdims=True), np.finfo(np.float32).tiny)


def sample_figure(samples: SampleTable, sample: str, image: np.ndarray, axis: str, limits: list[float] | None) -> Figure:
    """What models see of a sample: its image in every normalization, under its labels."""
    values = samples.truth[samples.row_of[sample]]
    has = [label for label, value in zip(samples.labels, values, strict=True) if value > 0]
    versions = {name: normalize(image, name) for name in NORMALIZATIONS}
    return images_figure(f"{sample}: {', '.join(has)}", versions, axis, limits)


def by_split(samples: SampleTable, rows: list[np.ndarray]) -> dict[str, np.ndarray]:
    """What is of each sample, in the table's order, stacked by split."""
    stacked = np.stack(rows)
    return {split: stacked[samples.of_split(split)] for split in dict.fromkeys(samples.splits)}
