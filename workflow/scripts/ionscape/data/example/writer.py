"""The embedded example as files in the challenge's layout."""

import csv
import hashlib
import io
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pacsv

from ...files.atomic import atomic_folder, write_text
from .chromatography import SPLIT_SHARES, Run, simulate_runs
from .library import FAMILIES, Compound


def write_example(
    library: Sequence[Compound],
    folder: str | Path,
    runs: int,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Writes simulated runs as the challenge lays out its files, and their truth as ``compounds.csv``.

    Args:
        folder: created if missing; files of the same names are replaced once all runs are written.
        progress: called after each run with (runs written, runs).

    Raises:
        ValueError: as :func:`simulate_runs`.
        OSError: the folder cannot be written.
    """
    folder = Path(folder)
    metadata, truth = [], []
    labels: dict[str, list] = {split: [] for split in SPLIT_SHARES}
    with ExitStack() as stack:
        places = {split: stack.enter_context(atomic_folder(folder / f"{split}_features")) for split in SPLIT_SHARES}
        for done, run in enumerate(simulate_runs(library, runs, seed), start=1):
            content = _features_csv(run)
            (places[run.split] / f"{run.sample_id}.csv").write_bytes(content)
            path = f"{run.split}_features/{run.sample_id}.csv"
            digest = hashlib.md5(content, usedforsecurity=False).hexdigest()
            metadata.append([run.sample_id, run.split, "1" if run.derivatized else "", path, digest])
            labels[run.split].append([run.sample_id, *(run.labels if run.split != "test" else run.labels * 0)])
            for name, minutes, amount in zip(run.compounds, run.retention_times, run.amounts, strict=True):
                truth.append([run.sample_id, name, f"{minutes:.4f}", f"{amount:.1f}"])
            if progress:
                progress(done, runs)
    _write_rows(folder / "metadata.csv", "sample_id,split,derivatized,features_path,features_md5_hash", metadata)
    label_header = ",".join(["sample_id", *FAMILIES])
    _write_rows(folder / "train_labels.csv", label_header, labels["train"])
    _write_rows(folder / "val_labels.csv", label_header, labels["val"])
    _write_rows(folder / "submission_format.csv", label_header, labels["test"])
    _write_rows(folder / "compounds.csv", "sample_id,compound,retention_time,amount", truth)


def _features_csv(run: Run) -> bytes:
    """The run's rows as CSV; decimals keep trailing zeros, as in 17.0."""
    decimals = {"time": 4, "mass": 1, "intensity": 1}
    columns = [pa.array(getattr(run, name)).cast(pa.decimal128(14, places)) for name, places in decimals.items()]
    stream = io.BytesIO(f"{','.join(decimals)}\n".encode())
    stream.seek(0, io.SEEK_END)
    pacsv.write_csv(pa.table(columns, list(decimals)), stream, pacsv.WriteOptions(include_header=False))
    return stream.getvalue()


def _write_rows(path: Path, header: str, rows: list[list]) -> None:
    stream = io.StringIO(newline="")
    stream.write(header + "\n")
    csv.writer(stream, lineterminator="\n").writerows(rows)
    write_text(path, stream.getvalue())
