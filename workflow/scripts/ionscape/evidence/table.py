"""evidence.parquet: the mean evidence for each label, and the mean spectrum of the same samples."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..files.artifact import decoding, read_table, write_table
from .choice import Choice
from .combine import Reason


@dataclass(frozen=True)
class LabelEvidence:
    """Of one label.

    Attributes:
        evidence: float64 [masses], mean share of each m/z in what speaks for the label.
        spectrum: float64 [masses], mean share of it in the same samples' total intensity.
        samples: how many they are.
    """

    evidence: np.ndarray
    spectrum: np.ndarray
    samples: int


@dataclass(frozen=True)
class EvidenceTable:
    """evidence.parquet. ``labels``: name → its evidence, of labels with true positives."""

    labels: dict[str, LabelEvidence]

    @classmethod
    def mean(
        cls,
        choice: Choice,
        reasons: Mapping[tuple[int, int], Reason],
        images: np.ndarray,
        place: np.ndarray,
        labels: list[str],
    ) -> Self:
        """The mean over each label's chosen samples.

        Args:
            reasons: of all (row, label); images: float32 [k, masses, times] of some samples; place: row → row there.
        """
        found = {}
        for label, rows in choice.averaged.items():
            spectra = np.maximum(images[place[rows]], 0).sum(axis=2, dtype=np.float64)
            found[labels[label]] = LabelEvidence(
                evidence=np.mean([reasons[row, label].masses for row in rows], axis=0),
                spectrum=(spectra / np.maximum(spectra.sum(axis=1, keepdims=True), 1e-30)).mean(axis=0),
                samples=len(rows),
            )
        return cls(found)

    def write(self, path: str | Path) -> None:
        """Writes evidence.parquet: ``label``, ``mz``, ``evidence``, ``spectrum``, ``samples``, one row a label and m/z."""
        columns: dict[str, list] = {name: [] for name in ("label", "mz", "evidence", "spectrum", "samples")}
        for label, entry in self.labels.items():
            masses = len(entry.evidence)
            columns["label"] += [label] * masses
            columns["mz"] += range(masses)
            columns["evidence"] += entry.evidence.tolist()
            columns["spectrum"] += entry.spectrum.tolist()
            columns["samples"] += [entry.samples] * masses
        types = {"label": pa.string(), "mz": pa.int32(), "evidence": pa.float64(), "spectrum": pa.float64()}
        types["samples"] = pa.int32()
        table = pa.table({name: pa.array(columns[name], kind) for name, kind in types.items()})
        write_table(table, path, "evidence")

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """The reverse of :meth:`write`. Raises InputError: a missing or damaged file, or one of another version."""
        table, _ = read_table(path, "evidence")
        found = {}
        with decoding(path, "evidence"):
            for label in pc.unique(table["label"]).to_pylist():
                part = table.filter(pc.equal(table["label"], label))
                evidence, spectrum = (part[name].to_numpy() for name in ("evidence", "spectrum"))
                found[label] = LabelEvidence(evidence, spectrum, part["samples"][0].as_py())
        return cls(found)
