"""One training of random samples, as train_fold would do it; a JSON line as it starts, after each epoch, and at its end."""

import argparse
import json
import logging
import os
import sys
import tempfile
import time
from pathlib import Path

from ionscape.jobs.lease import Lease, lease
from ionscape.jobs.signals import stoppable


def said(**facts) -> None:
    print(json.dumps({**facts, "time": time.time()}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("network", help="a timm backbone, or gru, transformer, convolutional")
    parser.add_argument("--training", type=int, default=959)
    parser.add_argument("--validation", type=int, default=162)
    parser.add_argument("--shape", default="256x192", help="masses and times")
    parser.add_argument("--widths", default="", help="such as 32,48; METHOD's by default")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--slots", default="", help="take a lease: gpu.slots")
    parser.add_argument("--device", default="", help="gpu.devices, of which the lease takes one")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
    said(started=True)
    with stoppable() as stopping:
        if arguments.slots:
            slots = "auto" if arguments.slots == "auto" else int(arguments.slots)
            devices = [arguments.device] if arguments.device else None
            with lease(1, devices, slots, stopping, f"{arguments.network}-{os.getppid()}") as held:
                said(leased=held.uuid)
                train(arguments, held)
        else:
            train(arguments, Lease())
    said(finished=True)


def train(arguments: argparse.Namespace, held: Lease) -> None:
    from common import settings_of  # torch: once the mask is in place
    from trial import NAMES, data

    from ionscape.models.family import families
    from ionscape.training.context import FitContext

    changes = {"epochs": arguments.epochs, "warmup_epochs": 1, "batch_size": arguments.batch}
    if arguments.widths:
        changes["widths"] = [int(width) for width in arguments.widths.split(",")]
    settings = settings_of(arguments.network, **changes)
    masses, times = map(int, arguments.shape.split("x"))
    training, validation = (data(n, (masses, times), n) for n in (arguments.training, arguments.validation))

    def progress(row: dict) -> None:
        said(**row)
        held.look()

    family = families()[settings.family].model()
    with tempfile.TemporaryDirectory() as folder:  # a checkpoint an epoch, as a job writes it
        context = FitContext(NAMES, arguments.threads, progress, Path(folder) / "checkpoint.safetensors")
        family.fit(training, validation, settings, context)


if __name__ == "__main__":
    main()
