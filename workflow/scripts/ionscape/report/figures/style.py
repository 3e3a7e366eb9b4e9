"""What all figures share. Colours are Okabe and Ito's, told apart by colour-blind readers, and dark enough for print."""

import io
from collections.abc import Iterable
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ...files.atomic import atomic_folder, write_bytes
from ...files.paths import file_name

matplotlib.rcParams["text.parse_math"] = False  # a dollar in a sample's name is a dollar

BLACK, ORANGE, BLUE, GREEN = "#000000", "#d55e00", "#0072b2", "#009e73"
SKY, PINK, AMBER, GREY = "#56b4e9", "#cc79a7", "#e69f00", "#777777"
CYCLE = (BLUE, ORANGE, GREEN, PINK, AMBER, SKY, BLACK, GREY)

#: Of the images' intensities: dark is much, as on paper.
INTENSITY = "Greys"

#: Of values from 0 to 1 or so, and from −1 to 1.
SEQUENTIAL, DIVERGING = "cividis", "PuOr_r"

DPI = 100


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of this size in inches; no pyplot, so nothing is global."""
    return Figure(figsize=(width, height), dpi=DPI)


def tidy(axes: Axes, title: str = "", x: str = "", y: str = "") -> None:
    """Titles, and no frame at the top and right."""
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def to_png(figure: Figure) -> bytes:
    """PNG without a date, so that the same figure has the same bytes."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


def write_figures(figures: Iterable[tuple[str, Figure]], folder: str | Path) -> None:
    """Writes a folder of PNGs, in place of the earlier one, each named after its subject, drawn one after the other."""
    with atomic_folder(folder) as path:
        for name, figure in figures:
            write_bytes(path / f"{file_name(name)}.png", to_png(figure))
