"""Files in and out: atomic replacement, Parquet formats and versions, small CSVs with errors that name the line."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ionscape.errors import InputError
from ionscape.files import atomic as atomic_module
from ionscape.files.artifact import describe, read_json, read_metadata, read_table, write_json, write_table
from ionscape.files.atomic import atomic, atomic_folder, remove_unfinished, write_text
from ionscape.files.small_csv import read_rows
from ionscape.files.vectors import vector_column, vectors
from ionscape.files.versions import FORMATS


def test_a_failing_writer_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "table.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="disk"), atomic(path) as temporary:
        temporary.write_text("half of the n")
        raise RuntimeError("disk is full")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_appears_only_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "folder" / "table.txt"
    with atomic(path) as temporary:
        assert temporary.parent.parent == path.parent  # a rename is atomic only within a file system
        temporary.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert list(path.parent.iterdir()) == [path]


def test_whoever_reads_the_old_file_reads_it_to_its_end(tmp_path):
    path = tmp_path / "table.txt"
    write_text(path, "old")
    with open(path) as reader:
        write_text(path, "new")
        assert reader.read() == "old"
    assert path.read_text() == "new"


def test_what_a_killed_writer_left_is_removed(tmp_path):
    """And nothing of others, whose names begin alike."""
    kept = {"samples", ".samples.parquet.abcdefgh.tmp", ".samples.tmp", "samples.abcdefgh.tmp"}
    for name in (*kept, ".samples.abcdefgh.tmp", ".samples.ijklmn_1.tmp"):
        (tmp_path / name).mkdir()
    (tmp_path / ".samples.ijklmn_1.tmp/models").mkdir()
    remove_unfinished(tmp_path / "samples")
    assert {path.name for path in tmp_path.iterdir()} == kept
    for writer in (atomic, atomic_folder):
        writing = writer(tmp_path / "new")
        writing.__enter__()  # as if it never ended
        assert len(list(tmp_path.iterdir())) == len(kept) + 1
        remove_unfinished(tmp_path / "new")
        assert {path.name for path in tmp_path.iterdir()} == kept
    remove_unfinished(tmp_path / "nowhere" / "samples")


#: Replaces a folder, and is killed, or told to stop, when it has done so many renames.
REPLACE = """
import os, signal, sys
from pathlib import Path
from ionscape.files import atomic
path, renames, number = Path(sys.argv[1]), int(sys.argv[2]), signal.Signals[sys.argv[3]]
rename, left = os.replace, renames

def replace(*paths):
    global left
    if not left:
        signal.raise_signal(number)
    left -= 1
    rename(*paths)

os.replace = replace
with atomic.atomic_folder(path) as folder:
    (folder / "page").write_text("new")
if not left:
    signal.raise_signal(number)
