"""The leaderboard: as text, as a page that can be sorted, and as the README's table."""

import argparse
import re
import statistics
import sys
from html import escape
from pathlib import Path

from ..errors import InputError
from ..files.artifact import read_json
from ..files.atomic import write_text
from .html import document, number, table

#: Sorts a table by the column whose head is clicked, numbers as numbers; a second click turns the order.
SORT = """<script>
for (const head of document.querySelectorAll("th")) {
  head.classList.add("sortable"); head.title = "sort";
  head.addEventListener("click", () => {
    const table = head.closest("table"), at = [...head.parentNode.children].indexOf(head);
    const turned = head.dataset.turned = head.dataset.turned === "1" ? "0" : "1";
    const key = row => { const text = row.children[at].textContent, n = parseFloat(text); return isNaN(n) ? text : n; };
    const rows = [...table.querySelectorAll("tr")].slice(1).sort((a, b) => {
      const x = key(a), y = key(b), both = typeof x === typeof y;
      return (both ? (x < y ? -1 : x > y ? 1 : 0) : typeof x === "number" ? -1 : 1) * (turned === "1" ? 1 : -1);
    });
    rows.forEach(row => row.parentNode.appendChild(row));
  });
}
</script>"""


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
            f"{min(folds):.4f}–{max(folds):.4f}    {_padded(entry['average_precision'])}          "
            f"{_padded(entry['roc_auc'])}"
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


def _padded(value: float | None) -> str:
    return f"{value:6.4f}" if value is not None else "     –"


def leaderboard_page(metrics: dict, ensemble: dict, families: dict[str, str]) -> str:
    """Every model and both ensembles: log loss, its interval and folds, ranks, held-out splits, and by label; sortable.

    Args:
        metrics: metrics.json; ensemble: ensemble.json; families: model → family.
    """
    splits = list(metrics["held_out"])
    labels = list(metrics["baseline"]["labels"])
    base = metrics["baseline"]["log_loss"]
    rows = [("ensemble (nested)", "", metrics["ensemble_nested"], "ensemble")]
    rows.append(("ensemble (optimistic)", "", metrics["ensemble"], "ensemble"))
    for name, entry in sorted(metrics["models"].items(), key=lambda item: item[1]["log_loss"]):
        rows.append((name, "yes" if name in ensemble["members"] else "no", entry, name))
    rows.append(("constant frequencies", "", metrics["baseline"], ""))
    scores, by_label = [], []
    for name, member, entry, key in rows:
        low, high = entry["log_loss_interval"]
        folds = entry["log_loss_by_fold"]
        numbers = [entry["log_loss"], low, high, entry["log_loss"] / base, min(folds), max(folds)]
        numbers += [entry["average_precision"], entry["roc_auc"]]
        numbers += [metrics["held_out"][split].get(key, {}).get("log_loss") for split in splits]
        scores.append([name, families.get(name, ""), member, *map(number, numbers)])
        by_label.append([name, *(number(entry["labels"][label]["log_loss"]) for label in labels)])
    header = ["model", "family", "in ensemble", "log loss", "from", "to", "of constant", "best fold", "worst fold"]
    header += ["avg. precision", "ROC AUC", *(f"held out: {split}" for split in splits)]
    methods = sorted(metrics["methods_nested"].items(), key=lambda item: item[1])
    gains = [
        [family, number(entry["without"]), f"{entry['gain']:+.4f}", *(f"{value:+.4f}" for value in entry["gain_interval"])]
        for family, entry in metrics["families"].items()
    ]
    near, others = metrics["replicates"]["near_identical"], metrics["replicates"]["others"]
    similar = [
        [words, part["samples"], number(part["log_loss"].get("ensemble (nested)"))]
        for words, part in (("with a near-identical run in another fold", near), ("others", others))
    ]
    doubts = [
        [entry["sample_id"], entry["label"], entry["value"], f"{entry['probability']:.4f}"] for entry in metrics["suspects"]
    ]
    body = (
        f"<p>Out-of-fold on {metrics['samples']} samples. <b>ensemble (nested)</b> is the row to quote: how the models "
        "are weighed was decided on the other folds each time. <b>ensemble (optimistic)</b> was fitted to the labels that "
        "it is scored on. A network's epoch is chosen on its validation fold in all rows. Intervals (from, to): 95 %, "
        "bootstrap over samples. Click a head to sort.</p>"
        + table(header, scores)
        + "<h2>Log loss by label</h2>"
        + table(["model", *labels], by_label)
        + f"<h2>Ways to put the models together, nested</h2><p>Chosen: {escape(ensemble['method'])}.</p>"
        + table(["method", "log loss"], [[name, number(loss)] for name, loss in methods])
        + "<h2>What each family adds</h2>"
        + (
            table(["family", "log loss without it", "gain", "from", "to"], gains)
            if gains
            else "<p>There is one family.</p>"
        )
        + "<h2>Replicates</h2>"
        + table(["samples", "number", "nested log loss"], similar)
        + "<h2>Suspects</h2>"
        + (
            "<p>Labels that every model of the ensemble contradicts: worth a look at the sample, or at its label.</p>"
            + table(["sample", "label", "given", "best model's probability of it"], doubts)
            if doubts
            else "<p>No label that every model contradicts.</p>"
        )
    )
    return document("Leaderboard", f'<div style="overflow-x:auto">{body}</div>{SORT}')


