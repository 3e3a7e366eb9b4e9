"""Folds, and train_fold against a logistic regression fitted by hand: no sample is scored by a model that saw it."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold
from sklearn.preprocessing import StandardScaler

from ionscape.data.samples import Samples
from ionscape.errors import InputError, InputErrors
from ionscape.evaluation.cross_validation import History, chosen_epoch, config_hash, train_fold
from ionscape.evaluation.folds import ALWAYS, Folds, across_folds, divide_folds, draw_folds, given_folds, join_folds
from ionscape.files.small_csv import Row
from ionscape.models.inputs import with_inputs
from ionscape.models.logits import Logits, LogitTable
from ionscape.training.context import FitContext
from support.samples import sample_table
from support.settings import load_config

LABELS = ["aromatic", "mineral"]


def rare_labels(seed, samples=203):
    """Labels as rare and as correlated as the challenge's."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((samples, 5)) < [0.05, 0.1, 0.15, 0.3, 0.5]).astype(np.float32)
    labels[:, 4] = np.maximum(labels[:, 4], labels[:, 0])
    return labels


def unevenness(labels, folds, count):
    """The largest distance of a label's positives in a fold from an even share."""
    positives = np.array([labels[folds == fold].sum(axis=0) for fold in range(count)])
    return np.abs(positives - labels.sum(axis=0) / count).max()


def plain_folds(samples, count, seed):
    folds = np.empty(samples, dtype=int)
    for fold, (_, validation) in enumerate(KFold(count, shuffle=True, random_state=seed).split(np.zeros(samples))):
        folds[validation] = fold
    return folds


@pytest.mark.parametrize("seed", range(4))
def test_every_sample_validates_one_fold_and_labels_are_spread_evenly(seed):
    labels = rare_labels(seed)
    folds = draw_folds(labels, 5, seed)
    assert folds.dtype == np.int32
    assert folds.shape == (203,)
    sizes = np.bincount(folds, minlength=5)
    assert len(sizes) == 5
    assert np.abs(sizes - 203 / 5).max() < 4
    assert unevenness(labels, folds, 5) < 2
    assert unevenness(labels, folds, 5) < unevenness(labels, plain_folds(203, 5, seed), 5)


def test_folds_depend_on_the_seed_only():
    labels = rare_labels(0)
    folds = draw_folds(labels, 5, 42)
    np.random.seed(1)  # noqa: NPY002 (the global state must not matter)
    np.testing.assert_array_equal(draw_folds(labels, 5, 42), folds)
    assert (draw_folds(labels, 5, 43) != folds).any()


def test_more_folds_than_samples():
    with pytest.raises(
        InputError, match=r"3 training samples, or groups, cannot be split into 4 folds; lower folds\.count"
    ):
        draw_folds(np.eye(3), 4, 0)


def rows(*pairs):
    return [Row({"sample_id": sample, "fold": fold}, line) for line, (sample, fold) in enumerate(pairs, start=2)]


def test_given_folds_in_the_order_of_the_samples():
    folds = given_folds(rows(("c", "1"), ("a", " 0 "), ("b", "1")), ["a", "b", "c"], 2, "f.csv")
    assert folds.tolist() == [0, 1, 1]
    assert folds.dtype == np.int32


@pytest.mark.parametrize(
    ("given", "messages"),
    [
        ([("a", "0")], ["f.csv: training sample 'b' has no fold"]),
        ([("a", "0"), ("b", "0")], ["f.csv, column 'fold': no sample has fold 1"]),
        ([("a", "0"), ("b", "1"), ("a", "1")], ["f.csv, line 4, column 'sample_id': 'a' occurs more than once"]),
        ([("a", "0"), ("b", "1"), ("x", "1")], ["f.csv, line 4, column 'sample_id': 'x' is not a training sample"]),
        *(
            ([("a", "0"), ("b", fold)], [f"f.csv, line 3, column 'fold': {fold!r}, expected 0–1 (folds.count = 2)"])
            for fold in ("2", "-1", "1.0", "", "one")
        ),
        (
            [("x", "9"), ("a", "0")],
            [
                "f.csv, line 2, column 'sample_id': 'x' is not a training sample",
                "f.csv, line 2, column 'fold': '9', expected 0–1 (folds.count = 2)",
                "f.csv: training sample 'b' has no fold",
            ],
        ),
    ],
)
def test_given_folds_that_cannot_be_used(given, messages):
    with pytest.raises(InputErrors) as caught:
        given_folds(rows(*given), ["a", "b"], 2, "f.csv")
    assert caught.value.problems == messages


