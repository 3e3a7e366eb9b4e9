"""Images against METHOD steps 1–3 written out in pandas, and the image files they are kept in."""

import json
import re

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from reading import read_run

from ionscape.config.grid import Grid
from ionscape.data.run import Run
from ionscape.errors import InputError
from ionscape.files.versions import FORMATS
from ionscape.images.render import render, render_images
from ionscape.images.store import ROW_GROUP, image_schema, load_images, shard_rows, stream_images, write_images

METHOD = Grid(masses=256, times=192, drop_masses=(4,))
SMALL = Grid(masses=8, times=3, drop_masses=(4,))
GCMS = {"axis": "time", "mass": "mass", "intensity": "intensity"}
MARS1 = {"axis": "temp", "mass": "m/z", "intensity": "abundance"}


def reference(path, columns, grid):
    """METHOD.md, steps 1–3, one sentence a line."""
    table = pd.read_csv(path)
    table = table[[columns["axis"], columns["mass"], columns["intensity"]]].fillna(0)
    table.columns = ["t", "mass", "intensity"]
    table["mass"] = table["mass"].round().astype(int)
    table = table[table["mass"].between(0, grid.masses - 1) & ~table["mass"].isin(grid.drop_masses)]
    if grid.limits:
        table = table[table["t"].between(*grid.limits)]
    t_min, t_max = grid.limits or (table["t"].min(), table["t"].max())
    table["bin"] = ((table["t"] - t_min) / (t_max - t_min) * (grid.times - 1)).round().astype(int)
    sums = table.groupby(["mass", "bin"])["intensity"].sum()
    image = np.zeros((grid.masses, grid.times))
    for (mass, time_bin), value in sums.items():
        image[mass, time_bin] = value
    return (image / image.max()).astype(np.float32)


def assert_same_as_reference(path, columns, grid):
    image, expected = render(read_run(path, columns), grid), reference(path, columns, grid)
    assert (image.shape, image.dtype) == ((grid.masses, grid.times), np.float32)
    assert image.max() == 1
    np.testing.assert_array_equal(image, expected)


def run_of(*rows):
    return Run(*np.array(rows, dtype=np.float64).T.copy(), missing=0)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("limits", [None, (40.0, 300.0)])
def test_random_runs(run_csv, seed, limits):
    """Masses and times on halves and beyond the ends, negatives, gaps, rows in no order; sums exact in float64."""
    rng = np.random.default_rng(seed)
    rows = 4000
    time = rng.integers(0, 765, rows) / 2
    mass = rng.integers(-20, 2700, rows) / 10
    intensity = rng.integers(-100, 1000, rows) / 8
    cells = [[f"{value:g}" for value in row] for row in zip(time, mass, intensity, strict=True)]
    for row, column in zip(rng.integers(0, rows, 60), rng.integers(0, 3, 60), strict=True):
        cells[row][column] = ""
    path = run_csv(*map(",".join, cells))
    assert_same_as_reference(path, GCMS, Grid(256, 192, (4,), limits))
    assert_same_as_reference(path, GCMS, Grid(100, 37, (4, 18, 28), limits))


@pytest.mark.parametrize("limits", [None, (100.0, 900.0)])
@pytest.mark.parametrize("name", ["S0000", "S0123", "S0417", "S0754"])
def test_real_ega_ms_runs(real_data, name, limits):
    path = real_data / "mars1" / "train_features" / f"{name}.csv"
    assert_same_as_reference(path, MARS1, Grid(256, 192, (4,), limits))


@pytest.mark.parametrize("name", ["S0000", "S0333", "S0500"])
def test_real_gcms_runs(real_data, name):
    path = real_data / "gcms" / "train_features" / f"{name}.csv"
    assert_same_as_reference(path, GCMS, METHOD)


def test_real_runs_with_negative_intensities(real_data):
    found = 0
    for path in sorted((real_data / "mars1" / "train_features").iterdir())[::9]:
        run = read_run(path, MARS1)
        if (run.intensity < 0).any():
            found += 1
            np.testing.assert_array_equal(render(run, METHOD), reference(path, MARS1, METHOD))
        if found == 3:
            break
    assert found == 3


def test_mass_is_rounded_half_to_even():
    grid = Grid(masses=256, times=2)
    masses = [-0.51, -0.5, 0.5, 1.5, 2.5, 254.5, 255.49, 255.5]
    run = run_of(*[(0, mass, 2.0**power) for power, mass in enumerate(masses)], (1, 9, 512))
    image = render(run, grid) * 512
    assert {mass: image[mass, 0] for mass in np.flatnonzero(image[:, 0])} == {0: 2 + 4, 2: 8 + 16, 254: 32, 255: 64}


def test_time_bin_is_rounded_half_to_even():
    image = render(run_of((0, 1, 1), (1, 1, 2), (3, 1, 4), (4, 1, 8)), SMALL) * 12  # bins 0, 0.5, 1.5, 2
    assert image[1].tolist() == [3, 0, 12]