def results_table(runs: list[tuple[dict, dict]]) -> str:
    """A run as a Markdown table: one row a model, best first, below the ensemble's.

    Args:
        runs: (metrics.json, ensemble.json) of the run and of its repetitions with other seeds.
    """
    metrics, ensemble = runs[0]
    constant = metrics["baseline"]["log_loss"]

    def row(name: str, entry: dict) -> str:
        low, high = entry["log_loss_interval"]
        return (
            f"| {name} | {entry['log_loss']:.4f} | {low:.4f} – {high:.4f} | {entry['log_loss'] / constant:.2f} "
            f"| {entry['average_precision']:.3f} | {entry['roc_auc']:.3f} |"
        )

    models = sorted(metrics["models"].items(), key=lambda item: item[1]["log_loss"])
    lines = ["| | log loss | 95 % interval | of constant | avg. precision | ROC AUC |", "|---|---|---|---|---|---|"]
    lines.append(row("**ensemble, nested**", metrics["ensemble_nested"]))
    method_own = metrics["methods_nested"]["select"]
    lines.append(f"| the method's own ensemble, nested | {method_own:.4f} | | {method_own / constant:.2f} | | |")
    lines += [row(f"{name} \\*" if name in ensemble["members"] else name, entry) for name, entry in models]
    lines.append(row("constant frequencies", metrics["baseline"]))
    gains = [f"{name} {entry['gain']:+.4f}" for name, entry in metrics["families"].items()]
    lines += ["", f"Ensemble: `{ensemble['method']}`. What each family adds to it: {', '.join(gains)}."]
    if len(runs) > 1:
        losses = [entry["ensemble_nested"]["log_loss"] for entry, _ in runs]
        spread = statistics.stdev(losses)
        lines.append(f"{len(runs)} seeds: {statistics.mean(losses):.4f} ± {spread:.4f} (standard deviation).")
    return "\n".join(lines)


def fill(text: str, run: str, table: str) -> str:
    """The text with the run's part replaced. Raises InputError: it has no such part."""
    pattern = re.compile(rf"(<!-- results of {re.escape(run)} -->\n).*?(<!-- end -->)", re.S)
    if not pattern.search(text):
        raise InputError(f"no part between '<!-- results of {run} -->' and '<!-- end -->'")
    return pattern.sub(lambda found: f"{found[1]}\n{table}\n\n{found[2]}", text)


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes the results of finished runs into a Markdown file.")
    parser.add_argument("file", type=Path, help="with '<!-- results of RUN -->' and '<!-- end -->' around each part")
    parser.add_argument("runs", nargs="+", help="folders of runs; several seeds of one run are joined by commas")
    arguments = parser.parse_args()
    try:
        text = arguments.file.read_text(encoding="utf-8")
        for run in arguments.runs:
            folders = [Path(folder) for folder in run.split(",")]
            parts = [
                (
                    read_json(folder / "ensemble/metrics.json", "metrics"),
                    read_json(folder / "ensemble/ensemble.json", "ensemble"),
                )
                for folder in folders
            ]
            text = fill(text, folders[0].name, results_table(parts))
        write_text(arguments.file, text)
    except InputError as error:
        sys.exit(f"{arguments.file}: {error}")


if __name__ == "__main__":
    main()