def samples_table():
    """T1 and T2 in train, V1 labelled and V2 unlabelled in val, X unlabelled in test."""
    unknown = [np.nan, np.nan]
    return sample_table(
        ["V1", "T2", "X", "T1", "V2"],
        LABELS,
        [[1, 0], [0, 1], unknown, [1, 1], unknown],
        splits=["val", "train", "test", "train", "val"],
        groups=["a", "b", "X", "a", "V2"],
        md5=["1", "2", "3", "4", "1"],
        predicted=np.array([False, False, True, False, True]),
    )


def test_a_group_is_in_one_fold_and_groups_of_one_change_nothing():
    labels = rare_labels(0)
    groups = [f"batch {n // 3}" for n in range(len(labels))]
    folds = draw_folds(labels, 5, 42, groups)
    assert all(len(set(folds[start : start + 3])) == 1 for start in range(0, len(labels), 3))
    assert np.bincount(folds, minlength=5).min() > 30
    for label in labels.T:
        assert np.ptp([label[folds == fold].mean() for fold in range(5)]) < 0.25
    alone = [str(n) for n in range(len(labels))]
    np.testing.assert_array_equal(draw_folds(labels, 5, 42, alone), draw_folds(labels, 5, 42))
    instruments = ["commercial"] * 20 + ["testbed"] * (len(labels) - 20)  # as many groups as folds: leave one out
    assert len({(*pair,) for pair in zip(instruments, draw_folds(labels, 2, 42, instruments), strict=True)}) == 2
    with pytest.raises(InputError, match="or groups, cannot be split into 5 folds"):
        draw_folds(labels, 5, 42, ["one"] * 100 + ["other"] * 103)


def test_what_is_alike_in_different_folds_is_found():
    samples = samples_table()
    folds = Folds({"V1": ALWAYS, "T2": 0, "T1": 1})
    assert across_folds(samples, folds, samples.groups) == [["V1", "T1"]]
    assert across_folds(samples, folds, samples.md5) == []
    assert across_folds(samples, Folds({"V1": 1, "T2": 0, "T1": 1}), samples.groups) == []


def test_folds_are_drawn_of_the_train_split():
    train = samples_table().train_part()
    assert train.ids == ["T2", "T1"]
    assert train.groups == ["b", "a"]
    assert train.truth.tolist() == [[0, 1], [1, 1]]


@pytest.mark.parametrize(
    ("train_val", "expected"),
    [(False, {"T2": 0, "T1": 1}), (True, {"V1": ALWAYS, "T2": 0, "T1": 1})],
)
def test_other_labelled_samples_are_always_trained_on_or_left_out(train_val, expected):
    folds = join_folds(samples_table(), ["T2", "T1"], np.array([0, 1], dtype=np.int32), train_val)
    assert list(folds.of.items()) == list(expected.items())


def test_a_held_out_split_is_in_no_training_part():
    drawn = ["T2", "T1"], np.array([0, 1], dtype=np.int32)
    assert list(join_folds(samples_table(), *drawn, True, ["val"]).of) == ["T2", "T1"]
    for wrong in ("test", "train", "vla"):
        with pytest.raises(InputError, match=rf"folds\.held_out: '{wrong}' is no split with labels .* \(there is val\)"):
            join_folds(samples_table(), *drawn, True, [wrong])


