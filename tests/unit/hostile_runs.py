"""Runs as no instrument should write them: each must end in the right image or in one clear error, never in a wrong image.

What is right is said by :func:`plain_image`, METHOD steps 1–3 without any library that the product reads files with.
"""

import csv
import gzip
import io
import math
import os
import random
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
from attempts import Outcome
from writers import write_andi, write_mzml

from ionscape.errors import InputError
from ionscape.images import Grid, render
from ionscape.run_facts import run_facts
from ionscape.runs import RunFile
from ionscape.simulate import read_library, simulate_runs

COLUMNS = {"axis": "time", "mass": "mass", "intensity": "intensity", "time": "time"}
NAMES = [COLUMNS["axis"], COLUMNS["mass"], COLUMNS["intensity"]]
GRID = Grid(masses=64, times=24, drop_masses=(4,))

#: Seconds that one file may take, and characters that a message may have on a line.
SECONDS, LINE = 10, 2000

#: MiB that reading a file of any size may take.
MEMORY = 400

ROOT = Path(__file__).parents[2]

#: Numbers that are none, or hardly.
STRANGE = (
    *("1e308", "-1e308", "1e-320", "5e-324", "1e400", "-1e400", "inf", "-Infinity", "nan", "NA", "-0", "", " ", "+5", ".5"),
    *(
        "9223372036854775808",
        "-18446744073709551616",
        "1" * 400,
        "0." + "0" * 400 + "1",
        "1_000",
        "0x1F",
        "1.2.3",
        "1e",
        "e5",
    ),
    *(
        "１２",
        "٣",
        "½",
        "\u200b5",
        "−5",
        "5\u00a0",
        '"5"',
        '"1,000"',
        "5f",
        "1d3",
        "TRUE",
        "#N/A",
        "n/a",
        "--5",
        "5-",
        "1 5",
    ),
    *("'5", "=5", '""', '"5', "5\x00", "\x1a", "\ufeff5", "None", "null", "5e+3", "5E-3", "00012", "1.", "\t5", "5\r"),
)


def quiet(_done: int, _total: int) -> None:
    """No progress."""


class Refused(Exception):
    """By the plain reading: no table of numbers."""


def plain_cell(text: str) -> float:
    if text in MISSING:
        return 0.0
    text = text.strip(" \t")
    digits = text.removeprefix("-") if text.startswith("-") else text.removeprefix("+")
    mantissa, mark, exponent = digits.replace("E", "e").partition("e")
    whole, _, part = mantissa.partition(".")
    numeric = all(c in "0123456789" for c in whole + part) and (whole or part)
    if mark:
        numeric = numeric and exponent.lstrip("+-")[:1] and exponent[1:].isdecimal() | (len(exponent) == 1)
        numeric = numeric and all(c in "0123456789+-" for c in exponent)
    if not numeric or not math.isfinite(float(text)):
        raise Refused(text)
    return float(text)


#: What stands for no value (the README's list).
MISSING = {"", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "N/A", "NA", "NULL"}
MISSING |= {"NaN", "n/a", "nan", "null"}


def plain_image(content: bytes) -> np.ndarray:
    """METHOD steps 1–3, a row at a time: float32 [masses, times]. Raises Refused."""
    if b"\x00" in content[:4096] or content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise Refused("not UTF-8")
    limit = csv.field_size_limit(len(content) + 1)
    try:
        table = [row for row in csv.reader(io.StringIO(content.decode("utf-8-sig", "replace"), newline="")) if row]
    except csv.Error as error:
        raise Refused(error) from error
    finally:
        csv.field_size_limit(limit)
    if not table or any(table[0].count(name) != 1 for name in NAMES):
        raise Refused("header")
    places = [table[0].index(name) for name in NAMES]
    rows = []
    for row in table[1:]:
        if len(row) != len(table[0]):
            raise Refused("ragged")
        rows.append([plain_cell(row[place]) for place in places])
    kept = [(t, round(m), i) for t, m, i in rows if 0 <= round(m) < GRID.masses and round(m) not in GRID.drop_masses]
    if not kept:
        raise Refused("no row")
    low, high = min(row[0] for row in kept), max(row[0] for row in kept)
    if not 0 < high - low < math.inf:
        raise Refused("axis")
    cells: dict[tuple[int, int], float] = {}
    for t, mass, intensity in kept:
        cell = mass, round((t - low) / (high - low) * (GRID.times - 1))
        cells[cell] = cells.get(cell, 0.0) + intensity
    full = len(cells) == GRID.masses * GRID.times
    top = max([*cells.values()] if full else [*cells.values(), 0.0])
    if not 0 < top < math.inf or any(math.isnan(value) for value in cells.values()):
        raise Refused("top")
    if min(cells.values()) / top < -3.4e38:
        raise Refused("float32")
    image = np.zeros((GRID.masses, GRID.times), dtype=np.float32)
    for cell, value in cells.items():
        image[cell] = value / top
    return image