"""


@pytest.mark.parametrize("name", ["SIGKILL", "SIGINT"])
@pytest.mark.parametrize(("renames", "content"), [(0, "old"), (1, "old"), (2, "new")])
def test_a_folder_is_there_wherever_its_replacement_ends(tmp_path, name, renames, content):
    path = tmp_path / "pages"
    path.mkdir()
    (path / "page").write_text("old")
    environment = {**os.environ, "PYTHONPATH": str(Path(atomic_module.__file__).parents[2])}
    command = [sys.executable, "-c", REPLACE, path, str(renames), name]
    ended = subprocess.run(command, env=environment, capture_output=True, check=False)
    assert ended.returncode == -signal.Signals[name]
    remove_unfinished(path)
    assert (path / "page").read_text() == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_writer_may_have_temporary_files_of_its_own(tmp_path):
    """As safetensors has."""
    with atomic(tmp_path / "weights.safetensors") as temporary:
        (temporary.parent / ".tmpL4knb0").touch()
        assert [path.name for path in tmp_path.iterdir()] == [temporary.parent.name]
        temporary.touch()
    assert [path.name for path in tmp_path.iterdir()] == ["weights.safetensors"]


def test_permissions_are_those_of_any_new_file(tmp_path):
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "a.txt", "µ")
        (tmp_path / "b.txt").touch()
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a.txt", "b.txt")]
    assert modes == [0o640, 0o640]
    assert (tmp_path / "a.txt").read_bytes() == b"\xc2\xb5"


def test_json(tmp_path):
    content = {"loss": 0.1, "labels": ["basalt", "µ"], "none": None}
    write_json(tmp_path / "a.json", content, "metrics")
    known = {"format": "metrics", "version": FORMATS["metrics"][0], **content}
    assert read_json(tmp_path / "a.json", "metrics") == known
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "a.json", {"loss": float("nan")}, "metrics")
    assert read_json(tmp_path / "a.json", "metrics") == known
    (tmp_path / "b.json").write_text('{"loss": ')
    for name in ("b.json", "none.json"):
        with pytest.raises(InputError, match=rf"{name}: cannot be read as JSON .*run rule fit_ensemble again"):
            read_json(tmp_path / name, "metrics")


TABLE = pa.table({"sample_id": ["S1", "S2"], "fold": pa.array([0, 3], pa.int8())})


def test_tables_keep_their_types_and_facts(tmp_path):
    path = tmp_path / "folds.parquet"
    write_table(TABLE, path, "folds", seed=42, groups=["a"])
    table, facts = read_table(path, "folds")
    assert table.equals(TABLE)
    assert facts == {"format": "folds", "version": FORMATS["folds"][0], "seed": 42, "groups": ["a"]}
    assert read_metadata(path, "folds") == facts
    assert read_table(path, "folds", ["fold"])[0].column_names == ["fold"]


@pytest.mark.parametrize(
    ("facts", "found"),
    [
        ({"format": "folds", "version": 0}, "found folds version 0"),
        ({"format": "images", "version": 1}, "found images version 1"),
        ({}, "found an unknown format version ?"),
    ],
)
def test_other_formats_and_versions(tmp_path, facts, found):
    path = tmp_path / "folds.parquet"
    pq.write_table(TABLE.replace_schema_metadata({b"ionscape": json.dumps(facts).encode()}), path)
    message = f"{path}: expected folds version {FORMATS['folds'][0]}, {found}; run rule assign_folds again"
    with pytest.raises(InputError, match=re.escape(message)):
        read_table(path, "folds")


def test_a_parquet_file_of_someone_else(tmp_path):
    pq.write_table(TABLE, tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet: expected folds version \d, found an unknown format"):
        read_metadata(tmp_path / "a.parquet", "folds")


def test_damaged_tables(tmp_path):
    path = tmp_path / "logits.parquet"
    rng = np.random.default_rng(0)
    write_table(pa.table({"basalt": rng.random(2000)}), path, "logits")
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    for content in (whole[:-9], whole[:100], b"", b"sample_id,basalt\n", flipped):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"logits\.parquet: cannot be read as Parquet .*run rule train_fold"):
            read_table(path, "logits")
    with pytest.raises(InputError, match=r"none\.parquet: cannot be read as Parquet"):
        read_table(tmp_path / "none.parquet", "logits")


READ_WITHIN_A_LIMIT = """
import resource, sys
import psutil
from ionscape.errors import InputError
from ionscape.files.artifact import read_table
limit = psutil.Process().memory_info().vms + (32 << 20)  # less than the stacks of some threads
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    print(read_table(sys.argv[1], "folds")[0].num_rows)
except InputError as error:
    print(error)
