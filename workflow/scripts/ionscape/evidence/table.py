"""evidence.parquet: the mean evidence for each label."""

import numpy as np
import pyarrow as pa

from .choice import Choice
from .combine import Reason


def mean_evidence(
    choice: Choice, reasons: dict[tuple[int, int], Reason], images: np.ndarray, place: np.ndarray, labels: list[str]
) -> pa.Table:
    """evidence.parquet: ``label``, ``mz``, ``evidence`` (mean share of the m/z in what speaks for the label), ``spectrum``
    (mean share of it in the same samples' total intensity), ``samples`` (how many they are).
    """
    columns: dict[str, list] = {name: [] for name in ("label", "mz", "evidence", "spectrum", "samples")}
    for label, rows in choice.averaged.items():
        masses = np.mean([reasons[row, label].masses for row in rows], axis=0)
        spectra = np.maximum(images[place[rows]], 0).sum(axis=2, dtype=np.float64)
        spectrum = (spectra / np.maximum(spectra.sum(axis=1, keepdims=True), 1e-30)).mean(axis=0)
        columns["label"] += [labels[label]] * len(masses)
        columns["mz"] += range(len(masses))
        columns["evidence"] += masses.tolist()
        columns["spectrum"] += spectrum.tolist()
        columns["samples"] += [len(rows)] * len(masses)
    types = {"label": pa.string(), "mz": pa.int32(), "evidence": pa.float64(), "spectrum": pa.float64()}
    types["samples"] = pa.int32()
    return pa.table({name: pa.array(columns[name], kind) for name, kind in types.items()})
