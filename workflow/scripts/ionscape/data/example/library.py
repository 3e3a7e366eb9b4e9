"""The compounds of the embedded example."""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

#: The nine labels, in the column order of the label files.
FAMILIES = (
    "aromatic",
    "hydrocarbon",
    "carboxylic_acid",
    "nitrogen_bearing_compound",
    "chlorine_bearing_compound",
    "sulfur_bearing_compound",
    "alcohol",
    "other_oxygen_bearing_compound",
    "mineral",
)

#: The library that comes with the package: electron-ionization spectra of the example's compounds.
LIBRARY = Path(__file__).with_name("ei_library.csv")

LIBRARY_COLUMNS = ("name", "formula", "families", "retention_index", "derivative_of", "ions")

MAX_MASS = 400  #: largest simulated m/z

BASE_PEAK = 999  #: relative intensity of a spectrum's largest ion


@dataclass(frozen=True)
class Compound:
    """A library entry.

    Attributes:
        families: a subset of FAMILIES.
        retention_index: Kovats index on a non-polar column; below 300 for permanent gases.
        derivative_of: name of the parent compound; empty unless this is a derivatised form.
        masses: int64 [ions], m/z, ascending.
        abundances: float64 [ions], 1 for the base peak.
    """

    name: str
    formula: str
    families: tuple[str, ...]
    retention_index: float
    derivative_of: str
    masses: np.ndarray
    abundances: np.ndarray


def read_library(path: str | Path) -> list[Compound]:
    """Reads and checks a spectral library (CSV with LIBRARY_COLUMNS).

    Raises:
        ValueError: wrong header or field count, repeated name, unknown family or parent, families that differ from
            the parent's, ions that do not ascend within 1–400 or lack a base peak of 999; names file, line, column.
        OSError: the file cannot be read.
    """
    with open(path, encoding="utf-8", newline="") as stream:
        reader = csv.reader(stream)
        header = next(reader, [])
        if tuple(header) != LIBRARY_COLUMNS:
            raise ValueError(f"{path}, line 1: expected columns {','.join(LIBRARY_COLUMNS)}, found {','.join(header)}")
        library: dict[str, Compound] = {}
        for cells in reader:
            place = f"{path}, line {reader.line_num}"
            if len(cells) != len(header):
                raise ValueError(f"{place}, column {len(cells)}: {len(cells)} fields, expected {len(header)}")
            compound = _parse(dict(zip(header, cells, strict=True)), library, place)
            library[compound.name] = compound
    if not library:
        raise ValueError(f"{path}, line 2, column 'name': the library has no compounds")
    return list(library.values())


def _parse(row: dict[str, str], known: dict[str, Compound], place: str) -> Compound:
    def require(valid: bool, column: str, problem: str) -> None:
        if not valid:
            raise ValueError(f"{place}, column {column!r}: {problem}, found {row[column]!r}")

    require(row["name"] != "" and row["name"] not in known, "name", "expected a name that is not yet taken")
    require(bool(re.fullmatch(r"([A-Z][a-z]?\d*)+", row["formula"])), "formula", "expected a formula such as C2H6O")
    families = tuple(row["families"].split(";"))
    require(set(families) <= set(FAMILIES), "families", f"expected some of {';'.join(FAMILIES)}")
    require(bool(re.fullmatch(r"[1-9]\d*(\.\d+)?", row["retention_index"])), "retention_index", "expected an index > 0")
    parent = row["derivative_of"]
    require(parent == "" or parent in known, "derivative_of", "expected the name of a compound further up")
    require(parent == "" or set(known[parent].families) == set(families), "families", "expected the parent's families")
    require(bool(re.fullmatch(r"\d+:\d+( \d+:\d+)*", row["ions"])), "ions", "expected m/z:relative pairs")
    masses, relative = np.array([pair.split(":") for pair in row["ions"].split(" ")], dtype=np.int64).T
    require(bool((np.diff(masses, prepend=0) > 0).all()), "ions", "expected ascending m/z from 1")
    require(masses[-1] <= MAX_MASS, "ions", f"expected m/z up to {MAX_MASS}")
    require(relative.min() >= 1 and relative.max() == BASE_PEAK, "ions", f"expected 1–{BASE_PEAK}, base {BASE_PEAK}")
    return Compound(
        row["name"], row["formula"], families, float(row["retention_index"]), parent, masses, relative / BASE_PEAK
    )
