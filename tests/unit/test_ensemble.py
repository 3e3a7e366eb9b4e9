"""The ensemble against exhaustive search and loops over cells, the metrics against scikit-learn, and the submission."""

import itertools
import json
import math
import re

import numpy as np
import pyarrow as pa
import pytest
from sklearn import metrics as sklearn

from ionscape.ensemble import (
    average_folds,
    combine,
    drop,
    fit_ensemble,
    grow,
    nested_probabilities,
    selection_loss,
    shrinkage_grid,
)
from ionscape.errors import InputError
from ionscape.fitting import collect_logits, logit_table
from ionscape.folds import ALWAYS
from ionscape.metrics import frequencies, log_loss, log_losses, score
from ionscape.pages import leaderboard
from ionscape.results import Logits, predict_test, stack_oof, summarize

CLIP = 1e-4
SHRINKAGES = shrinkage_grid(20, 1e-5, 1e-1)
LABELS = ["aromatic", "mineral"]


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def reference_combine(probabilities, clip):
    """METHOD, Ensemble, first point, cell by cell."""
    models, samples, labels = probabilities.shape
    result = np.empty((samples, labels))
    for i, j in itertools.product(range(samples), range(labels)):
        logits = []
        for m in range(models):
            p = min(max(probabilities[m, i, j], clip), 1 - clip)
            logits.append(math.log(p / (1 - p)))
        result[i, j] = sigmoid(sum(logits) / models)
    return result


def reference_loss(labels, probabilities):
    """Every label has as many samples, so the mean over labels is the mean over cells; p is kept 1e-7 from 0 and 1."""
    p = np.clip(probabilities.astype(np.float64), 1e-7, 1 - 1e-7)
    return float(np.mean(-labels * np.log(p) - (1 - labels) * np.log(1 - p)))


def reference_selection_loss(labels, probabilities):
    return min(reference_loss(labels, p) for p in (probabilities * (1 - 2 * c) + c for c in SHRINKAGES))


def case(seed, models=3, samples=40, spread=2.0):
    """Labels, and probabilities of overconfident models whose errors are their own."""
    rng = np.random.default_rng(seed)
    truth = rng.standard_normal((samples, 2))
    labels = (truth > 0.5).astype(np.float32)
    noise = rng.standard_normal((models, samples, 2)) * rng.uniform(0.3, 1.5, (models, 1, 1))
    return labels, 1 / (1 + np.exp(-spread * 2 * (truth - 0.5 + noise)))


# Combining


@pytest.mark.parametrize("seed", range(3))
def test_combine_is_the_mean_of_clipped_logits(seed):
    _, probabilities = case(seed, spread=6)
    probabilities[0, :4] = [[0, 1], [1, 0], [1e-9, 1 - 1e-9], [0.5, 0.5]]
    assert (probabilities < CLIP).any()
    np.testing.assert_allclose(combine(probabilities, CLIP), reference_combine(probabilities, CLIP), rtol=1e-12)


def test_one_model_is_clipped_too():
    np.testing.assert_allclose(combine(np.array([[[0.0, 1.0, 0.3]]]), 0.01), [[0.01, 0.99, 0.3]])


def test_folds_are_averaged_as_probabilities():
    logits = np.array([[[0.0, 4.0]], [[6.0, -4.0]]], dtype=np.float32)
    expected = [[(sigmoid(0) + sigmoid(6)) / 2, (sigmoid(4) + sigmoid(-4)) / 2]]
    np.testing.assert_allclose(average_folds(logits), expected, rtol=1e-12)
    assert abs(average_folds(logits)[0, 0] - sigmoid(3)) > 0.1


# Selection


def test_shrinkages_are_0_and_20_log_spaced():
    assert SHRINKAGES.shape == (21,)
    assert SHRINKAGES[0] == 0
    np.testing.assert_allclose(SHRINKAGES[[1, 20]], [1e-5, 1e-1])
    np.testing.assert_allclose(SHRINKAGES[2:] / SHRINKAGES[1:-1], 10 ** (4 / 19))


@pytest.mark.parametrize("spread", [0.2, 1, 4])
def test_the_selection_loss_is_the_best_over_shrinkages(spread):
    labels, probabilities = case(1, spread=spread)
    for p in probabilities:
        loss, shrinkage = selection_loss(labels, p, SHRINKAGES)
        assert loss == pytest.approx(reference_selection_loss(labels, p), rel=1e-9)
        assert loss == pytest.approx(reference_loss(labels, p * (1 - 2 * shrinkage) + shrinkage), rel=1e-9)


