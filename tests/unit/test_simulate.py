"""The embedded example: deterministic runs, the challenge's layout of files, chemistry that shows."""

import csv
import hashlib

import numpy as np
import pytest
from reading import read_run

from ionscape.config.grid import Grid
from ionscape.data.example.chromatography import SPLIT_SHARES, _peak, simulate_runs
from ionscape.data.example.library import FAMILIES, LIBRARY, LIBRARY_COLUMNS, MAX_MASS, read_library
from ionscape.data.example.writer import write_example
from ionscape.data.run import Run as RawRun
from ionscape.images.render import render

ARRAYS = ("labels", "time", "mass", "intensity", "retention_times", "amounts")
HEADER = ",".join(LIBRARY_COLUMNS)
HEXANE = "n-hexane,C6H14,hydrocarbon,600,,43:780 57:999 86:150"
PHENOL = "phenol,C6H6O,aromatic;alcohol,980,,65:200 94:999"


@pytest.fixture(scope="module")
def library():
    return read_library(LIBRARY)


@pytest.fixture(scope="module")
def simulated(library):
    return list(simulate_runs(library, 60, 3))


def content(run):
    return [run.sample_id, run.derivatized, run.compounds, *(getattr(run, name).tolist() for name in ARRAYS)]


# The library


def test_the_shipped_library(library):
    assert len(library) >= 80
    assert len({compound.name for compound in library}) == len(library)
    assert {family for compound in library for family in compound.families} == set(FAMILIES)
    named = {compound.name: compound for compound in library}
    derivatives = [compound for compound in library if compound.derivative_of]
    assert derivatives
    for compound in derivatives:
        assert set(compound.families) == set(named[compound.derivative_of].families)
    for compound in library:
        assert compound.abundances.max() == 1
        assert (compound.abundances > 0).all()
        assert (np.diff(compound.masses) > 0).all()
        assert 1 <= compound.masses[0] <= compound.masses[-1] <= MAX_MASS
        assert compound.retention_index > 0


def test_a_library_of_two(tmp_path):
    path = tmp_path / "library.csv"
    path.write_text(f"{HEADER}\n{HEXANE}\n{PHENOL}\n")
    hexane, phenol = read_library(path)
    assert (hexane.name, hexane.formula, hexane.retention_index, hexane.derivative_of) == ("n-hexane", "C6H14", 600, "")
    assert phenol.families == ("aromatic", "alcohol")
    assert hexane.masses.tolist() == [43, 57, 86]
    np.testing.assert_allclose(hexane.abundances, [780 / 999, 1, 150 / 999])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (HEXANE, r"line 3, column 'name': expected a name that is not yet taken, found 'n-hexane'"),
        (PHENOL.replace("C6H6O", "c6h6o"), r"line 3, column 'formula': .*found 'c6h6o'"),
        (PHENOL.replace("alcohol", "alcohols"), r"line 3, column 'families': expected some of aromatic;.*alcohols'"),
        (PHENOL.replace("980", "-980"), r"line 3, column 'retention_index': expected an index > 0, found '-980'"),
        (PHENOL.replace("980,", "980,cresol"), r"line 3, column 'derivative_of': .*further up, found 'cresol'"),
        (PHENOL.replace("980,", "980,n-hexane"), r"line 3, column 'families': expected the parent's families"),
        (PHENOL.replace("65:200", "65-200"), r"line 3, column 'ions': expected m/z:relative pairs"),
        (PHENOL.replace("65:200", "95:200"), r"line 3, column 'ions': expected ascending m/z"),
        (PHENOL.replace("94:999", f"{MAX_MASS + 1}:999"), rf"line 3, column 'ions': expected m/z up to {MAX_MASS}"),
        (PHENOL.replace("94:999", "94:998"), r"line 3, column 'ions': expected 1–999, base 999"),
        (PHENOL.replace("65:200", "65:0"), r"line 3, column 'ions': expected 1–999"),
        (PHENOL.replace(",,", ","), r"line 3, column 5: 5 fields, expected 6"),
    ],
)
def test_a_bad_library_row(tmp_path, row, message):
    path = tmp_path / "library.csv"
    path.write_text(f"{HEADER}\n{HEXANE}\n{row}\n")
    with pytest.raises(ValueError, match=message) as caught:
        read_library(path)
    assert str(caught.value).startswith(str(path))


def test_a_library_with_another_header_or_without_rows(tmp_path):
    path = tmp_path / "library.csv"
    path.write_text(f"{HEADER.replace('ions', 'peaks')}\n{HEXANE}\n")
    with pytest.raises(ValueError, match=r"library\.csv, line 1: expected columns name,"):
        read_library(path)
    path.write_text(f"{HEADER}\n")
    with pytest.raises(ValueError, match=r"library\.csv, line 2, column 'name': the library has no compounds"):
        read_library(path)


