"""From logits to the ensemble, its metrics, the leaderboard and the submission."""

import itertools
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from test_ensemble import CLIP, LABELS, case, reference_combine, reference_loss, sigmoid, subset_losses

from ionscape.config.sections import Ensemble as EnsembleSettings
from ionscape.errors import InputError
from ionscape.evaluation.blending import METHODS
from ionscape.evaluation.folds import ALWAYS, Folds
from ionscape.evaluation.novelty import Similarity
from ionscape.evaluation.replicates import Replicates
from ionscape.evaluation.run_metrics import Part
from ionscape.evaluation.summary import Fits, average_test, summarize
from ionscape.models.logits import Logits, LogitTable
from ionscape.report.leaderboard import leaderboard_text
from support.samples import sample_table
from support.settings import changed

MODELS = ["wide", "deep", "table"]
FAMILIES = {"wide": "image", "deep": "image", "table": "table"}
SETTINGS = EnsembleSettings(method="select", clip=CLIP)


class Study:
    """Three models on 24 training samples in 3 folds, one that is always trained on, and two to be predicted."""

    def __init__(self, submission=("X2", "X1")):
        rng = np.random.default_rng(5)
        self.train = [f"S{n:02d}" for n in range(24)]
        self.labels, probabilities = case(11, models=3, samples=24, spread=3)
        self.oof_logits = np.log(probabilities / (1 - probabilities)).astype(np.float32)
        tests = ["X1", "X2"] if submission else []
        self.samples = sample_table(
            [*self.train, "V", *tests],
            LABELS,
            np.concatenate([self.labels, [[1, 1]], np.full((len(tests), 2), np.nan)]),
            splits=[*["train"] * 24, "val", *["test"] * len(tests)],
            submission=list(submission),
            submission_labels=LABELS[::-1],
        )
        self.folds = Folds({sample: n % 3 for n, sample in enumerate(self.train)} | {"V": ALWAYS})
        self.folds_of, self.refitted = dict.fromkeys(MODELS, self.folds), []
        self.similarity = np.where(np.arange(24) < 6, 0.999, 0.3)
        self.test_logits = (rng.standard_normal((3, 3, len(tests), 2)) * 9).astype(np.float32)  # model, fold, sample
        oof, test = [], []
        for m, k in itertools.product(range(3), range(3)):
            rows = np.arange(24) % 3 == k
            ids = [sample for sample, use in zip(self.train, rows, strict=True) if use]
            facts = {"model": MODELS[m], "fold": k}
            oof.append(LogitTable(ids, LABELS, self.oof_logits[m, rows], facts))
            test.append(LogitTable(tests, LABELS, self.test_logits[m, k], facts))
        self.oof = Logits.collected([*oof[1:], oof[0]])  # the first model's folds are not in order
        self.test = Logits.collected(test)

    def summarize(self, **settings):
        similar = Replicates(self.train, self.train, self.similarity)
        used, fits = changed(SETTINGS, **settings), self.fits()
        return summarize(self.samples, self.folds, fits, similar, self.nearness(), self.oof, self.test, used)

    def fits(self):
        return {name: Fits(FAMILIES[name], folds, name in self.refitted) for name, folds in self.folds_of.items()}

    def nearness(self):
        ids = [*self.train, "X1", "X2"]
        by = {name: np.append(self.similarity, [0.5, 0.6]) for name in ("folds-3", "folds-6")}
        return Similarity(ids, ids, by | {"refit": np.append(np.full(24, np.nan), [0.7, 0.8])})


def of_each(study):
    return {name: folds.of for name, folds in study.folds_of.items()}


@pytest.fixture(scope="module")
def study():
    return Study()


@pytest.fixture(scope="module")
def summary(study):
    return study.summarize()


def test_out_of_fold_logits_are_put_in_the_order_of_the_samples(study):
    np.testing.assert_array_equal(study.oof.out_of_fold(study.train, of_each(study)), study.oof_logits)