def test_overconfidence_is_shrunk_and_underconfidence_not():
    labels = np.array([[1], [1], [1], [0]], dtype=np.float32)
    assert selection_loss(labels, np.full((4, 1), 0.999), SHRINKAGES)[1] == SHRINKAGES[-1]
    assert selection_loss(labels, np.full((4, 1), 0.7), SHRINKAGES)[1] == 0
    assert selection_loss(labels, np.full((4, 1), 0.5), SHRINKAGES)[1] == 0  # nothing changes: the first of equals


def random_losses(seed, models):
    """A loss of every subset, with no structure that a greedy walk could rely on."""
    rng = np.random.default_rng(seed)
    subsets = [s for k in range(1, models + 1) for s in itertools.combinations(range(models), k)]
    return dict(zip(subsets, rng.random(len(subsets)), strict=True))


def reference_path(losses, models, growing):
    """At each size, the best of the subsets one step from the one before."""
    path = []
    sizes = range(1, models + 1) if growing else range(models, 0, -1)
    for size in sizes:
        near = [s for s in losses if len(s) == size]
        if path and growing:
            near = [s for s in near if set(path[-1]) < set(s)]
        elif path:
            near = [s for s in near if set(s) < set(path[-1])]
        path.append(min(near, key=losses.get))
    return path


@pytest.mark.parametrize("walk", [grow, drop])
@pytest.mark.parametrize("seed", range(10))
def test_paths_against_greedy_over_explicit_subsets(walk, seed):
    models = 2 + seed % 4
    losses = random_losses(seed, models)
    path = walk(models, lambda subset: losses[tuple(subset)])
    assert [tuple(subset) for subset, _ in path] == reference_path(losses, models, walk is grow)
    assert [loss for _, loss in path] == [losses[tuple(subset)] for subset, _ in path]


def test_growing_goes_on_when_the_loss_rises():
    losses = {(0,): 0.5, (1,): 0.6, (2,): 0.7, (0, 1): 0.9, (0, 2): 0.8, (1, 2): 0.7, (0, 1, 2): 0.1}
    assert [s for s, _ in grow(3, lambda subset: losses[tuple(subset)])] == [[0], [0, 2], [0, 1, 2]]


def test_one_model():
    assert grow(1, lambda subset: 0.3) == drop(1, lambda subset: 0.3) == [([0], 0.3)]


def subset_losses(labels, probabilities):
    models = len(probabilities)
    subsets = [s for k in range(1, models + 1) for s in itertools.combinations(range(models), k)]
    return {s: reference_selection_loss(labels, reference_combine(probabilities[list(s)], CLIP)) for s in subsets}


def test_up_to_three_models_the_ensemble_is_the_best_of_all_subsets():
    """The best single model is on one path, the best pair on the other, all three on both."""
    directions = set()
    for seed in range(10):
        labels, probabilities = case(seed, models=2 + (seed > 1))
        losses = subset_losses(labels, probabilities)
        fitted = fit_ensemble(labels, probabilities, CLIP, SHRINKAGES)
        assert fitted["members"] == list(min(losses, key=losses.get))
        assert fitted["loss"] == pytest.approx(min(losses.values()), rel=1e-9)
        directions.add(fitted["direction"])
    assert "grow" in directions


def test_the_better_direction_is_used():
    """Models 1 and 2 are wrong in opposite ways and right together; model 0, alone the best, only disturbs them."""
    labels = np.tile([[1.0], [0.0]], (20, 1))
    right = np.where(labels > 0.5, 1.0, -1.0)
    tilt = np.where(np.arange(40) % 4 < 2, 1, -1)[:, None]
    logits = np.stack([0.5 * right, 2 * right + 6 * tilt, 2 * right - 6 * tilt])
    probabilities = 1 / (1 + np.exp(-logits))
    losses = subset_losses(labels, probabilities)
    assert min((s for s in losses if len(s) == 1), key=losses.get) == (0,)
    fitted = fit_ensemble(labels, probabilities, CLIP, SHRINKAGES)
    assert (fitted["members"], fitted["direction"]) == ([1, 2], "drop")
    assert 0 in fitted["paths"]["grow"][1][0]