# Runs


def test_the_same_seed_gives_the_same_runs(library, simulated):
    again = list(simulate_runs(library, 60, 3))
    assert [(content(run), run.split) for run in again] == [(content(run), run.split) for run in simulated]
    other = list(simulate_runs(library, 3, 4))
    assert all(content(a) != content(b) for a, b in zip(other, simulated, strict=False))


def test_a_run_does_not_depend_on_how_many_there_are(library, simulated):
    for run, same in zip(simulate_runs(library, 7, 3), simulated, strict=False):
        assert content(run) == content(same)


@pytest.mark.parametrize("runs", [1, 40, 60, 97])
def test_sizes_of_the_splits(library, simulated, runs):
    generator = simulated if runs == 60 else simulate_runs(library[:3], runs, 5)
    splits = [run.split for run in generator]
    assert len(splits) == runs
    for split, share in SPLIT_SHARES.items():
        assert abs(splits.count(split) - share * runs) <= 1
    assert sum(SPLIT_SHARES.values()) == pytest.approx(1)


def test_the_splits_are_mixed(simulated):
    splits = [run.split for run in simulated]
    assert splits != sorted(splits, key=list(SPLIT_SHARES).index)


@pytest.mark.parametrize(("runs", "seed"), [(0, 1), (10_001, 1), (5, -1)])
def test_impossible_counts_and_seeds(library, runs, seed):
    with pytest.raises(ValueError, match=f"found {runs} runs, seed {seed}"):
        next(simulate_runs(library, runs, seed))


def test_runs_are_plausible(simulated):
    for run in simulated:
        assert len(run.time) == len(run.mass) == len(run.intensity) > 1000
        assert (np.diff(run.time) >= 0).all()
        assert (run.intensity > 0).all()
        assert run.mass.min() > 0.5
        assert run.mass.max() < MAX_MASS + 0.5
        assert np.isfinite(render(RawRun(run.time, run.mass, run.intensity, 0), Grid(256, 192, (4,)))).all()
    assert len({(run.time[0], run.time[-1]) for run in simulated}) == len(simulated)  # ramps and delays differ


def test_labels_are_the_families_of_the_compounds(library, simulated):
    named = {compound.name: compound for compound in library}
    for run in simulated:
        families = {family for name in run.compounds for family in named[name].families}
        assert dict(zip(FAMILIES, run.labels.tolist(), strict=True)) == {f: int(f in families) for f in FAMILIES}
        assert len(run.compounds) == len(run.retention_times) == len(run.amounts)


def test_blanks_exist_and_have_a_background(simulated):
    blanks = [run for run in simulated if not run.compounds]
    assert 0 < len(blanks) < len(simulated) / 2
    for run in blanks:
        assert not run.labels.any()
        assert len(run.time) > 0


def test_derivatives_occur_in_derivatized_runs_only(library, simulated):
    named = {compound.name: compound for compound in library}
    with_derivatives = [run for run in simulated if any(named[name].derivative_of for name in run.compounds)]
    assert with_derivatives
    assert all(run.derivatized for run in with_derivatives)
    plain = {name for run in simulated if run.derivatized for name in run.compounds}
    parents = {compound.derivative_of for compound in library if compound.derivative_of}
    assert plain.isdisjoint(parents)  # whatever can be derivatised is


@pytest.mark.parametrize("mass", [73, 147])
def test_derivatized_runs_show_their_reagent(simulated, mass):
    flag = np.array([run.derivatized for run in simulated])
    assert 0 < flag.sum() < len(flag)
    tallest = np.array([run.intensity[np.rint(run.mass) == mass].max(initial=0) for run in simulated])
    assert np.median(tallest[flag]) > 5 * np.median(tallest[~flag])


def test_a_compound_shows_its_base_peak_when_it_elutes(library, simulated):
    """At the noted time and the base peak's m/z stands about the noted amount, wherever it towers above the rest."""
    named = {compound.name: compound for compound in library}
    tall = np.quantile(np.concatenate([run.amounts for run in simulated]), 0.7)
    ratios = []
    for run in simulated:
        for name, minute, amount in zip(run.compounds, run.retention_times, run.amounts, strict=True):
            base = named[name].masses[named[name].abundances.argmax()]
            row = (np.rint(run.mass) == base) & (np.abs(run.time - minute) < 1e-3)
            assert row.sum() <= 1
            if amount > tall:
                ratios.append(run.intensity[row].sum() / amount)
    assert len(ratios) > 10
    assert 0.6 < np.median(ratios) < 1.6
    assert np.mean(np.array(ratios) > 0.3) > 0.9


# Peaks