# What is done to a file. Each takes a random.Random and the content of a good one.


def _lines(content: bytes) -> list[bytes]:
    return content.splitlines()


def _joined(lines: list[bytes], end: bytes = b"\n") -> bytes:
    return end.join(lines) + end


def _columns(content: bytes, change: Callable[[list[bytes]], list[bytes]], separator: bytes = b",") -> bytes:
    return _joined([separator.join(change(line.split(b","))) for line in _lines(content)])


def _cell(rng: random.Random, content: bytes, text: str) -> bytes:
    lines = _lines(content)
    row = rng.randrange(1, len(lines))
    cells = lines[row].split(b",")
    cells[rng.randrange(len(cells))] = text.encode()
    lines[row] = b",".join(cells)
    return _joined(lines)


def bit_flips(rng, content):
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 1, 2, 5, 20])):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def strange_bytes(rng, content):
    place = rng.randrange(len(content))
    return content[:place] + rng.randbytes(rng.choice([1, 2, 8])) + content[place + rng.randrange(3) :]


def truncated_anywhere(rng, content):
    return content[: rng.randrange(len(content))]


def truncated_in_the_header(rng, content):
    return content[: rng.randrange(content.index(b"\n") + 2)]


def truncated_at_a_mark(rng, content):
    marks = [place for place, byte in enumerate(content) if byte in b",\n."]
    return content[: rng.choice(marks) + rng.randrange(2)]


def a_column_dropped(rng, content):
    column = rng.randrange(3)
    return _columns(content, lambda cells: cells[:column] + cells[column + 1 :])


def a_column_twice(rng, content):
    column = rng.randrange(3)
    return _columns(content, lambda cells: [*cells, cells[column]])


def columns_in_another_order(rng, content):
    order = rng.sample(range(3), 3)
    return _columns(content, lambda cells: [cells[column] for column in order])


def more_columns(rng, content):
    notes = ["x", '"a,b"', '"two\nlines"', "µ", "", '"say ""so"""', "\\,", "'", "1e999", "nan"]
    lines = [line + b"," + rng.choice(notes).encode() for line in _lines(content)]
    lines[0] = _lines(content)[0] + b",note"
    return _joined(lines)


def decimal_commas(rng, content):
    return content.replace(b".", b",")


def other_separators(rng, content):
    return content.replace(b",", rng.choice([b";", b"\t", b"|", b" ", b", ", b" ,", b",,"]))


def byte_order_mark(rng, content):
    return rng.choice([b"\xef\xbb\xbf", b"\xef\xbb\xbf" * 2, b"\xff\xfe", b"\xfe\xff", b"\xef\xbb"]) + content


def other_line_ends(rng, content):
    end = rng.choice([b"\r\n", b"\r", b"\n\n", b"\n\r", b"\r\r\n", b"\x0b", b"\xe2\x80\xa8", b"\x85"])
    return content.replace(b"\n", end)


def mixed_line_ends(rng, content):
    return b"".join(line + rng.choice([b"\n", b"\r\n", b"\r"]) for line in _lines(content))


def other_encodings(rng, content):
    text = content.decode().replace("intensity", rng.choice(["intensity", "intensity", "intensité", "強度"]))
    return text.encode(rng.choice(["utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp037", "utf-7"]), "replace")


def quoted(rng, content):
    return _columns(content, lambda cells: [b'"' + cell + b'"' if rng.random() < 0.3 else cell for cell in cells])


def quotes_out_of_place(rng, content):
    place = rng.randrange(len(content))
    return content[:place] + rng.choice([b'"', b'""', b'"""', b"'", b'"\n']) + content[place:]