"""


def read_within_a_limit(path: Path) -> str:
    """What a process says that may take 32 MiB more."""
    library = str(Path(atomic_module.__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", READ_WITHIN_A_LIMIT, path],
        env={**os.environ, "PYTHONPATH": library},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def test_a_table_is_read_where_memory_allows_no_more_threads(tmp_path):
    """A job under `ulimit -v` waited for ever."""
    write_table(pa.table({f"c{n}": range(100) for n in range(20)}), tmp_path / "folds.parquet", "folds")
    assert read_within_a_limit(tmp_path / "folds.parquet") == "100\n"


def test_a_table_too_large_for_the_memory_is_not_called_damaged(tmp_path):
    write_table(pa.table({"c": np.random.default_rng(0).random(1 << 23)}), tmp_path / "folds.parquet", "folds")  # 64 MiB
    said = read_within_a_limit(tmp_path / "folds.parquet")
    assert re.fullmatch(r".*/folds\.parquet: there is not enough memory to read it \(.*\); if there should be, .*\n", said)


def test_describe_replaces_earlier_facts():
    schema = describe(describe(TABLE.schema, "folds", seed=1), "samples", labels=["basalt"])
    facts = json.loads(schema.metadata[b"ionscape"])
    assert re.fullmatch("[0-9a-f]{64}", facts.pop("sha256"))
    assert facts == {"format": "samples", "version": FORMATS["samples"][0], "labels": ["basalt"]}


@pytest.mark.parametrize("sizes", [(3,), (2, 0, 5), (0,), ()])
def test_vectors_of_any_chunks(sizes):
    rng = np.random.default_rng(0)
    parts = [rng.standard_normal((size, 6), dtype=np.float32) for size in sizes]
    column = pa.chunked_array([vector_column(part) for part in parts], pa.list_(pa.float32(), 6))
    result = vectors(column)
    np.testing.assert_array_equal(result, np.concatenate([*parts, np.empty((0, 6), np.float32)]))
    assert (result.dtype, result.shape[1]) == (np.float32, 6)
    assert result.flags.c_contiguous
    assert result.flags.writeable


def test_vectors_of_a_slice():
    rows = np.arange(40, dtype=np.float32).reshape(10, 4)
    column = pa.chunked_array([vector_column(rows)])
    np.testing.assert_array_equal(vectors(column.slice(3, 5)), rows[3:8])


def test_vector_column_of_rows_that_are_not_contiguous():
    rows = np.arange(24, dtype=np.float64).reshape(4, 6)
    column = vector_column(rows[:, ::2])
    assert column.type == pa.list_(pa.float32(), 3)
    assert column.to_pylist() == rows[:, ::2].tolist()


def test_rows_of_a_small_csv(tmp_path):
    path = tmp_path / "metadata.csv"
    path.write_bytes(b'\xef\xbb\xbfsample_id,note\r\nS1,"a, b"\r\nS2,\r\n\r\n')
    header, rows = read_rows(path, "the metadata", ["sample_id"])
    assert header == ["sample_id", "note"]
    assert rows == [{"sample_id": "S1", "note": "a, b"}, {"sample_id": "S2", "note": ""}]
    assert [row.line for row in rows] == [2, 3]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_cells_keep_their_line_breaks_and_rows_their_lines(tmp_path, end):
    path = tmp_path / "metadata.csv"
    text = end.join(["sample_id,note", f'S1,"first{end}second"', "S2,\u2028 \x0c \x85", ""])
    path.write_text(text, encoding="utf-8", newline="")
    _, rows = read_rows(path, "the metadata", ["sample_id"])
    assert rows == [{"sample_id": "S1", "note": f"first{end}second"}, {"sample_id": "S2", "note": "\u2028 \x0c \x85"}]
    assert [row.line for row in rows] == [2, 4]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "metadata.csv: the metadata is empty, expected a header with sample_id, split"),
        (b"\n\n", "metadata.csv: the metadata is empty, expected a header with sample_id, split"),
        (b"sample_id,split\n", "metadata.csv: the metadata has a header but no rows"),
        (b"sample_id,spilt\nS1,train\n", "metadata.csv, line 1: column 'split' is missing; found 'sample_id', 'spilt'"),
        (b"sample_id,split,split\nS1,a,b\n", "metadata.csv, line 1: column 'split' occurs more than once"),
        (b"sample_id,split\nS1,train\nS2\n", "metadata.csv, line 3: 1 values, the header has 2"),
        (b"sample_id,split\nS1,train\n\nS2,train\n", "metadata.csv, line 3: 0 values, the header has 2"),
        (b'sample_id,split\nS1,train\nS2,"train\nS3,test\n', "metadata.csv, line 3: not a CSV: unexpected end of data"),
        (b"sample_id;split\nS1;train\n", "found 'sample_id;split'; are the columns parted by something else than commas?"),
        (b"sample_id,split\nS1," + b"x" * 200_000, "metadata.csv, line 2: not a CSV: field larger than field limit"),
        (b"sample_id,split\nS1,train\nS2,\xb5\n", "metadata.csv, line 3: not UTF-8 text"),
        ("sample_id,split\nS1,train\n".encode("utf-16"), "metadata.csv: looks like UTF-16 or binary data"),
    ],
)
def test_bad_small_csvs(tmp_path, content, message):
    (tmp_path / "metadata.csv").write_bytes(content)
    with pytest.raises(InputError, match=re.escape(message)):
        read_rows(tmp_path / "metadata.csv", "the metadata", ["sample_id", "split"])


def test_small_csvs_that_are_no_files(tmp_path):
    with pytest.raises(InputError, match=r"none\.csv: the metadata does not exist"):
        read_rows(tmp_path / "none.csv", "the metadata", ["sample_id"])
    with pytest.raises(InputError, match="the metadata is a directory, expected a file"):
        read_rows(tmp_path, "the metadata", ["sample_id"])