@pytest.mark.parametrize("seed", range(3))
def test_finer_folds_stay_within_the_runs_and_groups_within_one(seed):
    labels = rare_labels(seed)
    ids = [f"S{row}" for row in range(203)]
    groups = [f"G{row // 2}" for row in range(203)]  # pairs, that the run's folds keep together
    table = sample_table([*ids, "V"], [*"abcde"], np.vstack([labels, labels[:1]]), groups=[*groups, "V"])
    folds = Folds(dict(zip(ids, draw_folds(labels, 5, seed, groups).tolist(), strict=True)) | {"V": ALWAYS})
    finer = divide_folds(folds, table, 20, seed, table.groups)
    assert list(finer.of) == list(folds.of)
    assert finer.count == 20
    assert all(finer.of[sample] // 4 == fold for sample, fold in folds.of.items() if sample != "V")
    assert finer.of["V"] == ALWAYS
    assert all(finer.of[one] == finer.of[other] for one, other in zip(ids[::2], ids[1::2], strict=False))
    of = np.array([finer.of[sample] for sample in ids])
    assert np.bincount(of).min() > 4
    assert unevenness(labels, of, 20) < unevenness(labels, plain_folds(203, 20, seed), 20) + 1
    assert folds.learnt_from() == round(204 - 203 / 5)
    assert finer.learnt_from() == round(204 - 203 / 20)
    for fold in (0, 7, 19):  # by construction: nobody trains on what it validates
        training, validation = finer.split(table.ids, fold)
        assert set(training).isdisjoint(validation)
        assert len(training) + len(validation) == 204


def test_a_fold_that_cannot_be_divided():
    table = sample_table([f"S{row}" for row in range(8)], LABELS, np.eye(8, 2))
    folds = Folds({f"S{row}": row % 2 for row in range(8)})
    with pytest.raises(InputError, match=r"^folds: 10: fold 0 cannot be divided into 5 \(4 training samples, or groups"):
        divide_folds(folds, table, 10, 0, table.groups)


def test_split_fold_is_a_partition():
    rng = np.random.default_rng(0)
    ids = [f"S{n}" for n in range(60)]
    folds = {sample: int(fold) for sample, fold in zip(ids[:50], rng.integers(ALWAYS, 3, 50), strict=True)}
    seen = []
    for fold in range(3):
        training, validation = Folds(folds).split(ids, fold)
        assert set(training).isdisjoint(validation)
        assert sorted([*training, *validation]) == list(range(50))  # those without a fold do neither
        assert [folds[ids[row]] for row in validation] == [fold] * len(validation)
        assert (np.diff(training) > 0).all()
        assert (np.diff(validation) > 0).all()
        seen += list(validation)
    assert sorted(seen) == [row for row in range(50) if folds[ids[row]] != ALWAYS]


def random_samples(seed, n=60, columns=6):
    """Of which the last 12 are unlabelled, and 8 more labelled outside train."""
    rng = np.random.default_rng(seed)
    inputs = rng.standard_normal((n, columns)).astype(np.float32)
    labels = (inputs[:, :2] + rng.standard_normal((n, 2)) > 0.3).astype(np.float32)
    labels[-12:] = np.nan
    samples = Samples([f"S{i}" for i in range(n)], inputs, rng.integers(0, 2, n), labels)
    folds = {f"S{i}": int(fold) for i, fold in enumerate(rng.permutation(np.arange(n - 20) % 3))}
    return samples, folds | {f"S{i}": ALWAYS for i in range(n - 20, n - 12)}


def settings(**given):
    model = {"family": "table", "algorithm": "logistic_regression", **given}
    return load_config({"models": {"m": model}}).models["m"]


def by_hand(samples, train, predict, c):
    """Logits of the rows ``predict`` by models that are fitted on the rows ``train`` and no other."""
    x = np.column_stack([samples.inputs, samples.side.astype(np.float32)])
    scaler = StandardScaler().fit(x[train])
    result = []
    for label in range(samples.labels.shape[1]):
        model = LogisticRegression(C=c, max_iter=1000).fit(scaler.transform(x[train]), samples.labels[train, label])
        result.append(model.decision_function(scaler.transform(x[predict])))
    return np.column_stack(result)


@pytest.mark.parametrize("fold", range(3))
@pytest.mark.parametrize("train_val", [True, False])
def test_out_of_fold_logits_are_of_a_model_fitted_on_the_other_folds(fold, train_val):
    samples, folds = random_samples(fold)
    if not train_val:
        folds = {sample: f for sample, f in folds.items() if f != ALWAYS}
    predict = np.isnan(samples.labels[:, 0])
    result = train_fold(samples, predict, Folds(folds), fold, settings(c=0.1), FitContext(LABELS, 2, lambda row: None))

    inside = [row for row, sample in enumerate(samples.ids) if folds.get(sample) == fold]
    outside = [row for row, sample in enumerate(samples.ids) if sample in folds and folds[sample] != fold]
    tested = list(range(48, 60))
    assert len(outside) == 40 - len(inside) + 8 * train_val
    assert result.validation == [f"S{row}" for row in inside]
    assert result.predicted == [f"S{row}" for row in tested]
    np.testing.assert_allclose(result.oof, by_hand(samples, outside, inside, 0.1), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(result.test, by_hand(samples, outside, tested, 0.1), rtol=1e-3, atol=1e-4)
    probabilities = 1 / (1 + np.exp(-result.oof.astype(np.float64)))
    losses = [log_loss(samples.labels[inside, k], probabilities[:, k], labels=[0, 1]) for k in range(2)]
    assert result.log_loss == pytest.approx(np.mean(losses), rel=1e-6)


def test_a_refit_is_fitted_on_all_folds_and_on_nobody_else():
    samples, folds = random_samples(3)
    predict = np.isnan(samples.labels[:, 0])
    result = train_fold(samples, predict, Folds(folds), None, settings(c=0.1), FitContext(LABELS, 2))
    assert (result.validation, result.log_loss) == ([], None)
    training = [row for row, sample in enumerate(samples.ids) if sample in folds]
    assert len(training) == 48
    np.testing.assert_allclose(result.test, by_hand(samples, training, list(range(48, 60)), 0.1), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("epochs", "chosen"), [([1, 2, 2], 2), ([3, 4], 4), ([None, None], None), ([], None)])
def test_a_refits_last_epoch_is_the_mean_of_the_folds(epochs, chosen):
    assert chosen_epoch([History([], {"best_epoch": epoch}) for epoch in epochs]) == chosen


def test_a_folds_own_labels_change_its_score_only():
    samples, folds = random_samples(7)
    predict = np.isnan(samples.labels[:, 0])
    inside = np.array([folds.get(sample) == 1 for sample in samples.ids])
    flipped = np.where(inside[:, None], 1 - samples.labels, samples.labels)
    spoiled = Samples(samples.ids, samples.inputs, samples.side, flipped)
    first, second = (
        train_fold(given, predict, Folds(folds), 1, settings(), FitContext(LABELS, 1, lambda row: None))
        for given in (samples, spoiled)
    )
    np.testing.assert_array_equal(first.oof, second.oof)
    np.testing.assert_array_equal(first.test, second.test)
    assert first.log_loss != second.log_loss


def test_nothing_to_predict():
    samples, folds = random_samples(3)
    result = train_fold(samples, np.zeros(60, bool), Folds(folds), 0, settings(), FitContext(LABELS, 1, lambda row: None))
    assert (result.predicted, result.test.shape) == ([], (0, 2))


def test_inputs_of_other_samples_or_in_another_order():
    table, inputs = samples_table(), np.zeros((5, 3), np.float32)
    samples = with_inputs(table, table.ids, inputs)
    assert samples.ids == table.ids
    np.testing.assert_array_equal(samples.labels, [[1, 0], [0, 1], [np.nan] * 2, [1, 1], [np.nan] * 2])
    for other in (table.ids[::-1], table.ids[:-1], [*table.ids[:-1], "Y"]):
        with pytest.raises(InputError, match=r"not of the samples in samples\.parquet"):
            with_inputs(table, other, inputs)


def test_collected_logits_keep_the_order_given(tmp_path):
    parts = [
        LogitTable(["b", "a"], LABELS, np.array([[1, 2], [3, 4]], np.float32), {"model": "m2", "fold": 1}),
        LogitTable([], LABELS, np.empty((0, 2), np.float32), {"model": "m2", "fold": 0}),
        LogitTable(["c"], LABELS, np.array([[5, 6]], np.float32), {"model": "m1", "fold": 0}),
    ]
    logits = Logits.collected(parts)
    logits.write(tmp_path / "logits.parquet")
    for found in (logits, Logits.read(tmp_path / "logits.parquet")):
        assert found.model.tolist() == ["m2", "m2", "m1"]
        assert found.fold.tolist() == [1, 1, 0]
        assert found.ids.tolist() == ["b", "a", "c"]
        assert found.values.tolist() == [[1, 2], [3, 4], [5, 6]]
        assert found.values.dtype == np.float32
        assert (found.labels, found.models) == (LABELS, ["m2", "m1"])


def test_the_configs_hash_sees_every_value_and_no_order():
    given = {"rate": 0.1, "trees": 3}
    assert config_hash(settings(**given)) == config_hash(settings(**dict(reversed(given.items()))))
    assert config_hash(settings(**given)) != config_hash(settings(**{**given, "rate": 0.2}))
    assert config_hash(settings(rate=1)) != config_hash(settings(rate=1.0))  # as they are written: no model is fitted again
    assert len(config_hash(settings())) == 16