@pytest.mark.parametrize("seed", range(3))
def test_five_models(seed):
    labels, probabilities = case(seed, models=5, samples=25)
    losses = subset_losses(labels, probabilities)
    fitted = fit_ensemble(labels, probabilities, CLIP, SHRINKAGES)
    walked = [*fitted["paths"]["grow"], *fitted["paths"]["drop"]]
    assert sorted(len(subset) for subset, _ in walked) == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    for subset, loss in walked:
        assert loss == pytest.approx(losses[tuple(subset)], rel=1e-9)
    assert fitted["loss"] == min(loss for _, loss in walked)
    assert (fitted["members"], fitted["loss"]) in walked
    assert min(losses.values()) - 1e-12 <= fitted["loss"]
    assert fitted["loss"] <= min(losses[(m,)] for m in range(5)) + 1e-12


def test_of_equal_subsets_the_smaller():
    labels, probabilities = case(0, models=1)
    fitted = fit_ensemble(labels, np.concatenate([probabilities, probabilities]), CLIP, SHRINKAGES)
    assert (fitted["members"], fitted["direction"]) == ([0], "grow")


# Nested selection


def test_nested_predictions_are_those_of_members_chosen_on_the_other_folds():
    labels, probabilities = case(3, models=3, samples=45)
    folds = np.random.default_rng(0).permutation(np.arange(45) % 3)
    nested = nested_probabilities(labels, probabilities, folds, CLIP, SHRINKAGES)
    for fold in range(3):
        inside, outside = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        losses = subset_losses(labels[outside], probabilities[:, outside])
        members = list(min(losses, key=losses.get))
        expected = reference_combine(probabilities[members][:, inside], CLIP)
        np.testing.assert_allclose(nested[inside], expected, rtol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_a_folds_own_labels_do_not_choose_its_members(seed):
    labels, probabilities = case(seed, models=4, samples=30)
    folds = np.arange(30) % 3
    nested = nested_probabilities(labels, probabilities, folds, CLIP, SHRINKAGES)
    changed_elsewhere = False
    for fold in range(3):
        spoiled = labels.copy()
        spoiled[folds == fold] = 1 - spoiled[folds == fold]
        again = nested_probabilities(spoiled, probabilities, folds, CLIP, SHRINKAGES)
        np.testing.assert_array_equal(again[folds == fold], nested[folds == fold])
        changed_elsewhere |= (again != nested).any()
    assert changed_elsewhere


# Metrics


@pytest.mark.parametrize("seed", range(3))
def test_scores_as_scikit_learn_has_them(seed):
    labels, probabilities = case(seed, samples=80)
    found = score(labels, probabilities[0], LABELS)
    for index, name in enumerate(LABELS):
        y, p = labels[:, index], probabilities[0, :, index]
        assert found["labels"][name] == pytest.approx(
            {
                "log_loss": sklearn.log_loss(y, p),
                "average_precision": sklearn.average_precision_score(y, p),
                "roc_auc": sklearn.roc_auc_score(y, p),
                "positives": int(y.sum()),
            }
        )
    for key in ("log_loss", "average_precision", "roc_auc"):
        assert found[key] == pytest.approx(np.mean([found["labels"][name][key] for name in LABELS]))
    assert log_loss(labels, probabilities[0]) == pytest.approx(found["log_loss"])
    assert reference_loss(labels, probabilities[0]) == pytest.approx(found["log_loss"])


def test_a_label_of_one_class_has_a_log_loss_only():
    labels = np.array([[0, 1], [0, 0]], dtype=np.float32)
    found = score(labels, np.array([[0.1, 0.8], [0.2, 0.3]]), LABELS)
    assert found["labels"]["aromatic"]["roc_auc"] is None
    assert found["labels"]["aromatic"]["average_precision"] is None
    assert found["labels"]["aromatic"]["log_loss"] == pytest.approx(-(math.log(0.9) + math.log(0.8)) / 2)
    assert found["roc_auc"] == 1
    nothing = score(labels[:, :1], np.array([[0.1], [0.2]]), LABELS[:1])
    assert (nothing["roc_auc"], nothing["average_precision"]) == (None, None)
    json.dumps(nothing, allow_nan=False)


def test_certainty_that_is_wrong_costs_much_but_not_everything():
    losses = log_losses(np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]], dtype=np.float32))
    np.testing.assert_allclose(losses, -math.log(1e-7), rtol=1e-6)
    assert log_losses(np.array([[1.0]]), np.array([[1.0]]))[0] < 1e-6