def test_the_ensemble_of_a_summary(study, summary):
    probabilities = 1 / (1 + np.exp(-study.oof_logits.astype(np.float64)))
    losses = subset_losses(study.labels, probabilities)
    best = min(losses, key=losses.get)
    assert summary.ensemble.members == [MODELS[m] for m in best]
    assert summary.ensemble.selection_loss == pytest.approx(losses[best], rel=1e-9)
    assert summary.ensemble.clip == CLIP
    blended = reference_combine(probabilities[list(best)], CLIP)
    found = summary.metrics.ensemble
    assert found.log_loss == pytest.approx(reference_loss(study.labels, blended), rel=1e-9)  # not shrunk
    fold = np.arange(24) % 3
    by_fold = [reference_loss(study.labels[fold == k], blended[fold == k]) for k in range(3)]
    assert found.log_loss_by_fold == pytest.approx(by_fold, rel=1e-9)
    assert summary.oof.ids == study.train
    np.testing.assert_allclose(summary.oof.values, np.log(blended / (1 - blended)), rtol=1e-4, atol=1e-5)
    for direction in ("grow", "drop"):
        assert len(summary.ensemble.paths[direction]) == 3
    json.dumps([summary.ensemble.model_dump(), summary.metrics.model_dump()], allow_nan=False)


@pytest.mark.parametrize("method", METHODS)
def test_ensemble_json_says_how_to_answer_for_new_samples(study, method):
    """From the file's own words, by hand, to the probabilities of the submission."""
    summary = study.summarize(method=method)
    described = json.loads(summary.ensemble.model_dump_json())
    assert described["method"] == method
    rows = {line.split(",")[0]: line.split(",")[1:] for line in summary.submission.splitlines()[1:]}
    for place, sample in enumerate(("X1", "X2")):
        for label in LABELS:
            z = described["bias"][label]
            for name, weights in described["weights"].items():
                own = (described["novelty"] or {}).get(name)
                s = (np.log(1 - (0.5, 0.6)[place] + 0.001) - own["centre"]) / own["scale"] if own else 0
                weight = weights[label] + (own["slope"][label] * min(max(s, own["low"]), own["high"]) if own else 0)
                p = np.mean([sigmoid(x) for x in study.test_logits[MODELS.index(name), :, place, LABELS.index(label)]])
                p = min(max(p, described["clip"]), 1 - described["clip"])
                z += weight * np.log(p / (1 - p))
            assert float(rows[sample][LABELS[::-1].index(label)]) == pytest.approx(sigmoid(z), rel=1e-5)
    assert set(described["weights"]) == set(described["members"])


def test_the_nested_loss_and_its_logits_are_of_one_answer(study, summary):
    loss = reference_loss(study.labels, summary.nested.probabilities)
    assert summary.metrics.ensemble_nested.log_loss == pytest.approx(loss, abs=1e-5)
    assert summary.metrics.methods_nested["select"] == summary.metrics.ensemble_nested.log_loss
    assert set(summary.metrics.methods_nested) == set(METHODS)


def test_the_scores_of_a_summary(study, summary):
    assert summary.metrics.samples == 24
    assert list(summary.metrics.models) == list(dict.fromkeys(study.oof.model))
    for m, name in enumerate(MODELS):
        probabilities = 1 / (1 + np.exp(-study.oof_logits[m].astype(np.float64)))
        loss = summary.metrics.models[name].log_loss
        assert loss == pytest.approx(reference_loss(study.labels, probabilities), rel=1e-9)
    baseline = np.empty((24, 2))
    for row in range(24):  # V is in every training part
        others = [study.labels[other] for other in range(24) if other % 3 != row % 3]
        baseline[row] = np.mean([*others, [1, 1]], axis=0)
    loss = summary.metrics.baseline.log_loss
    assert loss == pytest.approx(reference_loss(study.labels, baseline), rel=1e-6)


def test_the_submission(study, summary):
    lines = summary.submission.splitlines()
    assert lines[0] == "sample_id,mineral,aromatic"
    assert [line.split(",")[0] for line in lines[1:]] == ["X2", "X1"]
    members = [MODELS.index(name) for name in summary.ensemble.members]
    averaged = np.empty((len(members), 2, 2))
    for place, m in enumerate(members):
        for sample, label in itertools.product(range(2), range(2)):
            averaged[place, sample, label] = np.mean([sigmoid(study.test_logits[m, k, sample, label]) for k in range(3)])
    expected = reference_combine(averaged, CLIP)[::-1, ::-1]
    found = [[float(cell) for cell in line.split(",")[1:]] for line in lines[1:]]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_nothing_to_submit_is_a_header():
    assert Study(submission=()).summarize().submission == "sample_id,mineral,aromatic\n"