def test_first_and_last_bin_hold_the_ends():
    times = np.linspace(3.7, 911.3, 192)
    image = render(run_of(*[(time, 7, 1) for time in times]), METHOD)
    assert (image[7] == 1).all()


def test_helium_is_dropped_after_rounding():
    image = render(run_of((0, 3.5, 9), (0, 4.4, 9), (0, 4.5, 9), (0, 3.4, 1), (1, 4.6, 2)), SMALL) * 2
    assert image[4].tolist() == [0, 0, 0]
    assert (image[3, 0], image[5, 2]) == (1, 2)


def test_the_time_range_is_that_of_the_kept_rows():
    kept = [(10, 1, 1), (11, 2, 2), (12, 3, 4)]
    dropped = [(0, 4, 100), (50, 4, 100), (-7, 8, 100), (90, -1, 100)]  # helium, a mass above, a mass below
    np.testing.assert_array_equal(render(run_of(*kept, *dropped), SMALL), render(run_of(*kept), SMALL))
    assert render(run_of(*kept), SMALL)[[1, 2, 3], [0, 1, 2]].tolist() == [0.25, 0.5, 1]


def test_limits_are_absolute_and_inclusive():
    grid = Grid(masses=8, times=3, limits=(0.0, 100.0))
    image = render(run_of((0, 1, 1), (50, 1, 2), (100, 1, 4), (-0.01, 2, 8), (100.01, 2, 8)), grid)
    assert (image * 4).tolist()[1] == [1, 2, 4]
    assert not image[2].any()
    single = render(run_of((50, 1, 3)), grid)  # with limits, one axis value is enough
    assert single[1].tolist() == [0, 1, 0]


def test_a_mean_does_not_depend_on_how_many_scans_fall_into_a_bin():
    """A constant background and one peak, three scans a bin and then four."""
    scans = [(time, mass, 2 + 8 * (mass == 3) * (time == 4)) for time in (0, 0.1, 0.2, 4, 4.1, 4.2, 4.3) for mass in (2, 3)]
    image = render(run_of(*scans), Grid(masses=8, times=2, statistic="mean")) * 4
    assert image[2].tolist() == [2, 2]
    assert image[3].tolist() == [2, 4]  # (10 + 2 + 2 + 2) / 4
    assert image[0].tolist() == [0, 0]


def test_negative_intensities_are_summed_and_kept():
    image = render(run_of((0, 1, 8), (0, 1, -4), (2, 2, -3), (1, 3, 1)), SMALL)
    assert (image[1, 0], image[2, 2], image[3, 1]) == (1, -0.75, 0.25)
    image = render(run_of((0, 1, 4), (2, 2, -8)), SMALL)  # the maximum, not the largest magnitude, becomes 1
    assert (image[1, 0], image[2, 2]) == (1, -2)


def test_missing_mass_and_time_count_as_zero(run_csv):
    path = run_csv("4,1,4", ",2,2", "2,,1", "2,3,")
    image = render(read_run(path, GCMS), SMALL) * 4
    assert (image[1, 2], image[2, 0], image[0, 1], image[3, 1]) == (4, 2, 1, 0)


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (run_of((0, 4, 1), (1, 300, 1)), "no row has a mass of 0–7 other than [4]"),
        (run_of((5, 1, 1), (5, 2, 1), (9, 4, 1)), "all kept rows share one value of the x axis (5.0)"),
        (run_of((0, 1, 0), (1, 2, 0)), "must be positive and finite, it is 0.0"),
        (run_of((0, 1, -1), (1, 2, -2)), "must be positive and finite, it is 0.0"),
        (run_of((0, 1, 1e308), (0, 1, 1e308), (1, 1, 1)), "must be positive and finite, it is inf"),
    ],
    ids=["no mass in range", "one time", "all zero", "all negative", "a sum beyond float64"],
)
def test_runs_that_make_no_image(run, message):
    with pytest.raises(InputError, match=re.escape(message)):
        render(run, SMALL)


def test_no_row_within_the_limits():
    with pytest.raises(InputError, match=re.escape("within (10, 20) of the x axis")):
        render(run_of((0, 1, 1), (5, 2, 1)), Grid(8, 3, (4,), (10, 20)))


