"""The model card that travels with an exported ensemble (Mitchell et al. 2019: intended use, data, numbers, limits)."""

import importlib.metadata
import importlib.util
import re

from ..models.image.family import WEIGHT_PACKAGES

CARD = """# {run}: which compound families are in a sample

An ensemble of {models} models × {folds} folds that answers for a raw {axis_kind} run with a probability for each of
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
{kernel}
## Members

{members}

## Weights that it started from

{weights}

## Licence

The code is ionscape's (MIT). The weights are yours, as far as the licences above and of your training data allow.
"""


def plain(text: str) -> str:
    """A name of somebody's as Markdown that shows it as it is: no markup, no HTML, no cell of a table."""
    return re.sub(r"([\\`*{}\[\]()#+!|<>&~$]|(?<!\w)_|_(?!\w))", r"\\\1", text)


def model_card(facts: dict, metrics: dict, ensemble: dict, models: dict[str, dict], folds: int) -> str:
    """README.md of an exported folder.

    Args:
        facts: what model.json says; metrics: metrics.json; ensemble: ensemble.json.
        models: settings of each member; folds: how many each was trained on.
    """
    nested, constant = metrics["ensemble_nested"], metrics["baseline"]
    near, others = metrics["replicates"]["near_identical"], metrics["replicates"]["others"]
    replicates = ""
    if near["samples"] and others["samples"]:
        replicates = (
            f"{near['samples']} of the samples have a near-identical run in another fold: there the nested loss is "
            f"{near['log_loss']['ensemble (nested)']:.4f}, on the other {others['samples']} it is "
            f"{others['log_loss']['ensemble (nested)']:.4f}. Expect the latter of samples that are new.\n\n"
        )
    held_out = "".join(
        f"On {entries['samples']} samples of split {plain(split)}, which took no part in anything: "
        f"{entries['ensemble']['log_loss']:.4f}.\n\n"
        for split, entries in metrics["held_out"].items()
    )
    rows = []
    for label, entry in nested["labels"].items():
        ranks = (entry["average_precision"], entry["roc_auc"])
        numbers = " | ".join("–" if value is None else f"{value:.3f}" for value in ranks)
        ece = metrics["calibration"][label]["ece"]
        rows.append(f"| {plain(label)} | {entry['positives']} | {entry['log_loss']:.4f} | {numbers} | {ece:.3f} |")
    grid, known = facts["grid"], facts["known"]
    families = {settings["family"] for settings in models.values()}
    kernel = "\nIts kernel models hold the training runs' own images, in coarse bands of time, and so does this folder.\n"
    return CARD.format(
        run=facts["run"],
        models=len(ensemble["members"]),
        folds=folds,
        axis_kind="EGA-MS or GC-MS",
        labels=len(facts["labels"]),
        label_names=", ".join(map(plain, facts["labels"])),
        samples=metrics["samples"],
        trained_on=facts["trained_on"],
        nested=nested["log_loss"],
        nested_low=nested["log_loss_interval"][0],
        nested_high=nested["log_loss_interval"][1],
        constant=constant["log_loss"],
        constant_low=constant["log_loss_interval"][0],
        constant_high=constant["log_loss_interval"][1],
        replicates=replicates,
        held_out=held_out,
        label_rows="\n".join(rows),
        masses=grid["masses"],
        times=grid["times"],
        axis=plain(facts["columns"]["axis"]),
        limits=f", {grid['limits'][0]:g}–{grid['limits'][1]:g}" if grid["limits"] else ", each run over its own range",
        known="; ".join(_ranges(flag, ranges, len(known)) for flag, ranges in known.items()),
        kernel=kernel if "kernel" in families else "",
        members="\n".join(_member(name, settings, ensemble["weights"][name]) for name, settings in models.items()),
        weights="\n".join(sorted({pretrained_source(settings) for settings in models.values()})),
    )


def _ranges(flag: str, ranges: dict[str, list[float]], groups: int) -> str:
    words = ", ".join(f"{name} {low:.4g}–{high:.4g}" for name, (low, high) in ranges.items())
    return words if groups == 1 else f"side flag {flag}: {words}"


def _member(name: str, settings: dict, weights: dict[str, float]) -> str:
    low, high = min(weights.values()), max(weights.values())
    share = f"{low:.3f}" if high - low < 5e-4 else f"{low:.3f}–{high:.3f}, by label"
    kind = settings.get("backbone") or settings.get("architecture") or settings.get("algorithm") or ""
    return f"- `{name}`: family {settings['family']}{f', {kind}' if kind else ''}; weight {share}"


def pretrained_source(settings: dict) -> str:
    """Licence and source of the pretrained weights of one model."""
    source = settings.get("pretrained", False)
    if not source:
        return "- none: trained from random weights, or without any"
    backbone = settings["backbone"]
    if isinstance(source, str) and source not in WEIGHT_PACKAGES:
        return f"- `{backbone}`: the file {plain(source)}; its licence is for you to name"
    from ..models.image.torchvision_ops import timm  # seconds: only where it is asked

    told = timm.models.get_pretrained_cfg(backbone)
    licence = getattr(told, "license", None) or "not stated"
    if source is True:
        place = getattr(told, "hf_hub_id", None) or getattr(told, "url", None) or "timm's hub"
        return f"- `{backbone}`: ImageNet weights of timm's hub ({place}), licence: {licence}"
    package = importlib.metadata.metadata(source)
    own = package.get("License")
    stated = own if own and own != "UNKNOWN" else "not stated by the package"
    return (
        f"- `{backbone}`: ImageNet weights of the package {source} {package['Version']} ({package.get('Home-page')}), "
        f"licence: {stated}; timm's entry of the same network: {licence}"
    )
