"""From collected logits to the ensemble, its metrics and the submission."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ..data.samples import TRAIN
from ..data.submission import submission_csv
from ..errors import InputError
from ..models.logits import Logits, clipped_logits, logit_table, probabilities_of, stack_oof
from .blending import METHODS, describe_blend, fit_blend, held_out, named_paths
from .diagnostics import calibration, correlations, family_gains, replicates, suspects
from .folds import ALWAYS
from .metrics import frequencies, log_loss, score
from .selection import average_folds, shrinkage_grid


@dataclass(frozen=True)
class Summary:
    """What fit_ensemble writes: ensemble.json, metrics.json, oof.parquet and nested.parquet (logits), submission.csv."""

    ensemble: dict
    metrics: dict
    oof: pa.Table
    nested: pa.Table
    submission: str


def summarize(
    samples: pa.Table,
    facts: dict,
    folds: dict[str, int],
    similar: pa.Table,
    oof: Logits,
    test: Logits,
    families: dict[str, str],
    settings: dict,
) -> Summary:
    """Scores each model, fits the ensemble and predicts (METHOD, Ensemble).

    Args:
        samples, facts: samples.parquet; folds: sample_id → fold; similar: replicates.parquet.
        oof, test: collected logits; families: model → its family; settings: the config's ``ensemble``.
    """
    labels = facts["labels"]
    order = samples["sample_id"].to_pylist()
    truth = np.column_stack([samples[label].to_numpy() for label in labels])
    fold = np.array([folds.get(sample, ALWAYS - 1) for sample in order])
    scored, always = fold > ALWAYS, fold == ALWAYS
    ids = [sample for sample, use in zip(order, scored, strict=True) if use]
    y, fold = truth[scored], fold[scored]
    logits = stack_oof(oof, ids, folds)
    probabilities = probabilities_of(logits)

    similarity = dict(zip(similar["sample_id"].to_pylist(), similar["similarity"].to_pylist(), strict=True))
    names, clip = oof.models, settings["clip"]
    joining = [index for index, name in enumerate(names) if name not in settings["without"]]
    joined = [names[index] for index in joining]
    shrinkages = shrinkage_grid(settings["shrinkages"], *settings["shrinkage_range"])
    theirs = probabilities[joining]
    method, blend = fit_blend(y, theirs, fold, settings, shrinkages)
    blended = blend(theirs, clip)
    nested = held_out(y, theirs, fold, settings, shrinkages)
    alone = {one: held_out(y, theirs, fold, {**settings, "method": one}, shrinkages) for one in METHODS}

    def scores(predicted: np.ndarray) -> dict:
        by_fold = [log_loss(y[fold == k], predicted[fold == k]) for k in np.unique(fold)]
        return {**score(y, predicted, labels), "log_loss_by_fold": by_fold}

    metrics = {
        "samples": len(ids),
        "note": "ensemble is optimistic: it was chosen and fitted on the labels that it is scored on; "
        "ensemble_nested does so on the other folds. A model's epoch is chosen on its validation fold in both.",
        "baseline": scores(frequencies(y, fold, truth[always])),
        "models": {name: scores(probabilities[index]) for index, name in enumerate(names)},
        "ensemble": scores(blended),
        "ensemble_nested": scores(nested),
        "methods_nested": {one: log_loss(y, predicted) for one, predicted in alone.items()},
        "families": family_gains(
            y, theirs, fold, [families[name] for name in joined], {**settings, "method": method}, shrinkages
        ),
        "walks": named_paths(METHODS["select"](y, theirs, settings, shrinkages).facts["paths"], joined),
        "correlations": {"models": names, "logits": correlations(logits)},
        "replicates": replicates(
            y,
            {"ensemble (nested)": nested, **dict(zip(names, probabilities, strict=True))},
            np.array([similarity[sample] for sample in ids]),
        ),
        "calibration": calibration(y, nested, labels),
        "suspects": suspects(y, theirs, ids, labels),
    }
    tested, per_model = average_test(test, names)
    answers = blend(per_model[joining], clip)
    splits = samples["split"].to_pylist()
    place_of = {sample: place for place, sample in enumerate(tested)}
    unseen = [sample in place_of and sample not in folds for sample in order] & ~np.isnan(truth).any(axis=1)
    metrics["held_out"] = {}
    for split in sorted(set(splits) - {TRAIN}):
        rows = [row for row in np.flatnonzero(unseen) if splits[row] == split]
        if rows:
            places, known = [place_of[order[row]] for row in rows], truth[rows]
            parts = {"ensemble": answers, **dict(zip(names, per_model, strict=True))}
            scored_there = {name: score(known, part[places], labels) for name, part in parts.items()}
            metrics["held_out"][split] = {"samples": len(places), **scored_there}
    table, nested_table = (
        logit_table(ids, labels, clipped_logits(predicted, np.finfo(np.float32).eps).astype(np.float32))
        for predicted in (blended, nested)
    )
    submission = submission_csv(facts, dict(zip(tested, answers, strict=True)))
    return Summary(describe_blend(method, blend, joined, labels, clip), metrics, table, nested_table, submission)


def nested_answers(
    samples: pa.Table, nested: pa.Table, labels: list[str]
) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray]:
    """The scored samples of nested.parquet: their sample_ids, int rows of samples.parquet, labels and probabilities.

    Returns:
        the last two are [n, labels], float32 and float64.
    """
    row_of = {sample: row for row, sample in enumerate(samples["sample_id"].to_pylist())}
    ids = nested["sample_id"].to_pylist()
    rows = np.array([row_of[sample] for sample in ids])
    truth = np.column_stack([samples[label].to_numpy()[rows] for label in labels])
    return ids, rows, truth, probabilities_of(np.column_stack([nested[label].to_numpy() for label in labels]))


def average_test(test: Logits, names: list[str]) -> tuple[list[str], np.ndarray]:
    """Samples outside the folds: (sample_ids, probabilities [models, samples, labels], averaged over folds).

    Raises InputError: folds or models that predicted different samples.
    """
    per_model, order = [], None
    for name in names:
        rows = test.model == name
        parts = [(test.ids[rows & (test.fold == k)], test.values[rows & (test.fold == k)]) for k in np.unique(test.fold)]
        order = order or [list(ids) for ids, _ in parts[:1]]
        if any([list(ids)] != order for ids, _ in parts):
            raise InputError(f"model {name}: its folds, or other models, predicted different test samples")
        per_model.append(average_folds(np.stack([values for _, values in parts])) if parts else [])
    ids = order[0] if order else []
    return ids, np.reshape(per_model, (len(names), len(ids), test.values.shape[1]))