def test_render_images_names_the_file_and_keeps_the_order(run_csv, tmp_path):
    names = [f"S{number:04d}" for number in range(ROW_GROUP + 3)]
    for number, name in enumerate(names):
        run_csv("0,1,1000", f"1,2,{number}", name=f"{name}.csv")
    listed = [(name, f"{name}.csv") for name in names]
    reports = []
    batches = list(render_images(listed, tmp_path, GCMS, SMALL, lambda *report: reports.append(report)))
    assert [len(ids) for ids, _ in batches] == [ROW_GROUP, 3]
    assert [name for ids, _ in batches for name in ids] == names
    images = np.concatenate([images for _, images in batches])
    np.testing.assert_allclose(images[:, 2, 2] * 1000, np.arange(len(names)), rtol=1e-6)
    assert reports == [(done, len(names)) for done in range(1, len(names) + 1)]

    run_csv("0,1,0", "1,2,0", name="S0001.csv")
    with pytest.raises(InputError, match=r"S0001\.csv: the largest sum of a cell's intensities"):
        list(render_images(listed, tmp_path, GCMS, SMALL, lambda *report: None))
    run_csv("0,1,0", "1,2,?", name="S0001.csv")
    with pytest.raises(InputError, match=r"S0001\.csv, line 3, column 'intensity': '\?' is not a number"):
        list(render_images(listed, tmp_path, GCMS, SMALL, lambda *report: None))


@pytest.mark.parametrize(("total", "shards"), [(0, 3), (1, 4), (10, 3), (763, 8), (8, 8)])
def test_shards_split_the_rows_evenly(total, shards):
    parts = [shard_rows(total, shard, shards) for shard in range(shards)]
    assert [row for part in parts for row in part] == list(range(total))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


def random_batches(sizes, grid, seed=0):
    rng = np.random.default_rng(seed)
    shapes = [(size, grid.masses, grid.times) for size in sizes]
    images = [rng.standard_normal(shape, dtype=np.float32) for shape in shapes]
    return [([f"S{group}-{row}" for row in range(len(part))], part) for group, part in enumerate(images)]


@pytest.mark.parametrize("sizes", [(5,), (4, 4, 1)])
def test_image_files_give_back_what_was_written(tmp_path, sizes):
    path, batches = tmp_path / "images.parquet", random_batches(sizes, SMALL)
    write_images(path, image_schema(SMALL, "mass", "temperature"), iter(batches))
    stored = pq.ParquetFile(path).metadata
    assert stored.num_row_groups == len(sizes)
    assert "BYTE_STREAM_SPLIT" in stored.row_group(0).column(1).encodings

    ids, images, facts = load_images(path)
    assert ids == [name for names, _ in batches for name in names]
    np.testing.assert_array_equal(images, np.concatenate([part for _, part in batches]))
    assert images.dtype == np.float32
    assert images.flags.c_contiguous
    assert images.flags.writeable  # torch refuses to promise anything about tensors of read-only memory
    assert facts == {
        "format": "images",
        "version": FORMATS["images"][0],
        "normalization": "mass",
        "masses": 8,
        "times": 3,
        "mass_range": [0, 7],
        "axis": "temperature",
        "axis_range": None,
        "drop_masses": [4],
        "statistic": "sum",
    }
    streamed = list(stream_images(path))
    assert [names for names, _ in streamed] == [names for names, _ in batches]
    for (_, ours), (_, expected) in zip(streamed, batches, strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_limits_are_among_the_facts(tmp_path):
    grid = Grid(8, 3, limits=(30.0, 1000.0))
    write_images(tmp_path / "images.parquet", image_schema(grid, "none", "temperature"), random_batches([1], grid))
    assert load_images(tmp_path / "images.parquet")[2]["axis_range"] == [30.0, 1000.0]


def test_a_file_of_no_images(tmp_path):
    write_images(tmp_path / "images.parquet", image_schema(SMALL, "none", "time"), [])
    ids, images, _ = load_images(tmp_path / "images.parquet")
    assert (ids, images.shape) == ([], (0, 8, 3))


def test_a_failing_batch_leaves_the_old_file_alone(tmp_path):
    path, schema = tmp_path / "images.parquet", image_schema(SMALL, "none", "time")
    write_images(path, schema, random_batches([2], SMALL))
    before = path.read_bytes()

    def broken():
        yield from random_batches([3], SMALL, seed=1)
        raise InputError("S0007.csv: broken")

    with pytest.raises(InputError, match="S0007"):
        write_images(path, schema, broken())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("read", [load_images, lambda path: list(stream_images(path))], ids=["load", "stream"])
def test_damaged_and_foreign_files_are_refused(tmp_path, read):
    path = tmp_path / "images.parquet"
    write_images(path, image_schema(METHOD, "none", "time"), random_batches([4], METHOD))
    whole = path.read_bytes()

    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF  # in the middle of a data page: only its checksum can tell
    path.write_bytes(flipped)
    with pytest.raises(InputError, match=r"images\.parquet: cannot be read as Parquet .*run rule render_images"):
        read(path)
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"images\.parquet: cannot be read as Parquet"):
        read(path)
    for facts, found in [
        ({"format": "images", "version": 99}, "found images version 99"),
        ({"format": "features", "version": 1}, "found features version 1"),
    ]:
        schema = image_schema(SMALL, "none", "time").with_metadata({b"ionscape": json.dumps(facts).encode()})
        write_images(path, schema, random_batches([1], SMALL))
        expected = f"expected images version {FORMATS['images'][0]}, {found}; run rule render_images"
        with pytest.raises(InputError, match=expected):
            read(path)
