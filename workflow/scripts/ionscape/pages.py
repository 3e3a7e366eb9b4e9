"""What people read: HTML that needs nothing else, the check's page, and the leaderboard as text."""

from html import escape

import numpy as np
import pyarrow.compute as pc

from .dataset import Checked, Layout

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: .5rem 0 1.5rem } th, td { padding: .15rem .8rem; text-align: right }
th { border-bottom: 1px solid #999; vertical-align: bottom }
th:first-child, td:first-child { text-align: left }
td:first-child { white-space: nowrap }
td:has(.bar), td:has(.scale) { text-align: left } .bar { background: #4477aa; height: .8rem; display: inline-block }
.scale { position: relative; width: 16rem; height: .9rem; background: #eee }
.scale b { position: absolute; inset: 0 auto 0 0; background: #0072b2 }
.scale i { position: absolute; top: -.1rem; width: 2px; height: 1.1rem; background: #d55e00 }
.note { border-left: .3rem solid #d55e00; padding-left: .6rem } img { max-width: 100% } th.sortable { cursor: pointer }
"""

#: Samples listed one by one on the check's page.
LISTED = 30


def document(title: str, body: str) -> str:
    """A whole page; the title is text, the body is HTML."""
    title = escape(title)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
        f"<h1>{title}</h1>{body}</html>\n"
    )


def table(header: list[str], rows: list[list], raw: bool = False) -> str:
    """A table; the cells are text, or with ``raw`` HTML."""

    def cell(value: object) -> str:
        return str(value) if raw else escape(str(value))

    head = "".join(f"<th>{escape(name).replace('_', '_<wbr>')}</th>" for name in header)
    body = "".join("<tr>" + "".join(f"<td>{cell(value)}</td>" for value in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def check_page(checked: Checked, layout: Layout) -> str:
    """The page of what is in a data set and what is odd about it, as HTML."""
    samples, runs = checked.samples, checked.runs
    splits = [entry.as_py() for entry in pc.unique(samples["split"])]
    first = checked.labels[0]
    counts = []
    for split in splits:
        part = samples.filter(pc.equal(samples["split"], split))
        labelled = len(part) - part[first].null_count
        counts.append([split, len(part), labelled, pc.sum(part["side"]).as_py(), f"{pc.sum(part['n_rows']).as_py():,}"])
    positives = []
    for label in checked.labels:
        n = int(pc.sum(samples[label]).as_py() or 0)
        share = n / max(1, len(samples) - samples[label].null_count)
        bar = f'<span class="bar" style="width:{share * 20:.2f}rem"></span>'
        positives.append([escape(label), n, f"{share:.1%}", bar])

    ids = samples["sample_id"].to_pylist()
    findings = []
    for name, what in FINDINGS.items():
        values = np.array([getattr(run, name) for run in runs])
        if values.any():
            worst = ids[int(values.argmax())]
            findings.append([what, int((values > 0).sum()), f"{values.sum():,}", f"{worst} ({values.max():,})"])
    low, high = np.array([(run.axis_low, run.axis_high) for run in runs]).T
    facts = [
        ["rows a run", *_spread(samples["n_rows"].to_numpy())],
        [f"first {layout.columns['axis']}", *_spread(low)],
        [f"last {layout.columns['axis']}", *_spread(high)],
    ]
    twins = [" = ".join(escape(sample) for sample in group) for group in checked.twins]
    parts = [
        "<h2>Samples</h2>",
        table(["split", "samples", "labelled", "side flag", "rows"], counts),
        "<h2>Labels</h2>",
        table(["label", "positives", "share", ""], positives, raw=True),
        "<h2>Ranges</h2>",
        table(["", "smallest", "median", "largest"], facts),
        "<h2>What is odd, and used as it is</h2>",
        table(["finding", "runs", "in all", "most in"], findings) if findings else "<p>Nothing.</p>",
        "<h2>Identical runs</h2>",
        f"<p>{len(twins)} groups. {'; '.join(twins[:LISTED])}{' …' if len(twins) > LISTED else ''}</p>",
    ]
    return document(f"Data set {layout.root}", "".join(parts))


FINDINGS = {
    "missing": "empty cells, read as 0",
    "negative": "negative intensities, summed as they are",
    "outside": "rows with a mass out of range, left out",
    "off_axis": "rows beyond the axis limits, left out",
}


def _spread(values: np.ndarray) -> list[str]:
    return [f"{value:,.6g}" for value in (values.min(), np.median(values), values.max())]


def leaderboard(metrics: dict, ensemble: dict, submission: str) -> str:
    """The leaderboard as text: every model's out-of-fold scores, the ensemble, the constant baseline, the families."""
    base = metrics["baseline"]["log_loss"]
    members = ensemble["members"]
    models = sorted(metrics["models"].items(), key=lambda item: item[1]["log_loss"])
    rows = [("ensemble (nested)", metrics["ensemble_nested"]), ("ensemble (optimistic)", metrics["ensemble"])]
    rows += [(f"{name} *" if name in members else name, entry) for name, entry in models]
    rows.append(("constant frequencies", metrics["baseline"]))
    width = max(len(name) for name, _ in rows)
    header = f"{'model':<{width}}  log loss  95 % interval  of constant  folds (min–max)  avg. precision  ROC AUC"
    lines = [header, "-" * len(header)]
    for name, entry in rows:
        folds, (low, high) = entry["log_loss_by_fold"], entry["log_loss_interval"]
        lines.append(
            f"{name:<{width}}  {entry['log_loss']:8.4f}  {low:.4f}–{high:.4f}  {entry['log_loss'] / base:11.2f}  "
            f"{min(folds):.4f}–{max(folds):.4f}    {_number(entry['average_precision'])}          "
            f"{_number(entry['roc_auc'])}"
        )
    lines += [
        "",
        f"Out-of-fold on {metrics['samples']} samples; intervals: bootstrap over samples. Ensemble: {ensemble['method']}"
        " (* member). Nested: chosen and",
        "fitted on the other folds; the optimistic row on the labels that it is scored on.",
    ]
    methods = sorted(metrics["methods_nested"].items(), key=lambda item: item[1])
    lines.append("Nested by method: " + ", ".join(f"{name} {loss:.4f}" for name, loss in methods))
    for family, entry in metrics["families"].items():
        low, high = entry["gain_interval"]
        lines.append(f"Without family {family}: {entry['without']:.4f} ({entry['gain']:+.4f}, {low:+.4f} … {high:+.4f})")
    near, others = metrics["replicates"]["near_identical"], metrics["replicates"]["others"]
    if near["samples"] and others["samples"]:
        lines.append(
            f"With a near-identical run in another fold, {near['samples']} samples: "
            f"{near['log_loss']['ensemble (nested)']:.4f}; the other {others['samples']}: "
            f"{others['log_loss']['ensemble (nested)']:.4f} (nested)"
        )
    for split, entries in metrics["held_out"].items():
        scores = sorted((entry["log_loss"], name) for name, entry in entries.items() if name != "samples")
        text = ", ".join(f"{name} {loss:.4f}" for loss, name in scores)
        lines.append(f"Held out, {entries['samples']} samples of split {split}: {text}")
    lines.append(f"Submission: {submission}")
    return "\n".join(lines) + "\n"


def _number(value: float | None) -> str:
    return f"{value:6.4f}" if value is not None else "     –"
