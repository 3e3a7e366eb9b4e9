"""``ionscape status``: where every training of a run stands, from its files alone: Snakemake may run or not."""

import csv
import json
from collections.abc import Collection
from datetime import datetime
from pathlib import Path

from ..files.artifact import read_json
from .locks import is_locked

HEADER = ("model", "fold", "state", "epoch", "train loss", "validation", "best", "samples/s", "done by")


def training_status(results: Path) -> list[dict]:
    """One row a model and fold, in the order of the config.

    A training is ``running`` while a job locks its folder, ``done`` when its last start came to the end and its logits are
    there, ``waiting`` before its first start; else it was ``stopped`` and goes on from its checkpoint, or ``failed``. Times
    of files are not compared, as the clocks of nodes differ.

    Args:
        results: ``results/{run}``.

    Returns:
        model, fold (``all`` of a refit), state, starts (how often a job began its last training), host, gpu (its UUID, if
        any), and, as far as it came: epoch, epochs, train_loss, validation_loss, best, samples_per_second, ends (seconds
        since the epoch; expected, while it runs).

    Raises:
        InputError: no run has been started there.
    """
    config = read_json(results / "logs" / "config.json", "config")
    rows = []
    for model, settings in config["models"].items():
        names: list[int | str] = [*range(settings.get("folds") or config["folds"]["count"])]
        for fold in [*names, *(["all"] * settings.get("refit", False))]:
            folder = results / "models" / model / ("refit" if fold == "all" else f"fold{fold}")
            log = f"refit/{model}" if fold == "all" else f"train_fold/{model}/fold{fold}"
            lines = _lines(results / "logs" / f"{log}.jsonl")
            starts = [number for number, line in enumerate(lines) if "started" in line]
            start = lines[starts[-1]] if starts else {}
            before = [number for number, line in enumerate(lines[: starts[-1]] if starts else []) if "finished" in line]
            attempts = [number for number in starts if not before or number > before[-1]]
            finished = bool(lines) and "finished" in lines[-1]
            last: dict = next((line for line in reversed(lines) if "epoch" in line), {})
            job = {name: start.get(name) for name in ("epochs", "host", "gpu")}
            row = {**job, **last, "model": model, "fold": fold, "starts": len(attempts)}
            made = folder / ("test.parquet" if fold == "all" else "oof.parquet")
            row["state"] = _state(made, bool(starts), finished)
            if row["state"] == "running" and lines[-1] is last:
                row["ends"] = last["time"] + last["seconds_left"]
            elif finished:
                row["ends"] = lines[-1]["time"]
            rows.append(row)
    return rows


def _lines(path: Path) -> list[dict]:
    """A progress file's rows; a last line that is being written is left out."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def _state(made: Path, started: bool, finished: bool) -> str:
    if is_locked(made.with_name(".lock")):
        return "running"
    if made.exists() and (finished or not started):
        return "done"
    if made.with_name("checkpoint.safetensors").exists():
        return "stopped"
    return "failed" if started else "waiting"


def benchmarks(results: Path, models: Collection[str]) -> dict[str, list[tuple[float, float]]]:
    """Wall time (s) and peak resident memory (MB) of each job, by rule, and by model of these: from ``benchmarks``.

    What Snakemake could not measure, as of a job of milliseconds, is 0.
    """
    found: dict[str, list[tuple[float, float]]] = {}
    for path in sorted((results / "benchmarks").rglob("*.tsv")):
        place = path.relative_to(results / "benchmarks").with_suffix("").parts
        if place[0] in ("train_fold", "refit") and place[1] not in models:
            continue  # of an earlier configuration
        name = place[0] if place[0] not in ("train_fold", "refit") else f"train {place[1]}"
        with open(path, encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream, delimiter="\t"):
                found.setdefault(name, []).append((_measured(row.get("s")), _measured(row.get("max_rss"))))
    return found


def _measured(text: str | None) -> float:
    try:
        return float(text or 0)
    except ValueError:
        return 0.0


def status_text(rows: list[dict]) -> str:
    """The rows of :func:`training_status` as a table, and how many stand where."""

    def number(value: float | None, digits: int) -> str:
        return "" if value is None else f"{value:.{digits}f}"

    table = [HEADER]
    for row in rows:
        epoch = f"{row['epoch']}/{row['epochs']}" if row.get("epoch") else ""
        losses = [number(row.get(name), 4) for name in ("train_loss", "validation_loss", "best")]
        ends = f"{datetime.fromtimestamp(row['ends']):%d %b %H:%M}" if "ends" in row else ""
        speed = number(row.get("samples_per_second"), 0)
        table.append((row["model"], str(row["fold"]), row["state"], epoch, *losses, speed, ends))
    widths = [max(len(row[column]) for row in table) for column in range(len(HEADER))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]
    states = [row["state"] for row in rows]
    counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
    return "\n".join([*lines, "", f"{len(rows)} trainings: {counts}"])