def test_the_baseline_is_the_frequencies_of_the_other_samples():
    labels = np.array([[1, 0], [1, 0], [0, 1], [0, 0]])
    folds = np.array([0, 1, 1, 2])
    found = frequencies(labels, folds, np.array([[1, 1]]))
    # fold 0 sees rows 1–3 and the extra one; fold 1 rows 0, 3 and it; fold 2 rows 0–2 and it
    np.testing.assert_allclose(found, [[2 / 4, 2 / 4], [2 / 3, 1 / 3], [2 / 3, 1 / 3], [3 / 4, 2 / 4]])
    np.testing.assert_allclose(frequencies(labels, folds, np.empty((0, 2)))[0], [1 / 3, 1 / 3])


# From logits to the submission

MODELS = ["wide", "deep", "table"]


class Study:
    """Three models on 24 training samples in 3 folds, one that is always trained on, and two to be predicted."""

    def __init__(self, submission=("X2", "X1")):
        rng = np.random.default_rng(5)
        self.train = [f"S{n:02d}" for n in range(24)]
        self.labels, probabilities = case(11, models=3, samples=24, spread=3)
        self.oof_logits = np.log(probabilities / (1 - probabilities)).astype(np.float32)
        tests = ["X1", "X2"] if submission else []
        self.samples = pa.table(
            {
                "sample_id": [*self.train, "V", *tests],
                **{
                    label: pa.array([*self.labels[:, k].tolist(), 1.0, *[None] * len(tests)], pa.float32())
                    for k, label in enumerate(LABELS)
                },
            }
        )
        self.folds = {sample: n % 3 for n, sample in enumerate(self.train)} | {"V": ALWAYS}
        self.facts = {"labels": LABELS, "submission": list(submission), "submission_labels": LABELS[::-1]}
        self.test_logits = (rng.standard_normal((3, 3, len(tests), 2)) * 9).astype(np.float32)  # model, fold, sample
        oof, test = [], []
        for m, k in itertools.product(range(3), range(3)):
            rows = np.arange(24) % 3 == k
            ids = [sample for sample, use in zip(self.train, rows, strict=True) if use]
            facts = {"model": MODELS[m], "fold": k}
            oof.append((logit_table(ids, LABELS, self.oof_logits[m, rows]), facts))
            test.append((logit_table(tests, LABELS, self.test_logits[m, k]), facts))
        self.oof = Logits.read(collect_logits([*oof[1:], oof[0]]), LABELS)  # the first model's folds are not in order
        self.test = Logits.read(collect_logits(test), LABELS)

    def summarize(self):
        return summarize(self.samples, self.facts, self.folds, self.oof, self.test, CLIP, SHRINKAGES)


@pytest.fixture(scope="module")
def study():
    return Study()


@pytest.fixture(scope="module")
def summary(study):
    return study.summarize()


def test_out_of_fold_logits_are_put_in_the_order_of_the_samples(study):
    np.testing.assert_array_equal(stack_oof(study.oof, study.train, study.folds), study.oof_logits)


def test_the_ensemble_of_a_summary(study, summary):
    probabilities = 1 / (1 + np.exp(-study.oof_logits.astype(np.float64)))
    losses = subset_losses(study.labels, probabilities)
    best = min(losses, key=losses.get)
    assert summary.ensemble["members"] == [MODELS[m] for m in best]
    assert summary.ensemble["selection_loss"] == pytest.approx(losses[best], rel=1e-9)
    assert summary.ensemble["clip"] == CLIP
    blended = reference_combine(probabilities[list(best)], CLIP)
    found = summary.metrics["ensemble"]
    assert found["log_loss"] == pytest.approx(reference_loss(study.labels, blended), rel=1e-9)  # not shrunk
    fold = np.arange(24) % 3
    by_fold = [reference_loss(study.labels[fold == k], blended[fold == k]) for k in range(3)]
    assert found["log_loss_by_fold"] == pytest.approx(by_fold, rel=1e-9)
    assert summary.oof["sample_id"].to_pylist() == study.train
    logits = np.column_stack([summary.oof[label].to_numpy() for label in LABELS])
    np.testing.assert_allclose(logits, np.log(blended / (1 - blended)), rtol=1e-4, atol=1e-5)
    for direction in ("grow", "drop"):
        assert len(summary.ensemble["paths"][direction]) == 3
    json.dumps([summary.ensemble, summary.metrics], allow_nan=False)