def strange_numbers(rng, content):
    for _ in range(rng.choice([1, 1, 3])):
        content = _cell(rng, content, rng.choice(STRANGE))
    return content


def extreme_numbers(rng, content):
    column, text = rng.randrange(3), rng.choice(["1e308", "-1e308", "5e-324", "0", "1e18", "-1", "1e-300"])
    head, *lines = _lines(content)
    share = rng.choice([1.0, 0.5, 0.02])

    def change(line: bytes) -> bytes:
        cells = line.split(b",")
        if rng.random() < share:
            cells[column] = text.encode()
        return b",".join(cells)

    return _joined([head, *map(change, lines)])


def rows_in_another_order(rng, content):
    head, *lines = _lines(content)
    rng.shuffle(lines)
    return _joined([head, *lines])


def rows_lost_or_twice(rng, content):
    head, *lines = _lines(content)
    return _joined([head, *(line for line in lines for _ in range(rng.choice([0, 1, 1, 2])))])


def one_scan(rng, content):
    head, *lines = _lines(content)
    first = lines[0].split(b",")[0]
    return _joined([head, *(line for line in lines if line.split(b",")[0] == first)])


def one_mass(rng, content):
    mass = rng.choice([b"17", b"4", b"0", b"-3", b"64", b"17.5", b"1e9"])
    head, *lines = _lines(content)
    return _joined([head, *(b",".join([c[0], mass, c[2]]) for c in (line.split(b",") for line in lines))])


def many_rows_at_one_time(rng, content):
    head, *lines = _lines(content)
    first = lines[0].split(b",")[0]
    more = [b"%s,%d,%d" % (first, rng.randrange(64), rng.randrange(1000)) for _ in range(20_000)]
    return _joined([head, *more, *lines[-rng.choice([1, 100]) :]])


def nearly_nothing(rng, content):
    head, *lines = _lines(content)
    few = [
        b"",
        b"\n",
        b" \n\t\n",
        head,
        head + b"\n",
        head + b"\r\n\r\n",
        b"\xef\xbb\xbf",
        _joined([head, lines[0]]),
        b"\x00",
        b",",
    ]
    return rng.choice(few)


def two_files_in_one(rng, content):
    return content + content[rng.choice([0, content.index(b"\n") + 1]) :]


def lines_between(rng, content):
    lines = _lines(content)
    line = rng.choice(
        [b"", b"# comment", b"Scan 17", b",,", b" ", b"---", b"END", b"nan,nan,nan", b"\x0c", b'""', b"time,mass,intensity"]
    )
    lines.insert(rng.randrange(len(lines) + 1), line)
    return _joined(lines)


def other_headers(rng, content):
    head, *lines = _lines(content)
    heads = [b"Time,Mass,Intensity", b" time,mass ,intensity", b"time,mass,intensity,", b"", b'"time","mass","intensity"']
    heads += [b"m/z,time,counts", b"0,1,2", b"time,mass,mass", b"time,mass,intensity,time", b"time;mass;intensity"]
    heads += ["tіme,mass,intensity".encode(), b"time,mass,intensity" + b",x" * 40_000, b"<script>,mass,intensity"]
    return _joined([rng.choice(heads), *lines])


def nul_bytes(rng, content):
    place = rng.choice([rng.randrange(len(content)), rng.randrange(min(4000, len(content)))])
    return content[:place] + b"\x00" * rng.choice([1, 512]) + content[place:]


def long_cells(rng, content):
    return _cell(rng, content, rng.choice(["7" * 200_000, "x" * 200_000, '"' + "y\n" * 100_000, " " * 200_000 + "5"]))


def spaces(rng, content):
    return _columns(
        content, lambda cells: [rng.choice([b"", b" ", b"\t"]) + cell + rng.choice([b"", b" "]) for cell in cells]
    )


MUTATIONS = (
    *(bit_flips, strange_bytes, truncated_anywhere, truncated_in_the_header, truncated_at_a_mark, a_column_dropped),
    *(a_column_twice, columns_in_another_order, more_columns, decimal_commas, other_separators, byte_order_mark),
    *(other_line_ends, mixed_line_ends, other_encodings, quoted, quotes_out_of_place, strange_numbers, extreme_numbers),
    *(rows_in_another_order, rows_lost_or_twice, one_scan, one_mass, many_rows_at_one_time, nearly_nothing),
    *(two_files_in_one, lines_between, other_headers, nul_bytes, long_cells, spaces),
)


