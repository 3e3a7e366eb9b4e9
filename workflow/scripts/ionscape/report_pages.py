"""Pages of the report: the leaderboard that can be sorted, the trainings, where it all comes from."""

import importlib.metadata
import platform
import subprocess
from datetime import datetime
from html import escape
from pathlib import Path

import yaml

from .pages import document, table

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

#: Whose versions are told.
PACKAGES = ("snakemake", "torch", "timm", "numpy", "scipy", "scikit-learn", "lightgbm", "pyarrow", "grad-cam", "matplotlib")


def _number(value: float | None, digits: int = 4) -> str:
    return "" if value is None else f"{value:.{digits}f}"


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
        scores.append([name, families.get(name, ""), member, *map(_number, numbers)])
        by_label.append([name, *(_number(entry["labels"][label]["log_loss"]) for label in labels)])
    header = ["model", "family", "in ensemble", "log loss", "from", "to", "of constant", "best fold", "worst fold"]
    header += ["avg. precision", "ROC AUC", *(f"held out: {split}" for split in splits)]
    methods = sorted(metrics["methods_nested"].items(), key=lambda item: item[1])
    gains = [
        [family, _number(entry["without"]), f"{entry['gain']:+.4f}", *(f"{value:+.4f}" for value in entry["gain_interval"])]
        for family, entry in metrics["families"].items()
    ]
    near, others = metrics["replicates"]["near_identical"], metrics["replicates"]["others"]
    similar = [
        [words, part["samples"], _number(part["log_loss"].get("ensemble (nested)"))]
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
        + table(["method", "log loss"], [[name, _number(loss)] for name, loss in methods])
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


def trainings_page(rows: list[dict]) -> str:
    """Every training: how often it was begun, where it ran, how it ended; sortable.

    Args:
        rows: of :func:`.status.training_status`.
    """
    header = [
        "model",
        "fold",
        "state",
        "started",
        "epochs",
        "train loss",
        "validation loss",
        "best",
        "samples/s",
        "host",
        "GPU",
    ]
    cells = [
        [
            row["model"],
            row["fold"],
            row["state"],
            f"{row['starts']} times" if row["starts"] != 1 else "once",
            row.get("epoch") or "",
            _number(row.get("train_loss")),
            _number(row.get("validation_loss")),
            _number(row.get("best")),
            _number(row.get("samples_per_second"), 0),
            row.get("host") or "",
            row.get("gpu") or "",
        ]
        for row in rows
    ]
    again = sum(row["starts"] > 1 for row in rows)
    words = f"{again} of {len(rows)} trainings were started more than once." if again else "None had to be started again."
    body = f"<p>{words} One that is started again goes on from its checkpoint.</p>{table(header, cells)}{SORT}"
    return document("Trainings", body)


def provenance_page(config: dict, rows: list[dict], repository: Path) -> str:
    """What made the results: the code's version, packages, machines, seeds, and the whole configuration.

    Args:
        config: complete; rows: of :func:`.status.training_status`; repository: folder of the workflow.
    """
    facts = [
        ["this page was written", f"{datetime.now().astimezone():%Y-%m-%d %H:%M %Z}"],
        ["code, when it was", commit(repository)],
        ["Python", f"{platform.python_version()}, {platform.system()} {platform.machine()}"],
        *([name, importlib.metadata.version(name)] for name in PACKAGES),
    ]
    machines: dict[tuple[str, str], int] = {}
    for row in rows:
        place = (row.get("host") or "not known", row.get("gpu") or "CPU")
        machines[place] = machines.get(place, 0) + 1
    seeds = [["config", config["seed"]], ["folds", config["folds"]["seed"]]]
    seeds += [[f"model {name}", model["seed"]] for name, model in config["models"].items() if "seed" in model]
    text = yaml.safe_dump(config, sort_keys=False, allow_unicode=True)
    body = (
        table(["", ""], facts)
        + "<h2>Where the models were trained</h2>"
        + table(["host", "device", "trainings"], [[*place, count] for place, count in machines.items()])
        + "<h2>Seeds</h2>"
        + table(["of", "seed"], seeds)
        + f"<h2>Configuration</h2><pre>{escape(text)}</pre>"
    )
    return document("Provenance", body)


def commit(repository: Path) -> str:
    """The git commit of the workflow, and whether files differ from it; or that there is no git."""

    def ask(*arguments: str) -> str:
        command = ["git", "-C", str(repository), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout.strip()

    try:
        if Path(ask("rev-parse", "--show-toplevel")).resolve() != repository.resolve():
            return "not under git"
        changed = ask("status", "--porcelain", "--untracked-files=no")
        return ask("rev-parse", "HEAD") + (", with changed files" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return "not under git"
