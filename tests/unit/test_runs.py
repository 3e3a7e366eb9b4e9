"""RunFile: the three columns of a CSV as pandas reads them, and messages that name file, line and column."""

import gzip
import os
import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from reading import read_run

from ionscape.errors import InputError
from ionscape.files import compressed

COLUMNS = {"axis": "time", "mass": "mass", "intensity": "intensity", "time": "time"}
MARS1 = {"axis": "temp", "mass": "m/z", "intensity": "abundance"}


def arrays(run):
    return run.axis, run.mass, run.intensity


def assert_same_as_pandas(path, columns):
    run, table = read_run(path, columns), pd.read_csv(path)
    table = table[[columns["axis"], columns["mass"], columns["intensity"]]]
    assert run.missing == table.isna().sum().sum()
    for ours, name in zip(arrays(run), table, strict=True):
        assert ours.dtype == np.float64
        np.testing.assert_array_equal(ours, table[name].fillna(0).to_numpy(np.float64))


def random_lines(seed, rows=500):
    """Rows of a note, axis, mass, intensity with every digit a float64 has, and some missing cells."""
    rng = np.random.default_rng(seed)
    table = np.stack([rng.random(rows) * 50, rng.random(rows) * 300, rng.standard_normal(rows) * 1e-9], axis=1)
    texts = [[repr(float(value)) for value in row] for row in table]
    for row, column in zip(rng.integers(0, rows, 20), rng.integers(0, 3, 20), strict=True):
        texts[row][column] = rng.choice(["", "nan", "NaN", "NA", "null"])
    return [",".join(["note", *row]) for row in texts]


@pytest.mark.parametrize("seed", range(5))
def test_random_runs_as_pandas_reads_them(run_csv, seed):
    assert_same_as_pandas(run_csv(*random_lines(seed), header="note,time,mass,intensity"), COLUMNS)


def test_real_runs_as_pandas_reads_them(real_data):
    for name in ("S0000", "S0417", "S0754"):
        assert_same_as_pandas(real_data / "mars1" / "train_features" / f"{name}.csv", MARS1)
    for name in ("S0000", "S0333"):
        assert_same_as_pandas(real_data / "gcms" / "train_features" / f"{name}.csv", COLUMNS)


def test_values_keep_float64(run_csv):
    run = read_run(run_csv("0.1,44.00000000001,5.550957e-11", "16777217,18,-3"), COLUMNS)
    assert run.axis.tolist() == [0.1, 16777217.0]
    assert run.mass.tolist() == [44.00000000001, 18.0]
    assert run.intensity.tolist() == [5.550957e-11, -3.0]


def test_missing_values_are_zero_and_counted(run_csv):
    run = read_run(run_csv("0.1,,5", ",18,nan", "0.3,44,"), COLUMNS)
    assert [x.tolist() for x in arrays(run)] == [[0.1, 0.0, 0.3], [0.0, 18.0, 44.0], [5.0, 0.0, 0.0]]
    assert run.missing == 4


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbftime,mass,intensity\n0.1,4,5\n0.2,18,7\n",
        b"time,mass,intensity\r\n0.1,4,5\r\n0.2,18,7\r\n",
        b'"time","mass","intensity"\n"0.1","4","5"\n"0.2","18","7"',
        b"time,mass,intensity\n\n0.1, 4 ,5\n\n0.2,18,+7\n\n",
        b"intensity,note,time,mass\n5,\xb5A,0.1,4\n7,\xb5A,0.2,18\n",
    ],
    ids=["byte-order mark", "CRLF", "quotes", "blank lines, spaces", "other order, a Latin-1 column beside"],
)
def test_dialects(tmp_path, content):
    (tmp_path / "run.csv").write_bytes(content)
    run = read_run(tmp_path / "run.csv", COLUMNS)
    assert [x.tolist() for x in arrays(run)] == [[0.1, 0.2], [4.0, 18.0], [5.0, 7.0]]