# What is done to an archive of it.


def archive_as_it_is(rng, packed):
    return packed


def archive_cut(rng, packed):
    return packed[: rng.randrange(len(packed))]


def archive_with_flipped_bits(rng, packed):
    return bit_flips(rng, packed)


def archive_with_more_behind(rng, packed):
    return packed + rng.choice([b"garbage", packed, packed[: len(packed) // 2]])


ARCHIVES = (archive_as_it_is, archive_cut, archive_with_flipped_bits, archive_with_more_behind)


@contextmanager
def at_most(seconds: int):
    def stop(_number, _frame):
        raise TimeoutError(f"took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def read(path: Path) -> np.ndarray | str:
    """The image, or what a user is told; any other exception is a defect and goes on."""
    run = RunFile(path, COLUMNS)
    with at_most(SECONDS):
        try:
            image = render(run, GRID)
            run_facts(run, GRID)
        except InputError as error:
            return str(error)
    return image


def problem_of(path: Path, right: np.ndarray | None) -> str | None:
    """What is wrong with how a file was read; right: the plain reading's image, None where it refuses the file."""
    try:
        found = read(path)
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    if isinstance(found, str):
        if right is not None:
            return f"refused a good file: {found[:300]}"
        if str(InputError(path.name)) not in found or max(map(len, found.splitlines())) > LINE:
            return f"no clear message: {found[:300]}"
        return None
    if right is None:
        return "an image of a file that is no run"
    return None if np.array_equal(found, right) else "another image"


def right_image(content: bytes) -> np.ndarray | None:
    try:
        return plain_image(content)
    except Refused:
        return None


def mutated_csvs(
    bases: list[bytes], count: int, seed: int, folder: Path, progress=lambda done, total: None
) -> list[Outcome]:
    """So many CSVs, every mutation in turn, now and then two, and every sixth one in an archive; an outcome each mutation.

    Args:
        bases: good CSVs with columns time, mass and intensity; folder: for the files, those with a problem are left there.
    """
    outcomes = {change.__name__: Outcome(f"CSV: {change.__name__.replace('_', ' ')}") for change in (*MUTATIONS, *ARCHIVES)}
    for number in range(count):
        rng = random.Random(f"{seed} {number}")
        change = MUTATIONS[number % len(MUTATIONS)]
        content = change(rng, rng.choice(bases))
        if rng.random() < 0.2 and len(content) > 100:
            content = bit_flips(rng, content)
        name, suffix, right = change.__name__, "", None
        if number % 6 == 5:
            wrap = ARCHIVES[number // 6 % len(ARCHIVES)]
            suffix = rng.choice([".gz", ".zst"])
            packed = wrap(rng, pack(content, suffix))
            name, content, known = wrap.__name__, packed, unpacked(packed, suffix)
            right = None if known is None else right_image(known)
        else:
            right = right_image(content)
        path = folder / f"run{number}.csv{suffix}"
        path.write_bytes(content)
        problem = problem_of(path, right)
        outcomes[name].add(problem and f"{path.name}: {problem}")
        if not problem:
            path.unlink()
        progress(number + 1, count)
    return list(outcomes.values())


def pack(content: bytes, suffix: str) -> bytes:
    return gzip.compress(content) if suffix == ".gz" else pa.Codec("zstd").compress(content, asbytes=True)


def unpacked(packed: bytes, suffix: str) -> bytes | None:
    """What Python's own gzip makes of it, None where it is damaged; of zstd what Arrow does."""
    try:
        if suffix == ".gz":
            return gzip.decompress(packed)
        with pa.input_stream(pa.py_buffer(packed), compression="zstd") as stream:
            return stream.read()
    except Exception:
        return None


def entities(rng, content):
    """XML that expands without end, or reads another file."""
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    other = '<!ENTITY other SYSTEM "file:///etc/passwd">'
    head = f'<!DOCTYPE mzML [<!ENTITY l0 "ha">{laughs}{other}]>'.encode()
    word = rng.choice([b"&l11;", b"&other;", b"&l11"])
    return content.replace(b"?>", b"?>" + head, 1).replace(b'id="run"', b'id="' + word + b'"', 1).replace(b"MS1", word, 3)


def sizes(rng, content):
    """Counts that promise far more than there is."""
    digits = [place for place in range(len(content)) if content[place : place + 2].isdigit()]
    if content.startswith(b"CDF"):
        place = 4 * rng.randrange(1, 60)
        return (
            content[:place]
            + rng.choice([b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\x00\x00\x00\x00"])
            + content[place + 4 :]
        )
    place = rng.choice(digits)
    return content[:place] + rng.choice([b"999999999999", b"-1", b"0", b"1e300", b"nan"]) + content[place + 2 :]


def mutated_instruments(
    bases: dict[str, bytes], count: int, seed: int, folder: Path, progress=lambda done, total: None
) -> list[Outcome]:
    """So many mzML and ANDI-MS files: an image, as nobody can tell one number from another, or a clear error.

    Args:
        bases: good files, end of their names → content.
    """
    changes = (bit_flips, strange_bytes, truncated_anywhere, sizes, entities)
    outcomes = {suffix: Outcome(f"instrument's file: {suffix}") for suffix in bases}
    for number in range(count):
        rng = random.Random(f"{seed} {number}")
        suffix = list(bases)[number % len(bases)]
        content = changes[number // len(bases) % len(changes)](rng, bases[suffix])
        path = folder / f"run{number}{suffix}"
        path.write_bytes(gzip.compress(content) if suffix.endswith(".gz") else content)
        problem = None
        try:
            found = read(path)
            if isinstance(found, str) and (path.name not in found or max(map(len, found.splitlines())) > LINE):
                problem = f"no clear message: {found[:300]}"
            elif not isinstance(found, str) and not (np.isfinite(found).all() and found.max() == 1):
                problem = "an impossible image"
        except BaseException as error:
            problem = f"{type(error).__name__}: {error}"
        outcomes[suffix].add(problem and f"{path.name}: {problem}")
        if not problem:
            path.unlink()
        progress(number + 1, count)
    return list(outcomes.values())


def strange_paths(folder: Path) -> list[Outcome]:
    """What is no file, or not the one that its name says: an error each, at once."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "folder.csv").mkdir()
    os.mkfifo(folder / "fifo.csv")
    os.mkfifo(folder / "fifo.mzML")
    (folder / "dangling.csv").symlink_to("nowhere.csv")
    (folder / "loop.csv").symlink_to("loop.csv")
    (folder / "endless.csv").symlink_to("/dev/zero")
    (folder / "folder.cdf").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket.csv"))
    (folder / "plain.csv.gz").write_bytes(b"time,mass,intensity\n1,2,3\n2,2,3\n")
    (folder / "packed.csv").write_bytes(gzip.compress(b"time,mass,intensity\n1,2,3\n2,2,3\n"))
    (folder / "text.cdf").write_bytes(b"time,mass,intensity\n1,2,3\n2,2,3\n")
    (folder / "text.mzML").write_bytes(b"time,mass,intensity\n1,2,3\n2,2,3\n")
    (folder / "none.csv.zst").write_bytes(b"")
    outcomes = []
    for path in [*sorted(folder.iterdir()), folder / "missing.csv", folder / ("long" * 100 + ".csv"), folder / "nul\0.csv"]:
        outcome = Outcome(f"path: {path.name[:20]!a}")
        problem = problem_of(path, None)
        outcome.add(problem and f"{path.name[:50]!a}: {problem}")
        outcomes.append(outcome)
    return outcomes


RENDER = r"""
import re, sys, time
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from hostile_runs import COLUMNS, GRID
from ionscape.errors import InputError
from ionscape.images import render
from ionscape.runs import RunFile
started = time.process_time()
try:
    print(render(RunFile(sys.argv[1], COLUMNS), GRID).shape)
except InputError as error:
    print(error)
# Not getrusage: it counts what the parent had when it started this process.
peak = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())[1]
print(time.process_time() - started, int(peak) / 1024)
"""


def rendered(path: Path) -> tuple[str, float, float]:
    """What is said of it, seconds, and the peak of the process' memory in MiB."""
    folders = [str(Path(__file__).parent), str(ROOT / "workflow/scripts")]
    done = subprocess.run(
        [sys.executable, "-c", RENDER, path, *folders], capture_output=True, text=True, check=True, timeout=100
    )
    said, facts = done.stdout.rsplit("\n", 2)[:2]
    return said, *map(float, facts.split())


def _repeated(path: Path, head: bytes, part: bytes, times: int) -> None:
    with open(path, "wb") as stream:
        stream.write(head)
        for _ in range(times):
            stream.write(part)


def large_files(content: bytes, folder: Path) -> list[Outcome]:
    """Far larger than any run: each in a process of its own, whose memory and time are bounded.

    Args:
        content: a good CSV, which a large one repeats.
    """
    head, rows = content.split(b"\n", 1)
    head += b"\n"
    image, refusal = rf"\({GRID.masses}, {GRID.times}\)", r"expands to more than 100 times its size"
    ten_gigabytes = gzip.compress(b"0,1,2\n" * 2_000_000)
    cases = {
        "200 MB of rows.csv": (lambda path: _repeated(path, head, rows, 200_000_000 // len(rows)), image),
        "one line of 200 MB.csv": (lambda path: _repeated(path, head, b"7" * 1_000_000, 200), "line of more than 4 MiB"),
        "a million columns.csv": (
            lambda path: _repeated(path, b"time,mass,intensity", b",x" * 1000, 1000),
            "the header is longer than 64 KiB",
        ),
        "10 GB of rows.csv.gz": (lambda path: _repeated(path, gzip.compress(head), ten_gigabytes, 850), refusal),
        "10 GB of zeros.csv.gz": (
            lambda path: _repeated(path, gzip.compress(head), gzip.compress(b"0" * 10_000_000), 1000),
            "line of more than 4 MiB",
        ),
        "10 GB of rows.csv.zst": (
            lambda path: _repeated(path, pack(head, ".zst"), pack(b"0,1,2\n" * 2_000_000, ".zst"), 850),
            refusal,
        ),
        "10 GB of spaces.mzML.gz": (
            lambda path: _repeated(path, gzip.compress(b"<mzML>"), gzip.compress(b" " * 10_000_000), 1000),
            refusal,
        ),
    }
    outcomes = []
    for name, (write, expected) in cases.items():
        path = folder / name.replace(" ", "_")
        write(path)
        said, seconds, memory = rendered(path)
        path.unlink()
        problem = None
        if not re.search(expected, said):
            problem = f"{name}: {said}"
        elif memory > MEMORY or (expected != image and seconds > SECONDS):
            problem = f"{name}: {seconds:.1f} s, {memory:.0f} MiB"
        outcome = Outcome(f"{name.rpartition('.')[0] if name.endswith('csv') else name}: {memory:.0f} MiB, {seconds:.1f} s")
        outcome.add(problem)
        outcomes.append(outcome)
    return outcomes


def simulated(runs: int, rows: int) -> list[bytes]:
    """Good CSVs: every n-th row of simulated runs."""
    library = read_library(ROOT / "resources/ei_library.csv")
    contents = []
    for run in simulate_runs(library, runs, seed=7):
        table = np.stack([run.time, run.mass, run.intensity], axis=1)
        lines = [
            f"{time:.4f},{mass},{intensity}" for time, mass, intensity in table[:: max(len(table) // rows, 1)].tolist()
        ]
        contents.append(_joined([b"time,mass,intensity", *(line.encode() for line in lines)]))
    return contents


def instruments_of(content: bytes, folder: Path) -> dict[str, bytes]:
    """A CSV as instruments' software would export it: end of the name → content (of ``.gz``, before it is packed)."""
    scans: dict[float, list[tuple[float, float]]] = {}
    for line in _lines(content)[1:]:
        time, mass, intensity = map(float, line.split(b","))
        scans.setdefault(time, []).append((mass, intensity))
    rows = [(time, *np.array(points).T) for time, points in sorted(scans.items())]
    write_mzml(folder / "good.mzML", rows)
    write_andi(folder / "good.cdf", rows)
    mzml, andi = (folder / "good.mzML").read_bytes(), (folder / "good.cdf").read_bytes()
    return {".mzML": mzml, ".mzML.gz": mzml, ".cdf": andi}
