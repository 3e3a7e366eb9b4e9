"""Do the folds' fits together, or one fit on all that they learnt from, answer better for samples that none of them saw?

An outer split by the folds of a finished run: for each, inner folds are drawn of its training part, a fit a fold, of which
the mean probabilities answer for the outer fold's samples; a refit on the whole training part answers for them too. Prints
both losses and the paired gain; writes the figures with ``--write``.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from common import machine  # isort: skip
import numpy as np

from ionscape.data.samples import Samples, SampleTable
from ionscape.evaluation.cross_validation import train_fold
from ionscape.evaluation.folds import Folds, draw_folds
from ionscape.evaluation.metrics import interval, log_loss, sample_losses
from ionscape.evaluation.selection import average_folds
from ionscape.models.inputs import load_inputs, with_inputs
from ionscape.models.logits import probabilities_of
from ionscape.models.saved import settings_of
from ionscape.training.context import FitContext


def answers(samples: Samples, folds: Folds, settings: Any, inner: int, context: FitContext) -> dict[str, np.ndarray]:
    """Probabilities of both for every sample that validates a fold: float64 [samples, labels], else NaN."""
    found = {way: np.full(samples.labels.shape, np.nan) for way in ("mean", "refit")}
    for fold in range(folds.count):
        training, asked = folds.split(samples.ids, fold)
        drawn = draw_folds(samples.labels[training], inner, 0).tolist()
        inside = Folds({samples.ids[row]: k for row, k in zip(training.tolist(), drawn, strict=True)})
        predicted = np.isin(np.arange(len(samples)), asked)
        fits = [train_fold(samples, predicted, inside, k, settings, context).test for k in range(inner)]
        found["mean"][asked] = average_folds(np.stack(fits))
        found["refit"][asked] = probabilities_of(train_fold(samples, predicted, inside, None, settings, context).test)
        print(f"outer fold {fold + 1}/{folds.count}", flush=True)
    return found


def judged(run: Path, settings: Any, inner: int, threads: int) -> dict[str, Any]:
    """Losses of both, and the paired gain of the refit."""
    started = time.monotonic()
    table, folds = SampleTable.read(run / "samples.parquet"), Folds.read(run / "folds.parquet")
    name = "features" if settings.input_features else f"images/{settings.input_normalization}"
    ids, inputs, _ = load_inputs(str(run / f"{name}.parquet"), settings)
    found = answers(with_inputs(table, ids, inputs), folds, settings, inner, FitContext(table.labels, threads))
    rows = folds.of_rows(table.ids) >= 0
    truth, learnt = table.truth[rows], folds.learnt_from()
    gains = sample_losses(truth, found["mean"][rows]) - sample_losses(truth, found["refit"][rows])
    return {
        **{way: log_loss(truth, probabilities[rows]) for way, probabilities in found.items()},
        "gain": float(gains.mean()),
        "gain_interval": list(interval(gains)),
        "learnt_from": {"mean": round(learnt * (1 - 1 / inner)), "refit": learnt},
        "samples": int(rows.sum()),
        "seconds": time.monotonic() - started,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a run with images or features, folds and configuration")
    parser.add_argument("models", nargs="+", help="of its configuration")
    parser.add_argument("--inner", type=int, default=5, help="inner folds (default: 5)")
    parser.add_argument("--threads", type=int, default=machine()["cores"], help="CPU threads (default: all cores)")
    parser.add_argument("--write", type=Path, help="JSON file to write the figures to")
    arguments = parser.parse_args()
    config = json.loads((arguments.run / "logs/config.json").read_text())
    content = {"machine": machine(), "run": config["run"], "inner": arguments.inner, "results": {}}
    for name in arguments.models:
        settings = settings_of({"settings": config["models"][name]})
        one = content["results"][name] = judged(arguments.run, settings, arguments.inner, arguments.threads)
        low, high = one["gain_interval"]
        print(
            f"{name}: mean of {arguments.inner} fits {one['mean']:.4f}, refit {one['refit']:.4f}, gain {one['gain']:+.4f} "
            f"({low:+.4f} … {high:+.4f})"
        )
        if arguments.write:
            arguments.write.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
