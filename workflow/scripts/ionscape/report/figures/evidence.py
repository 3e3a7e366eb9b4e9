"""Evidence: where on a run's image, and at which ions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...evidence.table import EvidenceTable
from .style import BLACK, BLUE, GREEN, GREY, INTENSITY, ORANGE, PINK, SKY, new_figure, tidy

#: Ions named on a profile.
NAMED = 6

#: An overlay hides nothing: its strongest cell is this opaque. Shares are drawn by their square root: faint ones show.
OPAQUE = 0.85


@dataclass(frozen=True)
class Panel:
    """What is drawn for one label.

    Attributes:
        title: above it.
        masses: shares [masses]; cells: shares [masses, times]; curves: model → event curve [times].
    """

    title: str
    masses: np.ndarray
    cells: np.ndarray
    curves: dict[str, np.ndarray]


def named_ions(profile: np.ndarray, count: int, apart: float) -> list[int]:
    """The m/z that get a name: the largest, but none closer than ``apart`` to a larger one."""
    named: list[int] = []
    for mass in np.argsort(-profile, kind="stable"):
        if len(named) == count or profile[mass] <= 0:
            break
        if all(abs(int(mass) - other) >= apart for other in named):
            named.append(int(mass))
    return named


def axis_words(column: str, limits: Sequence[float] | None) -> tuple[str, tuple[float, float]]:
    """Words and ends of the x axis: its own unit where all runs share it, else the share of the run."""
    if limits:
        return column, (float(limits[0]), float(limits[1]))
    return f"{column} (share of the run)", (0.0, 1.0)


def evidence_figure(image: np.ndarray, panels: Sequence[Panel], column: str, limits: Sequence[float] | None) -> Figure:
    """A row a label: the TIC with the evidence over time, the image with the evidence on it, the evidence over m/z.

    Args:
        image: float32 [masses, times] after METHOD step 3; column, limits: of the x axis.
    """
    words, ends = axis_words(column, limits)
    row_height, head = 3.7, 0.15
    total = row_height * len(panels) + head
    figure = new_figure(9.5, total)
    for number, panel in enumerate(panels):
        bottom = total - head - row_height * (number + 1)

        def place(left: float, low: float, width: float, height: float, bottom: float = bottom) -> Axes:
            return figure.add_axes((left, (bottom + low) / total, width, height / total))

        _over_time(place(0.075, 2.6, 0.60, 0.75), image, panel, ends, first=number == 0)
        _on_the_image(place(0.075, 0.5, 0.60, 2.0), image, panel, ends, words)
        _over_mass(place(0.70, 0.5, 0.28, 2.0), panel)
    return figure


def _over_time(axes: Axes, image: np.ndarray, panel: Panel, ends: tuple[float, float], first: bool) -> None:
    x = np.linspace(*ends, image.shape[1])
    tic = np.maximum(image, 0).sum(axis=0)
    tic = tic / max(tic.max(), np.finfo(np.float32).tiny)
    over_time = panel.cells.sum(axis=0)
    axes.fill_between(x, over_time / max(over_time.max(), 1e-30), color=ORANGE, alpha=0.45, lw=0)
    axes.plot(x, tic, color=BLACK, lw=0.9, label="TIC")
    for (name, curve), colour in zip(panel.curves.items(), cycle((BLUE, GREEN, PINK, SKY)), strict=False):
        axes.plot(x, curve, color=colour, lw=0.9, ls="--", label=f"events of {name}")
    axes.set_xlim(*ends)
    axes.set_ylim(0, 1.05)
    axes.tick_params(labelbottom=False)
    tidy(axes, panel.title)
    if first:
        axes.fill_between([], [], color=ORANGE, alpha=0.45, lw=0, label="evidence over time")
        axes.legend(fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(1.02, 1.1), borderaxespad=0)


def _on_the_image(axes: Axes, image: np.ndarray, panel: Panel, ends: tuple[float, float], words: str) -> None:
    extent = (*ends, -0.5, len(image) - 0.5)
    shown = np.maximum(image, 0) ** 0.25
    options: Any = {"origin": "lower", "aspect": "auto", "extent": extent, "interpolation": "nearest"}
    axes.imshow(shown, cmap=INTENSITY, vmin=0, vmax=1, **options)
    opacity = np.sqrt(panel.cells / max(panel.cells.max(), 1e-30)) * OPAQUE
    orange = np.array([int(ORANGE[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    axes.imshow(np.dstack([np.broadcast_to(orange, (*opacity.shape, 3)), opacity]), **options)
    tidy(axes, x=words, y="m/z")


def _over_mass(axes: Axes, panel: Panel) -> None:
    masses = len(panel.masses)
    axes.fill_betweenx(np.arange(masses + 1) - 0.5, np.append(panel.masses, 0), step="post", color=ORANGE, lw=0)
    for mass in named_ions(panel.masses, NAMED, masses / 25):
        axes.text(panel.masses[mass], mass, f" {mass}", va="center", fontsize=8, color=BLACK)
    axes.set_ylim(-0.5, masses - 0.5)
    axes.set_xlim(0, max(panel.masses.max(), 1e-9) * 1.18)
    axes.tick_params(labelleft=False)
    tidy(axes, x="share of the evidence")


def label_figures(means: EvidenceTable) -> Iterator[tuple[str, Figure]]:
    """A :func:`label_figure` for each label that has evidence, with its name."""
    for label, entry in means.labels.items():
        yield label, label_figure(label, entry.evidence, entry.spectrum, entry.samples)


def label_figure(label: str, evidence: np.ndarray, spectrum: np.ndarray, samples: int) -> Figure:
    """A label's mean evidence over m/z, and head to tail below it the mean mass spectrum of the same samples.

    Args:
        evidence: mean shares [masses]; spectrum: mean relative intensities [masses]; samples: how many they are.
    """
    figure = new_figure(9, 4)
    axes = figure.add_axes((0.08, 0.13, 0.9, 0.78))
    m = np.arange(len(evidence))
    up = evidence / max(evidence.max(), 1e-30)
    down = spectrum / max(spectrum.max(), 1e-30)
    axes.vlines(m, 0, up, color=ORANGE, lw=1.6)
    axes.vlines(m, 0, -down, color=GREY, lw=1.6)
    for mass in named_ions(evidence, 2 * NAMED, len(m) / 40):
        axes.text(mass, up[mass] + 0.02, str(mass), ha="center", fontsize=8)
    axes.axhline(0, color=BLACK, lw=0.8)
    axes.set_ylim(-1.1, 1.15)
    axes.set_yticks([-1, -0.5, 0, 0.5, 1], ["1", "0.5", "0", "0.5", "1"])
    axes.set_xlim(0, len(m))
    tidy(axes, f"{label}: mean over {samples} true positive{'s' * (samples != 1)}", "m/z", "mean spectrum        evidence")
    return figure