def test_a_labelled_split_that_took_no_part_is_scored(study, summary):
    """X1 and X2 with labels: each model's probabilities averaged over folds, and the ensemble's; V was trained on."""
    assert summary.metrics.held_out == {}
    labelled = Study()
    known = np.array([[1.0, 0.0], [0.0, 0.0]])
    truth = labelled.samples.truth.copy()
    truth[-2:] = known
    labelled.samples = replace(labelled.samples, truth=truth)
    found = labelled.summarize().metrics.held_out
    assert set(found) == {"test"}
    assert found["test"].samples == 2
    p = np.mean([1 / (1 + np.exp(-study.test_logits[1, k].astype(np.float64))) for k in range(3)], axis=0)
    assert found["test"].models["deep"].log_loss == pytest.approx(reference_loss(known, p), rel=1e-6)
    rows = {line.split(",")[0]: line.split(",")[:0:-1] for line in summary.submission.splitlines()[1:]}
    answer = np.array([[float(cell) for cell in rows[sample]] for sample in ("X1", "X2")])
    assert found["test"].ensemble.log_loss == pytest.approx(reference_loss(known, answer), rel=1e-4)
    assert "test" in leaderboard_text(labelled.summarize().metrics, summary.ensemble, "x").split("Held out")[1]


def test_a_model_that_takes_no_part_is_scored_beside_the_ensemble(study, summary):
    """As if it were not there, but for its own row."""
    beside = study.summarize(without=["deep"], method="weigh")
    others = Study()
    others.oof, others.test = (
        Logits.collected(
            [
                LogitTable(logits.ids[rows].tolist(), LABELS, logits.values[rows], {"model": model, "fold": k})
                for model in MODELS
                if model != "deep"
                for k in range(3)
                for rows in [(logits.model == model) & (logits.fold == k)]
            ]
        )
        for logits in (study.oof, study.test)
    )
    expected = others.summarize(method="weigh")
    assert (beside.ensemble, beside.submission) == (expected.ensemble, expected.submission)
    for part in ("ensemble", "ensemble_nested", "methods_nested", "families", "suspects"):
        assert getattr(beside.metrics, part) == getattr(expected.metrics, part)
    assert beside.metrics.models == summary.metrics.models


def test_replicates_are_scored_apart(study, summary):
    found = summary.metrics.replicates
    assert (found.near_identical.samples, found.others.samples) == (6, 18)
    p = 1 / (1 + np.exp(-study.oof_logits[2].astype(np.float64)))
    assert found.near_identical.models["table"] == pytest.approx(reference_loss(study.labels[:6], p[:6]), rel=1e-6)
    assert found.others.models["table"] == pytest.approx(reference_loss(study.labels[6:], p[6:]), rel=1e-6)
    losses = [found.near_identical.ensemble_nested, found.others.ensemble_nested]
    assert (6 * losses[0] + 18 * losses[1]) / 24 == pytest.approx(summary.metrics.ensemble_nested.log_loss, rel=1e-6)
    board = leaderboard_text(summary.metrics, summary.ensemble, "x")
    assert f"6 samples: {losses[0]:.4f}; the other 18: {losses[1]:.4f}" in board
    alone = Study()
    alone.similarity = alone.similarity * 0.5
    summary = alone.summarize()
    assert summary.metrics.replicates.near_identical == Part(samples=0)
    assert "near-identical" not in leaderboard_text(summary.metrics, summary.ensemble, "x")


def spoil(logits, **changes):
    return Logits(**{**vars(logits), **changes})


def test_logits_of_a_wrong_fold_are_refused(study):
    wrong = study.oof.fold.copy()
    wrong[0] = (wrong[0] + 1) % 3
    with pytest.raises(InputError, match=rf"model {study.oof.model[0]}, sample {study.oof.ids[0]}: scored in fold"):
        spoil(study.oof, fold=wrong).out_of_fold(study.train, of_each(study))
    strangers = study.oof.ids.copy()
    strangers[0] = "V"
    with pytest.raises(InputError, match="sample V: scored in fold"):
        spoil(study.oof, ids=strangers).out_of_fold(study.train, of_each(study))


