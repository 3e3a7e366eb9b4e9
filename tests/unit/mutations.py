"""What can be wrong with a CSV or an archive of one: functions of a random.Random and the content of a good file."""

import gzip
import random
from collections.abc import Callable

import pyarrow as pa

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
