"""How fast CSVs become images, against the plain pandas way and against Arrow's bare CSV reader, on real runs.

Three ways take the same files in turn, on one thread, in every order equally often:
  A  pandas: read_csv of three columns, group-by sum over (mass, time bin), dense array
  B  ionscape: RunFile + render
  C  pyarrow.csv.read_csv of the same three columns as float64, and nothing else
Then every run of the folder is rendered into one image file, and new processes load that file as one torch tensor.
Prints a table and writes the figures, with the machine's facts, as JSON.
"""

import os

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy and torch start their pools

import argparse
import csv
import itertools
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import torch

LIBRARY = str(Path(__file__).parents[2] / "workflow" / "scripts")
sys.path.insert(0, LIBRARY)

from ionscape.config.grid import Grid
from ionscape.data.run_file import RunFile
from ionscape.images.render import render, render_images
from ionscape.images.store import image_schema, load_images, write_images

GRID = Grid(masses=256, times=192, drop_masses=(4,))
COLUMNS = {"axis": "temp", "mass": "m/z", "intensity": "abundance"}
NAMES = list(COLUMNS.values())
CLAIMS = {"pandas_over_ours": (">=", 2.0), "bare_arrow_over_ours": (">=", 0.8), "load_seconds": ("<=", 1.1)}

#: What a job does first, in a process of its own and so into fresh memory; prints seconds, imports not counted.
LOADING = """
import sys, time
sys.path.insert(0, sys.argv[1])
import torch
from ionscape.images.store import load_images
start = time.perf_counter()
tensor = torch.from_numpy(load_images(sys.argv[2])[1])
print(time.perf_counter() - start)
"""


def by_pandas(path: Path) -> np.ndarray:
    """The image as METHOD steps 1–3 read, in pandas: float32 [masses, times]."""
    run = pd.read_csv(path, usecols=NAMES).fillna(0.0)
    run["mass"] = run["m/z"].round()
    run = run[(run["mass"] >= 0) & (run["mass"] <= GRID.masses - 1) & ~run["mass"].isin(GRID.drop_masses)]
    low, high = run["temp"].min(), run["temp"].max()
    time_bin = ((run["temp"] - low) / (high - low) * (GRID.times - 1)).round()
    sums = run["abundance"].groupby([run["mass"].astype(int), time_bin.astype(int)]).sum()
    image = np.zeros((GRID.masses, GRID.times))
    image[sums.index.get_level_values(0), sums.index.get_level_values(1)] = sums
    return (image / image.max()).astype(np.float32)


def by_ionscape(path: Path) -> np.ndarray:
    """The image by the library: float32 [masses, times]."""
    return render(RunFile(path, COLUMNS), GRID)


def by_bare_arrow(path: Path) -> pa.Table:
    """Only the parsing: three float64 columns."""
    return pacsv.read_csv(
        path,
        read_options=pacsv.ReadOptions(use_threads=False),
        convert_options=pacsv.ConvertOptions(include_columns=NAMES, column_types=dict.fromkeys(NAMES, pa.float64())),
    )


def time_interleaved(paths: list[Path], ways: dict[str, Callable[[Path], object]], repeats: int) -> dict:
    """Milliseconds a file: per way, the median over files of each file's median and of its minimum over repeats."""
    seconds = {name: np.empty((len(paths), repeats)) for name in ways}
    for row, path in enumerate(paths):
        path.read_bytes()  # from the page cache for every way
        for repeat, order in zip(range(repeats), itertools.cycle(itertools.permutations(ways)), strict=False):
            for name in order:
                ways[name](path)  # not timed: memory as this way leaves it, as when it takes file after file
                start = time.perf_counter()
                ways[name](path)
                seconds[name][row, repeat] = time.perf_counter() - start
    return {
        name: {
            "median_ms": 1e3 * float(np.median(np.median(values, axis=1))),
            "minimum_ms": 1e3 * float(np.median(values.min(axis=1))),
        }
        for name, values in seconds.items()
    }