def test_a_model_may_have_finer_folds_of_its_own(study):
    def part(n, fold):
        return 2 * fold + (n // 3) % 2 if fold >= 0 else fold

    finer = Folds({sample: part(n, fold) for n, (sample, fold) in enumerate(study.folds.of.items())})
    other = Study()
    other.folds_of = {**study.folds_of, "deep": finer}
    own = [other.folds_of[model].of[sample] for model, sample in zip(study.oof.model, study.oof.ids, strict=True)]
    other.oof = spoil(study.oof, fold=np.array(own))
    found = other.summarize()
    assert found.metrics.ensemble_nested == study.summarize().metrics.ensemble_nested  # the run's folds say what is nested
    assert found.metrics.learnt_from == {"wide": 17, "deep": 21, "table": 17}
    assert other.oof.own_folds()["deep"] == {sample: fold for sample, fold in finer.of.items() if fold >= 0}
    other.folds_of["deep"] = Folds({sample: fold ^ 1 if fold >= 0 else fold for sample, fold in finer.of.items()})
    with pytest.raises(InputError, match=r"^model deep, sample S00: scored in fold 0, belongs to 1$"):
        other.summarize()


def test_a_refit_alone_answers_for_new_samples(study):
    """Beside models whose folds do."""
    other = Study()
    first = (other.test.model == "deep") & (other.test.fold == 0)
    kept = (other.test.model != "deep") | first
    fold = np.where(other.test.model == "deep", ALWAYS, other.test.fold)[kept]
    parts = {name: getattr(other.test, name)[kept] for name in ("model", "ids", "values")}
    other.test, other.refitted = spoil(other.test, fold=fold, **parts), ["deep"]
    tested, found = average_test(other.test, MODELS)
    expected = average_test(study.test, MODELS)[1]
    np.testing.assert_array_equal(found[[0, 2]], expected[[0, 2]])
    np.testing.assert_allclose(found[1], 1 / (1 + np.exp(-study.test_logits[1, 0].astype(np.float64))), rtol=1e-12)
    assert tested == ["X1", "X2"]
    assert (
        other.summarize(method="adapt").ensemble.novelty["deep"] == study.summarize(method="adapt").ensemble.novelty["deep"]
    )


def test_missing_logits_are_refused(study):
    keep = np.arange(len(study.oof.ids)) != 5
    parts = {key: value[keep] for key, value in vars(study.oof).items() if isinstance(value, np.ndarray)}
    with pytest.raises(InputError, match="some samples have no out-of-fold logits"):
        spoil(study.oof, **parts).out_of_fold(study.train, of_each(study))
    values = study.oof.values.copy()
    values[3, 1] = np.nan
    with pytest.raises(InputError, match="or they are not numbers"):
        spoil(study.oof, values=values).out_of_fold(study.train, of_each(study))


def test_folds_that_predicted_different_samples_are_refused(study):
    ids = study.test.ids.copy()
    ids[0] = "X9"
    with pytest.raises(
        InputError, match=rf"model {MODELS[0]}: its folds, or other models, predicted different test samples"
    ):
        average_test(spoil(study.test, ids=ids), MODELS)


def test_models_that_predicted_different_samples_are_refused(study):
    ids = np.where(study.test.model == MODELS[0], np.where(study.test.ids == "X1", "X2", "X1"), study.test.ids)
    with pytest.raises(InputError):
        average_test(spoil(study.test, ids=ids), MODELS)


def test_the_leaderboard(summary):
    members = summary.ensemble.members
    text = leaderboard_text(summary.metrics, summary.ensemble, "results/x/submission.csv")
    rows = {line[: line.index("  ")].strip(): line for line in text.splitlines() if line.count("–") == 2}
    names = [f"{name} *" if name in members else name for name in MODELS]
    assert set(rows) == {"ensemble (nested)", "ensemble (optimistic)", *names, "constant frequencies"}
    in_order = [name for name in rows if name.removesuffix(" *") in MODELS]
    assert in_order == sorted(names, key=lambda name: summary.metrics.models[name.removesuffix(" *")].log_loss)
    for name, entry in [("ensemble (nested)", "ensemble_nested"), ("constant frequencies", "baseline")]:
        assert f"{getattr(summary.metrics, entry).log_loss:.4f}" in rows[name]
    low, high = summary.metrics.ensemble_nested.log_loss_interval
    assert low < summary.metrics.ensemble_nested.log_loss < high
    assert f"{low:.4f}–{high:.4f}" in rows["ensemble (nested)"]
    share = summary.metrics.ensemble_nested.log_loss / summary.metrics.baseline.log_loss
    assert f"{share:.2f}" in rows["ensemble (nested)"]
    assert re.search(r"Without family image: 0\.\d{4} \([+-]", text)
    assert "results/x/submission.csv" in text
