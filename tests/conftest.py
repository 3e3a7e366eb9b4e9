"""What the tests share: the real runs, where there are any, and a writer of small run CSVs."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

# What a script starts in the background ignores Ctrl-C, and so would all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder that holds ``mars1/`` and ``gcms/``, from the environment variable IONSCAPE_DATA."""
    given = os.environ.get("IONSCAPE_DATA")
    if not given:
        pytest.skip("needs real runs: set IONSCAPE_DATA to the folder that holds mars1/ and gcms/")
    folder = Path(given)
    for name in ("mars1", "gcms"):
        assert (folder / name / "metadata.csv").is_file(), f"IONSCAPE_DATA: {folder / name} has no metadata.csv"
    return folder


@pytest.fixture
def run_csv(tmp_path: Path) -> Callable[..., Path]:
    """Writes a CSV from its lines (text or bytes, without line ends) and returns its path."""

    def write(*lines: str | bytes, name: str = "run.csv", header: str = "time,mass,intensity") -> Path:
        path = tmp_path / name
        path.write_bytes(b"".join((x.encode() if isinstance(x, str) else x) + b"\n" for x in (header, *lines)))
        return path

    return write
