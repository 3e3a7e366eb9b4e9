"""A run as one, for tests that look at its columns."""

from pathlib import Path

import numpy as np

from ionscape.data.run import Run
from ionscape.data.run_file import RunFile


def read_run(path: Path, names: dict[str, str]) -> Run:
    parts = list(RunFile(path, names))
    axis, mass, intensity = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("axis", "mass", "intensity")
    )
    return Run(axis, mass, intensity, sum(part.missing for part in parts))