def convolved(time, centre, sigma, tail):
    """A Gaussian convolved with an exponential decay, numerically, on a fine grid."""
    step = min(sigma, tail) / 100
    grid = np.arange(-8 * sigma, 8 * sigma + 30 * tail, step)
    gaussian = np.exp(-((grid / sigma) ** 2) / 2)
    decay = np.exp(-np.arange(0, 30 * tail, step) / tail)
    shape = np.convolve(gaussian, decay)[: len(grid)]
    values = np.interp(time, grid + centre, shape, left=0, right=0)
    return values / values.max()


@pytest.mark.parametrize(("sigma", "tail"), [(0.05, 0.02), (0.05, 0.05), (0.05, 0.3), (0.4, 0.1)])
def test_a_peak_is_an_exponentially_modified_gaussian(sigma, tail):
    time = np.linspace(0, 6, 1200)
    peak = _peak(time, 2.5, sigma, tail)
    assert peak.max() == 1
    np.testing.assert_allclose(peak, convolved(time, 2.5, sigma, tail), atol=0.02)
    apex = time[peak.argmax()]
    assert 2.5 < apex < 2.5 + 2 * tail
    assert peak[time > apex].sum() > peak[time < apex].sum()  # it tails


@pytest.mark.parametrize(("sigma", "tail"), [(1e-3, 10.0), (0.05, 1e-4), (2.0, 0.01), (1.0, 1.0)])
def test_a_peak_never_overflows(sigma, tail):
    with np.errstate(over="raise", invalid="raise"):
        peak = _peak(np.linspace(0, 60, 500), 30, sigma, tail)
    assert np.isfinite(peak).all()
    assert (peak >= 0).all()


# Files


@pytest.fixture(scope="module")
def example(tmp_path_factory, library):
    folder = tmp_path_factory.mktemp("example")
    calls = []
    write_example(library, folder, 40, 3, lambda *call: calls.append(call))
    assert calls == [(done, 40) for done in range(1, 41)]
    return folder


def table(path):
    with open(path, encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_the_metadata_name_the_files_and_their_md5(example):
    rows = table(example / "metadata.csv")
    assert list(rows[0]) == ["sample_id", "split", "derivatized", "features_path", "features_md5_hash"]
    assert [row["sample_id"] for row in rows] == [f"S{n:04d}" for n in range(40)]
    assert {row["derivatized"] for row in rows} == {"", "1"}
    for row in rows:
        assert row["features_path"] == f"{row['split']}_features/{row['sample_id']}.csv"
        content = (example / row["features_path"]).read_bytes()
        assert hashlib.md5(content).hexdigest() == row["features_md5_hash"]
    written = {str(path.relative_to(example)) for path in example.glob("*_features/*")}
    assert written == {row["features_path"] for row in rows}


def test_label_files_and_the_submission_format_partition_the_samples(example, library):
    split = {row["sample_id"]: row["split"] for row in table(example / "metadata.csv")}
    truth = {run.sample_id: run for run in simulate_runs(library, 40, 3)}
    for name, file in {"train": "train_labels", "val": "val_labels", "test": "submission_format"}.items():
        rows = table(example / f"{file}.csv")
        assert list(rows[0]) == ["sample_id", *FAMILIES]
        assert [row["sample_id"] for row in rows] == [sample for sample, of in split.items() if of == name]
        for row in rows:
            expected = truth[row["sample_id"]].labels * (name != "test")  # the test labels are not given away
            assert [int(row[family]) for family in FAMILIES] == expected.tolist()


def test_a_run_read_back(example, library):
    columns = {"axis": "time", "mass": "mass", "intensity": "intensity"}
    for run in simulate_runs(library, 40, 3):
        path = example / f"{run.split}_features" / f"{run.sample_id}.csv"
        assert path.read_text().startswith("time,mass,intensity\n")
        found = read_run(path, columns)
        assert found.missing == 0
        np.testing.assert_allclose(found.axis, run.time, atol=1e-9)
        np.testing.assert_allclose(found.mass, run.mass, atol=1e-9)
        np.testing.assert_allclose(found.intensity, run.intensity, rtol=1e-12, atol=1e-9)
        if run.sample_id == "S0005":
            break


def test_the_truth_is_written_too(example, library):
    rows = table(example / "compounds.csv")
    expected = [(run.sample_id, name) for run in simulate_runs(library, 40, 3) for name in run.compounds]
    assert [(row["sample_id"], row["compound"]) for row in rows] == expected
    assert all(float(row["retention_time"]) > 0 and float(row["amount"]) > 0 for row in rows)


def test_written_again_it_is_the_same_byte_for_byte(example, library, tmp_path):
    write_example(library, tmp_path, 40, 3)
    for path in example.rglob("*.csv"):
        assert (tmp_path / path.relative_to(example)).read_bytes() == path.read_bytes()
