"""The README's results, made of metrics.json files: ``python -m ionscape.results_table README.md results/RUN …``.

What stands between ``<!-- results of RUN -->`` and ``<!-- end -->`` is replaced. ``RUN,RUN-1,RUN-2`` are the same run with
several seeds: the table is of the first, and a line gives their mean and spread.
"""

import argparse
import re
import statistics
import sys
from pathlib import Path

from .errors import InputError
from .tables import read_json, write_text


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
