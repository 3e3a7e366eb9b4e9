"""From collected logits to the ensemble, its metrics and the submission."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..config.sections import Ensemble as EnsembleSettings
from ..data.samples import TRAIN, SampleTable
from ..data.submission import submission_csv
from ..errors import InputError
from ..models.logits import Logits, LogitTable, clipped_logits, probabilities_of
from .blending import METHODS, Candidates, cross_fitted, fit_blend, with_method
from .diagnostics import by_similarity, calibration, correlations, family_gains, split_by_replicates, suspects
from .ensemble import Ensemble, named_paths
from .folds import ALWAYS, Folds
from .metrics import frequencies, log_loss, score
from .novelty import REFIT, Similarity, fits_of, novelty
from .replicates import Replicates
from .run_metrics import Correlations, HeldOut, RunMetrics, Score, SplitByReplicates
from .selection import average_folds, shrinkage_grid


@dataclass(frozen=True)
class Summary:
    """What fit_ensemble writes: ensemble.json, metrics.json, oof.parquet and nested.parquet (logits), submission.csv."""

    ensemble: Ensemble
    metrics: RunMetrics
    oof: LogitTable
    nested: LogitTable
    submission: str


@dataclass(frozen=True)
class Fits:
    """Of a model: its family, its folds, which may be finer than the run's, and whether it has a refit."""

    family: str
    folds: Folds
    refit: bool

    @property
    def out_of_fold(self) -> str:
        """The name of the fits that say something of scored samples (:mod:`.novelty`)."""
        return fits_of(self.folds.count)

    @property
    def for_new(self) -> str:
        """The same of new samples."""
        return REFIT if self.refit else self.out_of_fold


@dataclass(frozen=True)
class Scored:
    """The samples that validate a fold, and what each model says of them out-of-fold.

    Attributes:
        ids: sample_ids; labels: names; truth: float32 [n, labels]; fold: int [n].
        models: names; logits: float32 [models, n, labels]; probabilities: the same as float64.
        novelty: how new each sample was to what each model learnt, float64 [models, n]; similarity: cosine of each to the
            nearest run outside of its fold, float32 [n].
        families: of each model; joining: indices of the models that may join the ensemble.
    """

    ids: list[str]
    labels: list[str]
    truth: np.ndarray
    fold: np.ndarray
    models: list[str]
    logits: np.ndarray
    novelty: np.ndarray
    similarity: np.ndarray
    families: list[str]
    joining: list[int]

    @property
    def probabilities(self) -> np.ndarray:
        """float64 [models, n, labels]."""
        return probabilities_of(self.logits)

    @property
    def candidates(self) -> Candidates:
        """What the ensemble is fitted to."""
        return Candidates(self.truth, self.fold, self.probabilities, self.novelty).models(self.joining)

    @property
    def joined(self) -> list[str]:
        """Names of the models that may join the ensemble."""
        return [self.models[index] for index in self.joining]


def summarize(
    samples: SampleTable,
    folds: Folds,
    fits: Mapping[str, Fits],
    replicates: Replicates,
    similarity: Similarity,
    oof: Logits,
    test: Logits,
    settings: EnsembleSettings,
) -> Summary:
    """Scores each model, fits the ensemble and predicts (METHOD, Ensemble).

    Args:
        folds: the run's; fits: model → what is known of its fits.
    """
    scored = _scored(samples, folds, fits, similarity, oof, settings)
    shrinkages = shrinkage_grid(settings.shrinkages, *settings.shrinkage_range)
    candidates = scored.candidates
    method, blend = fit_blend(candidates, settings, shrinkages)
    blended = blend(candidates.probabilities, settings.clip, candidates.novelty)
    nested = cross_fitted(candidates, settings, shrinkages)
    tested, per_model = average_test(test, scored.models)
    new = novelty(similarity.of_samples(tested, [fits[name].for_new for name in scored.models]))
    answers = blend(per_model[scored.joining], settings.clip, new[scored.joining])
    expected = by_similarity(scored.truth, nested, scored.similarity)
    always = samples.truth[folds.of_rows(samples.ids) == ALWAYS]
    fitted = with_method(settings, method)
    metrics = RunMetrics(
        samples=len(scored.ids),
        baseline=_score(scored, frequencies(scored.truth, scored.fold, always)),
        models={name: _score(scored, p) for name, p in zip(scored.models, scored.probabilities, strict=True)},
        baseline_from=folds.learnt_from(),
        learnt_from={name: fits[name].folds.learnt_from() for name in scored.models},
        ensemble=_score(scored, blended),
        ensemble_nested=_score(scored, nested),
        methods_nested=_by_method(scored, settings, shrinkages),
        families=family_gains(candidates, _joined_families(scored), fitted, shrinkages),
        walks=named_paths(METHODS["select"](candidates, settings, shrinkages).facts["paths"], scored.joined),
        correlations=Correlations(models=scored.models, logits=correlations(scored.logits)),
        replicates=_by_replicates(scored, nested, replicates),
        similarity=expected,
        calibration=calibration(scored.truth, nested, scored.labels),
        suspects=suspects(candidates.labels, candidates.probabilities, scored.ids, scored.labels),
        held_out=_held_out(samples, folds, tested, answers, dict(zip(scored.models, per_model, strict=True))),
    )
    return Summary(
        ensemble=Ensemble.of(method, blend, scored.joined, scored.labels, settings.clip, expected),
        metrics=metrics,
        oof=_answers(scored, blended, "ensemble"),
        nested=_answers(scored, nested, "ensemble (nested)"),
        submission=submission_csv(samples, dict(zip(tested, answers, strict=True))),
    )


