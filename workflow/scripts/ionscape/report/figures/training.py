"""How the models learnt, and what it took."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from ...evaluation.cross_validation import History
from .style import BLACK, BLUE, CYCLE, GREY, new_figure, tidy


def curves_figure(model: str, histories: Sequence[History]) -> Figure:
    """Training and validation loss over epochs, a colour a fold; a dot marks the epoch that was kept."""
    figure = new_figure(9.5, 3.6)
    panels = figure.subplots(1, 2, sharex=True)
    for number, history in enumerate(histories):
        colour, epochs = CYCLE[number % len(CYCLE)], [row["epoch"] for row in history.rows]
        for axes, name in zip(panels, ("train_loss", "validation_loss"), strict=True):
            values = [row[name] for row in history.rows]
            axes.plot(epochs, values, color=colour, lw=1.2, label=f"fold {history.facts['fold']}")
        if kept := history.facts["best_epoch"]:
            panels[1].plot(kept, history.rows[kept - 1]["validation_loss"], "o", color=colour, ms=6)
    tidy(panels[0], f"{model}: training, with augmentation", "epoch", "log loss")
    tidy(panels[1], "validation; dots: the epoch that was chosen", "epoch", "log loss")
    panels[1].legend(fontsize=8, frameon=False)
    figure.subplots_adjust(left=0.08, right=0.98, top=0.9, bottom=0.15)
    return figure


def jobs_figure(names: Sequence[str], seconds: Sequence[Sequence[float]], megabytes: Sequence[Sequence[float]]) -> Figure:
    """Wall time and peak memory of the jobs, a row a rule or model: each job a dot, the sum of times written beside it.

    Args:
        seconds, megabytes: of each name's jobs, as Snakemake's benchmarks have them.
    """
    figure = new_figure(10, 1.3 + 0.3 * len(names))
    panels = figure.subplots(1, 2, sharey=True)
    facts = ((seconds, "wall time of each job, s; sum", "s"), (megabytes, "peak memory of each job (RSS), MB", "MB"))
    for axes, (values, title, unit) in zip(panels, facts, strict=True):
        for row, jobs in enumerate(values):
            axes.plot(jobs, [row] * len(jobs), "o", ms=4, color=BLUE, alpha=0.7)
            if unit == "s":
                axes.text(1.02, row, f"{sum(jobs):,.0f} s", transform=axes.get_yaxis_transform(), va="center", fontsize=8)
            axes.axhline(row, color=GREY, lw=0.3)
        if any(value > 0 for jobs in values for value in jobs):
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_formatter(NullFormatter())
        tidy(axes, title, unit)
    panels[0].set_yticks(range(len(names)), names, fontsize=8, color=BLACK)
    panels[0].invert_yaxis()
    figure.subplots_adjust(left=0.2, right=0.98, top=1 - 0.35 / (1.3 + 0.3 * len(names)), bottom=0.16, wspace=0.2)
    return figure