def test_the_scores_of_a_summary(study, summary):
    assert summary.metrics["samples"] == 24
    assert list(summary.metrics["models"]) == list(dict.fromkeys(study.oof.model))
    for m, name in enumerate(MODELS):
        probabilities = 1 / (1 + np.exp(-study.oof_logits[m].astype(np.float64)))
        loss = summary.metrics["models"][name]["log_loss"]
        assert loss == pytest.approx(reference_loss(study.labels, probabilities), rel=1e-9)
    baseline = np.empty((24, 2))
    for row in range(24):  # V is in every training part
        others = [study.labels[other] for other in range(24) if other % 3 != row % 3]
        baseline[row] = np.mean([*others, [1, 1]], axis=0)
    loss = summary.metrics["baseline"]["log_loss"]
    assert loss == pytest.approx(reference_loss(study.labels, baseline), rel=1e-6)


def test_the_submission(study, summary):
    lines = summary.submission.splitlines()
    assert lines[0] == "sample_id,mineral,aromatic"
    assert [line.split(",")[0] for line in lines[1:]] == ["X2", "X1"]
    members = [MODELS.index(name) for name in summary.ensemble["members"]]
    averaged = np.empty((len(members), 2, 2))
    for place, m in enumerate(members):
        for sample, label in itertools.product(range(2), range(2)):
            averaged[place, sample, label] = np.mean([sigmoid(study.test_logits[m, k, sample, label]) for k in range(3)])
    expected = reference_combine(averaged, CLIP)[::-1, ::-1]
    found = [[float(cell) for cell in line.split(",")[1:]] for line in lines[1:]]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_nothing_to_submit_is_a_header():
    assert Study(submission=()).summarize().submission == "sample_id,mineral,aromatic\n"


def spoil(logits, **changes):
    return Logits(**{**vars(logits), **changes})


def test_logits_of_a_wrong_fold_are_refused(study):
    wrong = study.oof.fold.copy()
    wrong[0] = (wrong[0] + 1) % 3
    with pytest.raises(InputError, match=rf"model {study.oof.model[0]}, sample {study.oof.ids[0]}: scored in fold"):
        stack_oof(spoil(study.oof, fold=wrong), study.train, study.folds)
    strangers = study.oof.ids.copy()
    strangers[0] = "V"
    with pytest.raises(InputError, match="sample V: scored in fold"):
        stack_oof(spoil(study.oof, ids=strangers), study.train, study.folds)


def test_missing_logits_are_refused(study):
    keep = np.arange(len(study.oof.ids)) != 5
    parts = {key: value[keep] for key, value in vars(study.oof).items() if key != "models"}
    with pytest.raises(InputError, match="some samples have no out-of-fold logits"):
        stack_oof(spoil(study.oof, **parts), study.train, study.folds)
    values = study.oof.values.copy()
    values[3, 1] = np.nan
    with pytest.raises(InputError, match="or they are not numbers"):
        stack_oof(spoil(study.oof, values=values), study.train, study.folds)


def test_folds_that_predicted_different_samples_are_refused(study):
    ids = study.test.ids.copy()
    ids[0] = "X9"
    with pytest.raises(
        InputError, match=rf"model {MODELS[0]}: its folds, or other models, predicted different test samples"
    ):
        predict_test(spoil(study.test, ids=ids), MODELS, CLIP)


def test_models_that_predicted_different_samples_are_refused(study):
    ids = np.where(study.test.model == MODELS[0], np.where(study.test.ids == "X1", "X2", "X1"), study.test.ids)
    with pytest.raises(InputError):
        predict_test(spoil(study.test, ids=ids), MODELS, CLIP)


def test_the_leaderboard(summary):
    members = summary.ensemble["members"]
    text = leaderboard(summary.metrics, members, "results/x/submission.csv")
    rows = {line[: line.index("  ")].strip(): line for line in text.splitlines() if re.search(r"\d–\d", line)}
    names = [f"{name} *" if name in members else name for name in MODELS]
    assert set(rows) == {"ensemble", "ensemble (nested)", *names, "constant frequencies"}
    in_order = [name for name in rows if name.removesuffix(" *") in MODELS]
    assert in_order == sorted(names, key=lambda name: summary.metrics["models"][name.removesuffix(" *")]["log_loss"])
    for name, entry in [("ensemble", "ensemble"), ("constant frequencies", "baseline")]:
        assert f"{summary.metrics[entry]['log_loss']:.4f}" in rows[name]
    share = summary.metrics["ensemble"]["log_loss"] / summary.metrics["baseline"]["log_loss"]
    assert f"{share:.2f}" in rows["ensemble"]
    assert "results/x/submission.csv" in text