def _by_replicates(scored: Scored, nested: np.ndarray, similar: Replicates) -> SplitByReplicates:
    near = dict(zip(similar.ids, similar.near_identical, strict=True))
    per_model = dict(zip(scored.models, scored.probabilities, strict=True))
    return split_by_replicates(scored.truth, nested, per_model, np.array([near[sample] for sample in scored.ids]))


def _scored(
    samples: SampleTable,
    folds: Folds,
    fits: Mapping[str, Fits],
    similarity: Similarity,
    oof: Logits,
    settings: EnsembleSettings,
) -> Scored:
    fold = folds.of_rows(samples.ids)
    rows = np.flatnonzero(fold > ALWAYS)
    ids = [samples.ids[row] for row in rows]
    return Scored(
        ids=ids,
        labels=samples.labels,
        truth=samples.truth[rows],
        fold=fold[rows],
        models=oof.models,
        logits=oof.out_of_fold(ids, {name: fits[name].folds.of for name in oof.models}),
        novelty=novelty(similarity.of_samples(ids, [fits[name].out_of_fold for name in oof.models])),
        similarity=similarity.of_samples(ids, [fits_of(folds.count)])[0],
        families=[fits[name].family for name in oof.models],
        joining=[index for index, name in enumerate(oof.models) if name not in settings.without],
    )


def _score(scored: Scored, probabilities: np.ndarray) -> Score:
    return score(scored.truth, probabilities, scored.labels, scored.fold)


def _joined_families(scored: Scored) -> list[str]:
    return [scored.families[index] for index in scored.joining]


def _by_method(scored: Scored, settings: EnsembleSettings, shrinkages: np.ndarray) -> dict[str, float]:
    """The nested log loss of each way of blending by itself."""
    return {
        one: log_loss(scored.truth, cross_fitted(scored.candidates, with_method(settings, one), shrinkages))
        for one in METHODS
    }


def _held_out(
    samples: SampleTable, folds: Folds, tested: list[str], answers: np.ndarray, models: dict[str, np.ndarray]
) -> dict[str, HeldOut]:
    """Scores of labelled samples that took no part in anything, by split. Probabilities are of the tested samples."""
    place_of = {sample: place for place, sample in enumerate(tested)}
    unseen = [sample in place_of and sample not in folds.of for sample in samples.ids] & samples.labelled
    result = {}
    for split in sorted(set(samples.splits) - {TRAIN}):
        rows = np.flatnonzero(unseen & samples.of_split(split))
        if len(rows):
            places, known = [place_of[samples.ids[row]] for row in rows], samples.truth[rows]
            result[split] = HeldOut(
                samples=len(rows),
                ensemble=score(known, answers[places], samples.labels),
                models={name: score(known, p[places], samples.labels) for name, p in models.items()},
            )
    return result


def _answers(scored: Scored, probabilities: np.ndarray, model: str) -> LogitTable:
    """Probabilities as a table of logits."""
    logits = clipped_logits(probabilities, float(np.finfo(np.float32).eps)).astype(np.float32)
    return LogitTable(scored.ids, scored.labels, logits, {"labels": scored.labels, "model": model})


def average_test(test: Logits, names: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Samples outside the folds: (sample_ids, probabilities [models, samples, labels], averaged over folds).

    Raises InputError: folds or models that predicted different samples.
    """
    per_model: list[Any] = []
    order: list[list[str]] | None = None
    for name in names:
        parts = test.by_fold(name)
        order = order or [ids for ids, _ in parts[:1]]
        if any([ids] != order for ids, _ in parts):
            raise InputError(f"model {name}: its folds, or other models, predicted different test samples")
        per_model.append(average_folds(np.stack([values for _, values in parts])) if parts else [])
    ids = order[0] if order else []
    return ids, np.asarray(per_model).reshape(len(names), len(ids), test.values.shape[1])


def nested_answers(samples: SampleTable, nested: LogitTable) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The scored samples of nested.parquet: int rows of samples.parquet, labels and probabilities.

    Returns:
        the last two are [n, labels], float32 and float64.
    """
    rows = np.array([samples.row_of[sample] for sample in nested.ids], dtype=np.int64)
    return rows, samples.truth[rows], nested.probabilities
