"""Two ensembles on the same samples, compared sample by sample."""

from pathlib import Path

import numpy as np
from pydantic import ValidationError

from ..config.messages import problems_of
from ..config.sections import Ensemble as EnsembleSettings
from ..data.samples import SampleTable
from ..errors import InputError
from ..files.artifact import read_json
from ..models.logits import Logits, probabilities_of
from .blending import Candidates, cross_fitted
from .folds import Folds
from .metrics import interval, sample_losses
from .novelty import Similarity, fits_of, novelty
from .selection import shrinkage_grid


def nested_losses(run: Path, models: list[str] | None = None) -> tuple[list[str], np.ndarray]:
    """The nested out-of-fold log loss of each sample: (sample_ids, float64 [samples]).

    Args:
        run: folder of a finished run; models: an ensemble of these alone, with the run's own way of fitting; None: those
            of the run's own ensemble.

    Raises:
        InputError: files that are missing, or a model that the run does not have.
    """
    path = run / "logs/config.json"
    try:
        config = read_json(path, "config")
        settings = EnsembleSettings(**config["ensemble"])
    except ValidationError as error:
        problems = "; ".join(problems_of(error, EnsembleSettings, ("ensemble",)))
        raise InputError(f"{path}: is of another version of ionscape: {problems}") from error
    samples, folds = SampleTable.read(run / "samples.parquet"), Folds.read(run / "folds.parquet")
    oof = Logits.read(run / "logits/oof.parquet")
    counts = {name: model.get("folds") or folds.count for name, model in config["models"].items()}
    chosen = models or [name for name in oof.models if name not in settings.without]
    if unknown := sorted(set(chosen) - set(oof.models)):
        raise InputError(f"{run}: no model {', '.join(unknown)} (it has {', '.join(oof.models)})")
    scored = set(oof.ids.tolist())
    part = samples.take(np.array([sample in scored for sample in samples.ids]))
    logits = oof.out_of_fold(part.ids, oof.own_folds())[[oof.models.index(name) for name in chosen]]
    shrinkages = shrinkage_grid(settings.shrinkages, *settings.shrinkage_range)
    similar = Similarity.read(run / "similarity.parquet").of_samples(part.ids, [fits_of(counts[name]) for name in chosen])
    fold, probabilities = folds.of_rows(part.ids), probabilities_of(logits)
    candidates = Candidates(part.truth, fold, probabilities, novelty(similar))
    nested = cross_fitted(candidates, settings, shrinkages)
    return part.ids, sample_losses(part.truth, nested)


def comparison(first: tuple[list[str], np.ndarray], second: tuple[list[str], np.ndarray]) -> str:
    """What the first of two results of :func:`nested_losses` gains, with a paired 95 % interval.

    Raises InputError: no sample is in both.
    """
    places = {sample: place for place, sample in enumerate(second[0])}
    both = [(place, places[sample]) for place, sample in enumerate(first[0]) if sample in places]
    if not both:
        raise InputError("the two runs have no sample in common")
    one, other = first[1][[pair[0] for pair in both]], second[1][[pair[1] for pair in both]]
    low, high = interval(other - one)
    return (
        f"log loss, nested, of {len(both)} samples: {one.mean():.4f} and {other.mean():.4f}; "
        f"gain {np.mean(other - one):+.4f}, 95 % interval {low:+.4f} … {high:+.4f} (paired bootstrap over samples)"
    )
