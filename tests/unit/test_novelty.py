"""How new a sample is to what a fit learnt from, against explicit loops over fits and runs."""

import numpy as np
import pytest

from ionscape.evaluation.ensemble import Ensemble
from ionscape.evaluation.folds import ALWAYS, Folds
from ionscape.evaluation.novelty import Similarity, known_of, novelty
from ionscape.evaluation.run_metrics import SimilarityBin

IDS = [f"S{row}" for row in range(12)]
FOLDS = {
    3: Folds({sample: row % 3 if row < 11 else ALWAYS for row, sample in enumerate(IDS)}),
    6: Folds({sample: 2 * (row % 3) + (row // 3) % 2 if row < 11 else ALWAYS for row, sample in enumerate(IDS)}),
}


def prints(n, seed):
    rows = np.random.default_rng(seed).random((n, 40), dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def learnt_by(count, fold):
    """Rows that a fit learns from."""
    return [row for row, sample in enumerate(IDS) if FOLDS[count].of[sample] != fold]


def test_a_scored_sample_is_compared_with_what_its_own_fit_learnt_from():
    rows, new = prints(12, 0), prints(4, 1)
    rows[3] = rows[0]  # a replicate in the same fold of three, in another of six
    similar = Similarity.of(known_of(FOLDS, rows), ["X0", "X1", "X2", "X3"], new)
    assert similar.ids == [*IDS[:11], "X0", "X1", "X2", "X3"]
    for count in FOLDS:
        found = similar.of_samples(IDS[:11], [f"folds-{count}"])[0]
        expected = [max(rows[row] @ rows[k] for k in learnt_by(count, FOLDS[count].of[IDS[row]])) for row in range(11)]
        np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert similar.by["folds-6"][0] == pytest.approx(1)
    assert similar.by["folds-3"][0] < 0.99
    assert np.isnan(similar.by["refit"][:11]).all()  # it learnt from all of them


def test_a_new_sample_is_compared_with_each_fit_and_with_all():
    rows, new = prints(12, 2), prints(5, 3)
    by, nearest = known_of(FOLDS, rows).to_new(new)
    for count in FOLDS:
        expected = [np.mean([max(one @ rows[k] for k in learnt_by(count, fold)) for fold in range(count)]) for one in new]
        np.testing.assert_allclose(by[f"folds-{count}"], expected, rtol=1e-5)
    np.testing.assert_allclose(by["refit"], (new @ rows.T).max(axis=1), rtol=1e-6)
    assert nearest == [IDS[row] for row in (new @ rows.T).argmax(axis=1)]


def test_files_hold_all_of_it(tmp_path):
    known = known_of(FOLDS, prints(12, 4))
    known.write(tmp_path / "known.parquet")
    again = type(known).read(tmp_path / "known.parquet")
    assert again.ids == known.ids
    np.testing.assert_array_equal(again.prints, known.prints)
    assert {count: fold.tolist() for count, fold in again.folds.items()} == {
        count: list(folds.of.values()) for count, folds in FOLDS.items()
    }
    similar = Similarity.of(known, ["X"], prints(1, 5))
    similar.write(tmp_path / "similarity.parquet")
    read = Similarity.read(tmp_path / "similarity.parquet")
    assert (read.ids, read.nearest) == (similar.ids, similar.nearest)
    for name, cosine in similar.by.items():
        np.testing.assert_array_equal(read.by[name], cosine)


def test_novelty_falls_with_similarity_and_bears_identical_runs():
    found = novelty(np.array([0.5, 0.9, 1.0], np.float32))
    np.testing.assert_allclose(found, np.log([0.501, 0.101, 0.001]), rtol=1e-3)


def test_what_to_expect_lies_on_a_line_between_the_bins():
    bins = [SimilarityBin(similarity=s, samples=20, log_loss=loss) for s, loss in ((0.7, 0.4), (0.9, 0.2), (0.99, 0.1))]
    ensemble = Ensemble(method="weigh", members=["m"], weights={"m": {"a": 1.0}}, bias={"a": 0.0}, clip=1e-4, expected=bins)
    found = ensemble.expected_loss(np.array([0.2, 0.7, 0.85, 0.9, 0.999, np.nan]))
    assert found[:2].tolist() == [0.4, 0.4]
    assert 0.2 < found[2] < 0.4
    assert found[3] == pytest.approx(0.2)
    assert found[4] == 0.1
    assert np.isnan(found[5])
    assert np.isnan(ensemble.model_copy(update={"expected": None}).expected_loss(np.array([0.9]))).all()
