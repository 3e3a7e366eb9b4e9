"""Near-identical runs: what makes a fingerprint, which pairs are found, what is kept together."""

import numpy as np
import pytest

from ionscape.images import similarity
from ionscape.images.similarity import fingerprints, nearest_apart, together


def images(n, seed=0):
    """Each has ions of its own, a background that is the same in all, and noise."""
    rng = np.random.default_rng(seed)
    made = rng.random((n, 40, 64)).astype(np.float32) * 1e-4 + 0.2
    for image in made:
        for mass, time in zip(rng.choice(40, 8, replace=False), rng.integers(4, 60, 8), strict=True):
            image[mass, time - 2 : time + 3] += rng.uniform(0.3, 1)
    return made


def names(n):
    return [f"S{place}" for place in range(n)]


def test_a_replicate_is_found_and_others_are_not():
    runs = images(30)
    again = 3 * runs[7] + 0.1 + 1e-4 * np.random.default_rng(1).random(runs[7].shape).astype(np.float32)
    prints = fingerprints(np.concatenate([runs, again[None]]))
    np.testing.assert_allclose(np.linalg.norm(prints, axis=1), 1, rtol=1e-5)
    assert together(names(31), prints, 0.9) == [*names(30), "S7"]
    assert (prints[:30] @ prints[:30].T - np.eye(30)).max() < 0.8  # the common background does not count


def test_identical_runs_and_empty_ones():
    runs = images(3)
    prints = fingerprints(np.concatenate([runs, runs[:1], np.zeros((2, 40, 64), np.float32)]))
    assert not np.isnan(prints).any()
    assert together(names(6), prints, 0.9999) == ["S0", "S1", "S2", "S0", "S4", "S5"]
    assert fingerprints(runs[:0]).shape == (0, 40 * similarity.BANDS)


def test_groups_and_chains_are_joined_block_by_block(monkeypatch):
    """Against a search from sample to sample."""
    prints = fingerprints(images(23, seed=2))
    cosine = prints @ prints.T
    least = np.sort(cosine[np.triu_indices(23, k=1)])[-13:-11].mean()  # a dozen pairs
    linked = cosine >= least
    groups = names(23)
    groups[20] = groups[21] = "batch"
    expected = []
    for start in range(23):
        seen, waiting = set(), [start]
        while waiting:
            here = waiting.pop()
            if here not in seen:
                seen.add(here)
                waiting += [n for n in range(23) if linked[here, n] or groups[n] == groups[here]]
        expected.append(groups[min(seen)])
    assert 3 < len(set(expected)) < 20
    for block in (4, 100):
        monkeypatch.setattr(similarity, "BLOCK", block)
        assert together(groups, prints, least) == expected


def test_the_nearest_run_of_another_fold(monkeypatch):
    runs = images(9, seed=3)
    prints = fingerprints(np.concatenate([runs, runs[:3]]))
    folds = np.array([0, 0, 1, 1, 2, 2, 0, 1, 2, 0, 1, 2])
    monkeypatch.setattr(similarity, "BLOCK", 5)
    cosine, row = nearest_apart(prints, folds)
    assert row[[1, 10, 2, 11]].tolist() == [10, 1, 11, 2]  # copies in other folds
    assert row[0] != 9  # its copy is in its own fold
    np.testing.assert_allclose(cosine[[1, 2]], 1, rtol=1e-5)
    assert cosine[0] < 0.9
    everything = prints @ prints.T
    for n in range(12):
        assert cosine[n] == pytest.approx(everything[n, folds != folds[n]].max(), abs=1e-6)
    assert (nearest_apart(prints, np.zeros(12))[0] == -1).all()
