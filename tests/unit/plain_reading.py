"""METHOD steps 1–3 a row at a time, without any library that the product reads files with: what is right."""

import csv
import io
import math

import numpy as np

from ionscape.config.grid import Grid

COLUMNS = {"axis": "time", "mass": "mass", "intensity": "intensity", "time": "time"}
NAMES = [COLUMNS["axis"], COLUMNS["mass"], COLUMNS["intensity"]]
GRID = Grid(masses=64, times=24, drop_masses=(4,))


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


def right_image(content: bytes) -> np.ndarray | None:
    try:
        return plain_image(content)
    except Refused:
        return None