def store_and_load(root: Path, repeats: int) -> dict:
    """Renders every run of the folder into one image file in a temporary folder, and has it loaded as one torch tensor."""
    with open(root / "metadata.csv", newline="") as stream:
        runs = [(row["sample_id"], row["features_path"]) for row in csv.DictReader(stream)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.parquet"
        start = time.perf_counter()
        batches = render_images(runs, root, COLUMNS, GRID, lambda done, total: None)
        write_images(path, image_schema(GRID, "none", "temperature"), batches)
        written = time.perf_counter() - start
        seconds = [
            float(subprocess.check_output([sys.executable, "-c", LOADING, LIBRARY, path], text=True))
            for _ in range(repeats)
        ]
        ids, images, _ = load_images(path)
        assert images.shape == (len(runs), GRID.masses, GRID.times)
        assert ids == [sample for sample, _ in runs]
        return {
            "images": len(runs),
            "render_and_write_seconds": written,
            "file_megabytes": path.stat().st_size / 1e6,
            "tensor_megabytes": len(runs) * GRID.masses * GRID.times * 4 / 1e6,
            "load_seconds": statistics.median(seconds),
            "load_seconds_of_each_process": seconds,
        }


def machine() -> dict:
    """Facts of the machine and the versions."""
    cpuinfo = Path("/proc/cpuinfo")
    models = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "load_average_at_start": os.getloadavg()[0],
        "python": platform.python_version(),
        "numpy": np.__version__,
        "pandas": pd.__version__,
        "pyarrow": pa.__version__,
        "torch": torch.__version__,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, metavar="FOLDER", help="folder that holds mars1/")
    parser.add_argument("--runs", type=int, default=100, help="CSVs to time, spread evenly over the folder (100)")
    parser.add_argument("--repeats", type=int, default=6, help="turns of each way on each CSV (6, one of each order)")
    parser.add_argument(
        "--output", type=Path, default=Path(__file__).parent / "results" / "ingest.json", help="where the figures go"
    )
    options = parser.parse_args()
    root = options.data / "mars1"
    paths = sorted((root / "train_features").glob("*.csv"))
    if not paths:
        parser.error(f"{root / 'train_features'} holds no CSV")
    facts = machine()
    chosen = [paths[index] for index in np.linspace(0, len(paths) - 1, min(options.runs, len(paths))).astype(int)]

    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    different = [path.name for path in chosen if not np.array_equal(by_pandas(path), by_ionscape(path))]
    ways = {"pandas": by_pandas, "ionscape": by_ionscape, "bare_arrow": by_bare_arrow}
    times = time_interleaved(chosen, ways, options.repeats)
    pa.set_cpu_count(os.cpu_count())
    pa.set_io_thread_count(8)
    stored = store_and_load(root, options.repeats)

    measured = {
        "pandas_over_ours": times["pandas"]["median_ms"] / times["ionscape"]["median_ms"],
        "bare_arrow_over_ours": times["bare_arrow"]["median_ms"] / times["ionscape"]["median_ms"],
        "load_seconds": stored["load_seconds"],
    }
    of_minima = {
        "pandas_over_ours": times["pandas"]["minimum_ms"] / times["ionscape"]["minimum_ms"],
        "bare_arrow_over_ours": times["bare_arrow"]["minimum_ms"] / times["ionscape"]["minimum_ms"],
    }
    met = {
        name: measured[name] >= bound if sign == ">=" else measured[name] <= bound for name, (sign, bound) in CLAIMS.items()
    }
    result = {
        "machine": facts,
        "csvs": len(chosen),
        "csv_megabytes_median": statistics.median(path.stat().st_size for path in chosen) / 1e6,
        "repeats": options.repeats,
        "images_that_differ_as_float32": different,
        "milliseconds_a_csv": times,
        "ratios_of_medians": {name: measured[name] for name in of_minima},
        "ratios_of_minima": of_minima,
        "store_and_load": stored,
        "claims": {name: f"{sign} {bound}: {'met' if met[name] else 'NOT met'}" for name, (sign, bound) in CLAIMS.items()},
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=2) + "\n")

    print(f"{len(chosen)} CSVs, {options.repeats} repeats, one thread; {facts['cpu']}, {facts['cores']} cores\n")
    print("| way | median ms a CSV | minimum | speed of ionscape relative to it |")
    print("|---|---|---|---|")
    for name, value in times.items():
        ratio = value["median_ms"] / times["ionscape"]["median_ms"]
        print(f"| {name} | {value['median_ms']:.2f} | {value['minimum_ms']:.2f} | {ratio:.2f} × |")
    print(f"\nImages that differ between pandas and ionscape as float32: {len(different)} of {len(chosen)}")
    print(
        f"{stored['images']} images: {stored['file_megabytes']:.1f} MB file, {stored['tensor_megabytes']:.0f} MB tensor, "
        f"loaded by a new process in {stored['load_seconds']:.2f} s "
        f"(rendered and written in {stored['render_and_write_seconds']:.1f} s)"
    )
    for name, text in result["claims"].items():
        print(f"{name} = {measured[name]:.2f}, claim {text}")
    return 0 if all(met.values()) and not different else 1


if __name__ == "__main__":
    sys.exit(main())