def compress(content, suffix):
    if suffix == ".gz":
        return gzip.compress(content)
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_compressed_is_the_same_as_plain(run_csv, tmp_path, suffix):
    plain = run_csv(*random_lines(7, rows=20_000), header="note,time,mass,intensity")
    packed = tmp_path / f"run.csv{suffix}"
    packed.write_bytes(compress(plain.read_bytes(), suffix))
    for ours, expected in zip(arrays(read_run(packed, COLUMNS)), arrays(read_run(plain, COLUMNS)), strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_a_file_of_several_blocks(run_csv, monkeypatch):
    lines = random_lines(3, rows=3000)
    path = run_csv(*lines, header="note,time,mass,intensity")
    whole = read_run(path, COLUMNS)
    monkeypatch.setattr(compressed, "BLOCK_BYTES", 4096)
    for ours, expected in zip(arrays(read_run(path, COLUMNS)), arrays(whole), strict=True):
        np.testing.assert_array_equal(ours, expected)
    assert read_run(path, COLUMNS).missing == whole.missing
    lines[2500] = "note,1,2,x"
    with pytest.raises(InputError, match=r"run\.csv, line 2502, column 'intensity': 'x' is not a number"):
        read_run(run_csv(*lines, header="note,time,mass,intensity"), COLUMNS)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["0.1,4,5", "0.2,x,7"], "run.csv, line 3, column 'mass': 'x' is not a number"),
        (["0.1,4,5", "", "", "0.2,4,7", "?,4,7"], "run.csv, line 6, column 'time': '?' is not a number"),
        (["0.1,4,5", "0.2,4,1_000"], "run.csv, line 3, column 'intensity': '1_000' is not a number"),
        (["0.1,4,5", b"0.2,4,\xb57"], "run.csv, line 3, column 'intensity': '\N{REPLACEMENT CHARACTER}7' is not a"),
        (["0.1,4,5", "0.2,5,1e"], "run.csv, line 3, column 'intensity': '1e' is not a number"),
        (["nan,,5", "0.2,-inf,7", "0.3,x,1"], "run.csv, line 3, column 'mass': '-inf' is not a number"),
        (["0.1,4,5", "0.2,4,inf"], "run.csv, line 3, column 'intensity': 'inf' is not a number"),
        (["0.1,4,5", "", "0.2,4,1e400"], "run.csv, line 4, column 'intensity': '1e400' is too large"),
        (["0.1,4,5", "", "0.2,4"], "run.csv, line 4: 2 values, the header has 3"),
        (["0.1,4,5", "0.2,4,6,8"], "run.csv, line 3: 4 values, the header has 3"),
        ([], "run.csv: has a header but no rows"),
        (["", ""], "run.csv: has a header but no rows"),
    ],
)
def test_bad_rows(run_csv, lines, message):
    with pytest.raises(InputError, match=re.escape(message)):
        read_run(run_csv(*lines), COLUMNS)


def test_lines_are_counted_through_quoted_line_ends(run_csv):
    path = run_csv('"two\nlines",0.1,4,5', "one,0.2,x,6", header="note,time,mass,intensity")
    with pytest.raises(InputError, match="line 4, column 'mass': 'x' is not a number"):
        read_run(path, COLUMNS)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("time,intensity,m/z", "run.csv, line 1: column 'mass' is missing; found 'time', 'intensity', 'm/z'"),
        ("time;mass;intensity", "run.csv, line 1: column 'time' is missing; found 'time;mass;intensity'"),
        ("\ntime,mass,counts", "run.csv, line 2: column 'intensity' is missing; found 'time', 'mass', 'counts'"),
        ("time,mass,intensity,mass", "run.csv, line 1: column 'mass' occurs more than once"),
    ],
)
def test_bad_headers(run_csv, header, message):
    with pytest.raises(InputError, match=re.escape(message)):
        read_run(run_csv("1,2,3,4"[: 2 * header.count(",") + 1], header=header), COLUMNS)


def test_header_without_line_end(tmp_path):
    (tmp_path / "run.csv").write_text("time,mass,intensity")
    with pytest.raises(InputError, match=r"run\.csv: has a header but no rows"):
        read_run(tmp_path / "run.csv", COLUMNS)


@pytest.mark.parametrize("content", [b"", b" \n\n"])
@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_empty_files(tmp_path, content, suffix):
    path = tmp_path / f"run.csv{suffix}"
    path.write_bytes(compress(content, suffix) if suffix and content else content)
    with pytest.raises(InputError, match=rf"run\.csv{suffix}: is empty, expected a header with time, mass, intensity"):
        read_run(path, COLUMNS)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16(tmp_path, encoding):
    (tmp_path / "run.csv").write_text("time,mass,intensity\n0.1,4,5\n", encoding=encoding)
    with pytest.raises(InputError, match=r"run\.csv: looks like UTF-16 .* export it as UTF-8 CSV"):
        read_run(tmp_path / "run.csv", COLUMNS)


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
@pytest.mark.parametrize("kept", [0.5, 0.999])
def test_truncated_archive(tmp_path, suffix, kept):
    packed = compress("\n".join(["note,time,mass,intensity", *random_lines(1, rows=20_000)]).encode(), suffix)
    path = tmp_path / f"run.csv{suffix}"
    path.write_bytes(packed[: int(len(packed) * kept)])
    with pytest.raises(
        InputError, match=rf"run\.csv{suffix}: cannot be read.*the compressed file is damaged or ends early"
    ):
        read_run(path, COLUMNS)


def test_not_the_archive_that_its_name_says(tmp_path):
    (tmp_path / "run.csv.gz").write_text("time,mass,intensity\n0.1,4,5\n")
    with pytest.raises(InputError, match=r"run\.csv\.gz: cannot be read.*the compressed file is damaged"):
        read_run(tmp_path / "run.csv.gz", COLUMNS)


def test_paths_that_are_no_files(tmp_path):
    with pytest.raises(InputError, match=r"none\.csv: the run does not exist"):
        read_run(tmp_path / "none.csv", COLUMNS)
    with pytest.raises(InputError, match="the run is a directory"):
        read_run(tmp_path, COLUMNS)
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(InputError, match=r"pipe\.csv: the run is not a regular file"):
        read_run(tmp_path / "pipe.csv", COLUMNS)
