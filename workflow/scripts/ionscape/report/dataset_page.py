"""The page of what is in a data set, and what is odd about it."""

from html import escape

import numpy as np

from ..data.check import Checked, Layout
from ..data.samples import SampleTable
from .html import document, table

#: Samples of a class with which a label can be learnt and scored, in METHOD's five folds.
FEWEST = 5

#: Samples listed one by one on the check's page.
LISTED = 30


def scarce_labels(samples: SampleTable) -> dict[str, str]:
    """Labels that cannot be learnt, or hardly, and why, of the training samples."""
    train = samples.train_part()
    positives, n = np.nansum(train.truth, axis=0).astype(int).tolist(), len(train.ids)
    found = {}
    for label, count in zip(samples.labels, positives, strict=True):
        if count == 0:
            found[label] = "no positive: nothing to learn, and its log loss says nothing"
        elif count == n:
            found[label] = "every sample is positive: nothing to learn, and its log loss says nothing"
        elif min(count, n - count) < FEWEST:
            what = f"{count} positive" if count < FEWEST else f"{n - count} negative"
            found[label] = f"{what} of {n}: fewer than {FEWEST}, so that five folds have none to learn from or to score"
    return found


def check_page(checked: Checked, layout: Layout) -> str:
    """The page of what is in a data set and what is odd about it, as HTML."""
    samples, runs = checked.samples, checked.runs
    counts = []
    for split in dict.fromkeys(samples.splits):
        rows = samples.of_split(split)
        labelled = int((rows & samples.labelled).sum())
        counts.append([split, int(rows.sum()), labelled, int(samples.side[rows].sum()), f"{samples.rows[rows].sum():,}"])
    positives = []
    for label, values in zip(samples.labels, samples.truth.T, strict=True):
        n = int(np.nansum(values))
        share = n / max(1, int(samples.labelled.sum()))
        bar = f'<span class="bar" style="width:{share * 20:.2f}rem"></span>'
        positives.append([escape(label), n, f"{share:.1%}", bar])

    findings = []
    for name, what in FINDINGS.items():
        values = np.array([getattr(run, name) for run in runs])
        if values.any():
            worst = samples.ids[int(values.argmax())]
            findings.append([what, int((values > 0).sum()), f"{values.sum():,}", f"{worst} ({values.max():,})"])
    low, high = np.array([(run.axis_low, run.axis_high) for run in runs]).T
    facts = [
        ["rows a run", *_spread(samples.rows)],
        [f"first {layout.columns['axis']}", *_spread(low)],
        [f"last {layout.columns['axis']}", *_spread(high)],
    ]
    twins = [" = ".join(escape(sample) for sample in group) for group in checked.twins]
    parts = [
        "<h2>Samples</h2>",
        table(["split", "samples", "labelled", "side flag", "rows"], counts),
        "<h2>Labels</h2>",
        table(["label", "positives", "share", ""], positives, raw=True),
        *_scarce(samples),
        "<h2>Ranges</h2>",
        table(["", "smallest", "median", "largest"], facts),
        "<h2>What is odd, and used as it is</h2>",
        table(["finding", "runs", "in all", "most in"], findings) if findings else "<p>Nothing.</p>",
        "<h2>Identical runs</h2>",
        f"<p>{len(twins)} groups. {'; '.join(twins[:LISTED])}{' …' if len(twins) > LISTED else ''}</p>",
    ]
    return document(f"Data set {layout.root}", "".join(parts))


def _scarce(samples: SampleTable) -> list[str]:
    found = scarce_labels(samples)
    rows = [[label, why] for label, why in found.items()]
    return ["<h2>Labels that cannot be learnt or scored well</h2>", table(["label", "why"], rows)] if rows else []


FINDINGS = {
    "missing": "empty cells, read as 0",
    "negative": "negative intensities, summed as they are",
    "outside": "rows with a mass out of range, left out",
    "off_axis": "rows beyond the axis limits, left out",
}


def _spread(values: np.ndarray) -> list[str]:
    return [f"{value:,.6g}" for value in (values.min(), np.median(values), values.max())]
