"""How long ``snakemake predict`` takes for runs that took no part, pages included: 100 of the example's kind by default.

Needs an exported ensemble, such as ``snakemake export`` leaves in results/example/export. The runs are simulated with
another seed than the example's. Wall time from the call to its end, with ``--cores 2``.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import ROOT, machine

from ionscape.data.example.library import LIBRARY, read_library
from ionscape.data.example.writer import write_example

#: Another one than the example's own.
SEED = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="the exported folder")
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--write", type=Path, help="JSON file to write the figures to")
    arguments = parser.parse_args()
    facts = machine()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_example(read_library(LIBRARY), folder / "new", arguments.runs, SEED)
        new = [str(path) for path in sorted((folder / "new").glob("*_features"))]
        given = [f"model={arguments.model.resolve()}", f"new={new}", f"predictions={folder / 'answers'}"]
        command = [sys.executable, "-m", "snakemake", "--cores", "2", "predict", "--config", *given]
        started = time.perf_counter()
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        seconds = time.perf_counter() - started
        pages = list((folder / "answers/pages").glob("*.html"))
        size = sum(path.stat().st_size for path in pages)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    figures = {
        "runs": arguments.runs,
        "seconds": seconds,
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "memory_mib": used.ru_maxrss / 1024,
        "pages": len(pages),
        "pages_mib": size / 2**20,
    }
    print(f"{arguments.runs} runs: {seconds:.1f} s, {len(pages)} pages of {size / 2**20:.1f} MiB")
    if arguments.write:
        arguments.write.write_text(json.dumps({"machine": facts, "result": figures}, indent=2) + "\n")


if __name__ == "__main__":
    main()
