"""A page a sample: what the ensemble says of it, how far its models agree, and which ions at what time speak for it."""

import base64
import os
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path

import joblib
import numpy as np

from ..evidence.combine import Reason, strongest
from ..files.atomic import write_text
from ..files.paths import file_name
from ..jobs.signals import end_with
from .figures.evidence import Panel, evidence_figure
from .figures.style import to_png
from .html import document, table

#: Ions that are named for each label that is explained.
NAMED = 8


@dataclass(frozen=True)
class SamplePage:
    """What is on a page.

    Attributes:
        sample: its sample_id; source: its file, or another word on where it is from.
        notes: sentences above all else, such as warnings.
        labels: names; probabilities: of the ensemble [labels]; members: names; per_model: [members, labels].
        truth: 0 or 1 a label, or None where unknown.
        image: float32 [masses, times] after METHOD step 3; axis: name of the x axis; limits: its ends, or None.
        reasons: (index of the label, its reason) of the labels that are explained.
    """

    sample: str
    source: str
    notes: list[str]
    labels: list[str]
    probabilities: np.ndarray
    members: list[str]
    per_model: np.ndarray
    truth: np.ndarray | None
    image: np.ndarray
    axis: str
    limits: list[float] | None
    reasons: list[tuple[int, Reason]]


def near(nearest: str, similarity: float, expected: float) -> str:
    """A sentence on the most similar run that was learnt from, and what is to be expected; empty where it is not known."""
    if np.isnan(similarity):
        return ""
    loss = "" if np.isnan(expected) else f": known samples that are as near scored a log loss of {expected:.3f}"
    return f" The most similar run that it learnt from is {nearest}, cosine {similarity:.3f}{loss}."


def sample_page(page: SamplePage) -> str:
    """The page as HTML that needs nothing else."""
    rows = []
    for k in np.argsort(-page.probabilities, kind="stable"):
        ticks = "".join(f'<i style="left:{p:.1%}" title="{escape(name)} {p:.3f}"></i>' for name, p in _named(page, k))
        bar = f'<div class="scale"><b style="width:{page.probabilities[k]:.1%}"></b>{ticks}</div>'
        spread = np.ptp(page.per_model[:, k])
        row = [escape(page.labels[k]), f"{page.probabilities[k]:.3f}", bar, f"{spread:.3f}"]
        rows.append(row + ([] if page.truth is None else ["yes" if page.truth[k] else "no"]))
    header = ["label", "probability", "ensemble (bar) and its models (ticks)", "spread"]
    header += [] if page.truth is None else ["labelled"]
    panels = [
        Panel(f"{page.labels[k]}, probability {page.probabilities[k]:.3f}", reason.masses, reason.image, reason.curves)
        for k, reason in page.reasons
    ]
    picture = base64.b64encode(to_png(evidence_figure(page.image, panels, page.axis, page.limits))).decode()
    words = f"Evidence for {', '.join(page.labels[k] for k, _ in page.reasons)}"
    parts = [f"<p>{escape(page.source)}</p>"]
    parts += [f'<p class="note">{escape(note)}</p>' for note in page.notes]
    parts += [table(header, rows, raw=True), "<h2>What speaks for it</h2>"]
    parts.append(
        "<p>Orange: share of the evidence of the ensemble's models, at which m/z and when. Black: total ion chromatogram "
        "of the image. Dashed: events that a sequence model sees.</p>"
        f'<img alt="{escape(words)}" src="data:image/png;base64,{picture}">'
    )
    for k, reason in page.reasons:
        ions = ", ".join(f"m/z {mass} ({share:.0%})" for mass, share in strongest(reason.masses, NAMED))
        parts.append(f"<h2>{escape(page.labels[k])}</h2><p>Strongest: {ions or 'nothing speaks for it'}.</p>")
        for model, top in reason.top.items():
            inputs = [[escape(name), f"{value:+.3f}"] for name, value in top]
            parts.append(
                f"<p>What counts most for {escape(model)}, in logits:</p>{table(['input', 'adds'], inputs, raw=True)}"
            )
    return document(f"Sample {page.sample}", "".join(parts))


def _named(page: SamplePage, label: int) -> list[tuple[str, float]]:
    return list(zip(page.members, page.per_model[:, label].tolist(), strict=True))


def write_page(page: SamplePage, folder: Path) -> None:
    """Writes the page under its sample's name."""
    write_text(folder / f"{file_name(page.sample)}.html", sample_page(page))


def write_pages(pages: list[SamplePage], folder: Path, processes: int, progress: Callable[[int, int], None]) -> None:
    """Writes pages into a folder, drawn by several processes. progress: called with (pages written, pages)."""
    jobs = (joblib.delayed(write_page)(page, folder) for page in pages)
    parallel = joblib.Parallel(processes, return_as="generator", initializer=end_with, initargs=(os.getpid(),))
    for done, _ in enumerate(parallel(jobs), start=1):
        progress(done, len(pages))
