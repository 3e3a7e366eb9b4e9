"""The model card that travels with an exported ensemble (Mitchell et al. 2019: intended use, data, numbers, limits)."""

from collections import Counter

from ..config.model_settings import ModelSettings
from ..evaluation.ensemble import Ensemble
from ..evaluation.run_metrics import LabelScore, RunMetrics
from ..files.markdown import plain
from ..images.similarity import BANDS
from .manifest import Manifest

CARD = """# {run}: which compound families are in a sample

An ensemble of {models} models, {fits}, that answers for a raw {axis_kind} run with a probability for each of
{labels} labels: {label_names}.

```sh
snakemake predict --config model=THIS_FOLDER new=FOLDER_OR_FILES
```

## Intended use

Runs of the same kind as the training data: the same sort of instrument, method and sample. An answer is a probability to
be weighed by a person, with the evidence page beside it; it is no proof that a compound is there, and none of its absence.
Runs that look unlike the training data are answered with a warning, and nothing is known of how good those answers are.

## Honest numbers

Log loss over all labels, out-of-fold on {samples} labelled samples: no sample was scored by a model that was fitted to it.
A network's epoch, unless its settings say `select: last`, is the one that scored best on these very samples.

| | log loss | 95 % interval |
|---|---|---|
| ensemble, nested (chosen and weighed on the other folds) | {nested:.4f} | {nested_low:.4f} – {nested_high:.4f} |
| constant label frequencies | {constant:.4f} | {constant_low:.4f} – {constant_high:.4f} |

{replicates}{held_out}By label, nested:

| label | positives | log loss | average precision | ROC AUC | calibration error |
|---|---|---|---|---|---|
{label_rows}

## Training data

{trained_on} runs, {masses} masses × {times} bins of {axis}{limits}. Known runs: {known}.
This folder holds coarse fingerprints of them (`known.parquet`: of each m/z the maxima of {bands} bands of the axis), so
that it can tell how near a new run is to what it knows.
{kept}
## Members

{members}

## Weights that it started from

{weights}

## Licence

The code is ionscape's (MIT). The weights are yours, as far as the licences above and of your training data allow.
"""


#: Instead of a source.
UNTRAINED = "none: trained from random weights, or without any"


def model_card(manifest: Manifest, metrics: RunMetrics, ensemble: Ensemble, models: dict[str, ModelSettings]) -> str:
    """README.md of an exported folder. ``models``: settings of each member."""
    nested, constant = metrics.ensemble_nested, metrics.baseline
    held_out = "".join(
        f"On {part.samples} samples of split {plain(split)}, which took no part in anything: "
        f"{part.ensemble.log_loss:.4f}.\n\n"
        for split, part in metrics.held_out.items()
    )
    grid, known = manifest.grid, manifest.known
    sources = {f"- {model.weights_source or UNTRAINED}" for model in models.values()}
    kept = {model.family: model.kept_runs for model in models.values() if model.kept_runs}
    return CARD.format(
        run=manifest.run,
        models=len(ensemble.members),
        fits=_fits(manifest),
        axis_kind="EGA-MS or GC-MS",
        labels=len(manifest.labels),
        label_names=", ".join(map(plain, manifest.labels)),
        samples=metrics.samples,
        trained_on=manifest.trained_on,
        nested=nested.log_loss,
        nested_low=nested.log_loss_interval[0],
        nested_high=nested.log_loss_interval[1],
        constant=constant.log_loss,
        constant_low=constant.log_loss_interval[0],
        constant_high=constant.log_loss_interval[1],
        replicates=_replicates(metrics),
        held_out=held_out,
        label_rows="\n".join(_label(name, score, metrics.calibration[name].ece) for name, score in nested.labels.items()),
        masses=grid.masses,
        times=grid.times,
        axis=plain(manifest.columns.axis),
        limits=f", {grid.limits[0]:g}–{grid.limits[1]:g}" if grid.limits else ", each run over its own range",
        known="; ".join(_ranges(flag, ranges, len(known)) for flag, ranges in known.items()),
        bands=BANDS,
        kept="".join(f"\nIts {name} models hold {what}, and so does this folder.\n" for name, what in kept.items()),
        members="\n".join(_member(name, model, ensemble.weights_of(name)) for name, model in models.items()),
        weights="\n".join(sorted(sources)),
    )


def _fits(manifest: Manifest) -> str:
    """``5 folds each``, or ``3 of 5 folds each, 1 fitted on all training runs``."""
    folds = Counter(len(fits) for fits in manifest.members.values() if "refit" not in fits)
    refits = len(manifest.members) - sum(folds.values())
    if len(folds) == 1 and not refits:
        return f"{next(iter(folds))} folds each"
    parts = [f"{models} of {count} folds each" for count, models in sorted(folds.items())]
    return ", ".join([*parts, *([f"{refits} fitted on all training runs"] if refits else [])])


def _replicates(metrics: RunMetrics) -> str:
    near, others = metrics.replicates.near_identical, metrics.replicates.others
    if not (near.samples and others.samples):
        return ""
    return (
        f"{near.samples} of the samples have a near-identical run in another fold: there the nested loss is "
        f"{near.ensemble_nested:.4f}, on the other {others.samples} it is {others.ensemble_nested:.4f}. Expect the "
        "latter of samples that are new.\n\n"
    )


def _label(name: str, score: LabelScore, ece: float) -> str:
    ranks = (score.average_precision, score.roc_auc)
    numbers = " | ".join("–" if value is None else f"{value:.3f}" for value in ranks)
    return f"| {plain(name)} | {score.positives} | {score.log_loss:.4f} | {numbers} | {ece:.3f} |"


def _ranges(flag: str, ranges: dict[str, list[float]], groups: int) -> str:
    words = ", ".join(f"{name} {low:.4g}–{high:.4g}" for name, (low, high) in ranges.items())
    return words if groups == 1 else f"side flag {flag}: {words}"


def _member(name: str, settings: ModelSettings, weights: list[float]) -> str:
    low, high = min(weights), max(weights)
    share = f"{low:.3f}" if high - low < 5e-4 else f"{low:.3f}–{high:.3f}, by label"
    kind = settings.kind
    return f"- `{name}`: family {settings.family}{f', {kind}' if kind else ''}; weight {share}"
