"""How long a model-fold takes, training and validation over all widths each epoch: the engine against the plain loop.

METHOD's size by default: 959 training and 162 validation images of 256 × 192, 20 epochs at batch 8. The plain loop trains
``--plain-epochs`` of them and is scaled up. Prints seconds and shares; writes the figures with ``--write``.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

from common import LABELS, SETTINGS, device, machine, random_data, samples_of, synchronize  # isort: skip
import torch
from plain import Plain

from ionscape.models.image.family import ImageSettings
from ionscape.models.image.model import Model
from ionscape.training.context import FitContext
from ionscape.training.device import resolve_precision, set_up


def plain_seconds(settings: ImageSettings, training: tuple, validation: tuple, epochs: int, arguments) -> float:
    """Seconds an epoch."""
    where = device()
    set_up("fp32", arguments.threads, settings.seed)
    network = Model.build(settings, training[0].shape[1:], LABELS, fresh=True)
    plain = Plain(network.train(), settings, where, arguments.workers)
    loaders = plain.loader(*training, training=True), plain.loader(*validation, training=False)
    for width in settings.widths:  # kernels are chosen, and workers started, before the clock
        plain.step(*next(iter(loaders[0])), width)
    plain.validate(loaders[1])
    widths = torch.randint(len(settings.widths), (epochs, len(loaders[0])), generator=torch.Generator().manual_seed(0))
    started = time.perf_counter()
    for epoch in range(epochs):
        for (images, labels), width in zip(loaders[0], widths[epoch].tolist(), strict=True):
            plain.step(images, labels, settings.widths[width])
        plain.validate(loaders[1])
        print(f"plain: epoch {epoch + 1}/{epochs}", flush=True)
    synchronize(where)
    return (time.perf_counter() - started) / epochs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backbone", nargs="?", default="hrnet_w64")
    parser.add_argument("--training", type=int, default=959)
    parser.add_argument("--validation", type=int, default=162)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--plain-epochs", type=int, default=1)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--shape", type=int, nargs=2, default=[256, 192], help="masses and times")
    parser.add_argument("--precision", default="auto", help="of the engine")
    parser.add_argument("--threads", type=int, default=machine()["cores"], help="CPU threads (default: all cores)")
    parser.add_argument("--workers", type=int, default=0, help="of the plain loop's DataLoaders")
    parser.add_argument("--write", type=Path, help="JSON file to write the figures to")
    arguments = parser.parse_args()
    facts = machine()
    changes = {
        "backbone": arguments.backbone,
        "batch_size": arguments.batch,
        "epochs": arguments.epochs,
        "warmup_epochs": min(2, arguments.epochs),
        "precision": arguments.precision,
    }
    settings = SETTINGS.model_copy(update=changes)
    training = random_data(arguments.training, *arguments.shape, seed=0)
    validation = random_data(arguments.validation, *arguments.shape, seed=1)
    labels = [f"label{number}" for number in range(LABELS)]

    def progress(row: dict) -> None:
        print(f"engine: epoch {row['epoch']}/{arguments.epochs}, {row['seconds']:.1f} s", flush=True)

    parts = samples_of(*training), samples_of(*validation)
    with tempfile.TemporaryDirectory() as folder:  # a checkpoint an epoch, as a job writes it
        context = FitContext(labels, arguments.threads, progress, Path(folder) / "checkpoint.safetensors")
        started = time.perf_counter()
        model = Model.fit(*parts, settings, context)
        engine = time.perf_counter() - started
    history = model.history
    plain = plain_seconds(settings, training, validation, arguments.plain_epochs, arguments)
    result = {
        **{name: value for name, value in vars(arguments).items() if name != "write"},
        "precision": resolve_precision(arguments.precision, device()),
        "engine_seconds": engine,
        "engine_seconds_an_epoch": sum(row["seconds"] for row in history) / len(history),
        "plain_seconds_an_epoch": plain,
        "engine_over_plain": plain / (sum(row["seconds"] for row in history) / len(history)),
        "validation_share": sum(row["validation_seconds"] for row in history) / sum(row["seconds"] for row in history),
        "samples_per_second": sum(row["samples_per_second"] for row in history) / len(history),
        "memory_mib": history[-1]["memory_mb"],
    }
    print(
        f"{arguments.backbone} ({result['precision']}): {engine:.0f} s for {arguments.epochs} epochs, of which validation "
        f"{result['validation_share']:.1%}; an epoch {result['engine_over_plain']:.2f} x as fast as the plain loop's "
        f"{plain:.1f} s"
    )
    if arguments.write:
        arguments.write.write_text(json.dumps({"machine": facts, "result": result}, indent=2) + "\n")


if __name__ == "__main__":
    main()
