"""How fast a training step is: the engine, the plain loop, and the ceiling that none can pass, on whatever device there is.

For each network (a timm backbone, or gru, transformer, convolutional) and width, blocks of steps in turn, interleaved over
several rounds:
  plain      plain.py: fp32, contiguous, a DataLoader that normalizes on every access, loss read every step
  engine     ionscape.training's batches and step, precision ``auto``
  ceiling    the engine's step on one resident random tensor, nothing else
Then what the engine's step spends its time on, each part waited for. Prints a table; writes the figures with ``--write``.
"""

import argparse
import itertools
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from common import ARCHITECTURES, LABELS, SETTINGS, device, machine, random_data, samples_of, settings_of, synchronize  # isort: skip
import torch
import torch.nn.functional as F
from plain import Plain
from torch.utils.flop_counter import FlopCounterMode

from ionscape.models.family import families
from ionscape.training.device import resolve_precision, set_up
from ionscape.training.graphs import graphs_for
from ionscape.training.step import Step


def widths_of(settings: Any, shape: tuple[int, int]) -> list[int]:
    """The widths that a batch may have; a sequence has but one."""
    return [shape[1]] if settings.family == "sequence" else settings.widths


def endless(make: Callable[[], Iterator]) -> Iterator:
    while True:
        yield from make()


class Contender:
    """A network, an optimizer and batches: ``block(width, steps)`` takes that many steps and returns the seconds."""

    def __init__(self, settings: Any, shape: tuple[int, int], where: torch.device):
        self.settings, self.where = settings, where
        self.family = families()[settings.family].model()
        self.network = self.family.build(settings, shape, LABELS, fresh=True).to(where).train()

    def block(self, width: int, steps: int) -> float:
        synchronize(self.where)
        started = time.perf_counter()
        for _ in range(steps):
            self.step(width)
        synchronize(self.where)
        return time.perf_counter() - started


class PlainContender(Contender):
    def __init__(self, settings, shape, where, data, workers):
        super().__init__(settings, shape, where)
        self.plain = Plain(self.network, settings, where, workers)
        loader = self.plain.loader(*data, training=True)
        self.batches = endless(lambda: iter(loader))

    def step(self, width: int) -> None:
        self.plain.step(*next(self.batches), width)


class EngineContender(Contender):
    def __init__(self, settings, shape, where, data, precision):
        super().__init__(settings, shape, where)
        self.network.to(memory_format=torch.channels_last)
        self.train = Step(self.network, settings, where, precision, graphs_for(where, precision, recompute=False))
        samples = samples_of(*data)
        self.batches = {}
        for width in widths_of(settings, shape):
            chosen = settings if settings.family == "sequence" else settings.model_copy(update={"widths": [width]})
            batches = self.family.batches(samples, chosen, where)
            self.batches[width] = endless(batches.epoch)

    def step(self, width: int) -> None:
        self.train(*next(self.batches[width]), self.settings.rate)


class CeilingContender(EngineContender):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.batch = {width: next(batches) for width, batches in self.batches.items()}

    def step(self, width: int) -> None:
        self.train(*self.batch[width], self.settings.rate)


def shares(engine: EngineContender, width: int, steps: int) -> dict[str, float]:
    """Shares of a step's time, each part waited for and launched one by one."""
    parts = dict.fromkeys(("input", "forward", "backward", "optimizer"), 0.0)
    train = engine.train

    def timed(part: str, call: Callable, *arguments):
        synchronize(engine.where)
        started = time.perf_counter()
        result = call(*arguments)
        synchronize(engine.where)
        parts[part] += time.perf_counter() - started
        return result

    for _ in range(steps):
        inputs, targets = timed("input", next, engine.batches[width])
        loss = timed("forward", train.forward, inputs, targets)
        timed("backward", train.backward, loss)
        timed("optimizer", train.update)
    total = sum(parts.values())
    return {part: seconds / total for part, seconds in parts.items()}


def step_flops(engine: EngineContender, width: int) -> int:
    """Floating-point operations of a step's convolutions and matrix products: a backward pass takes two of a forward's.

    The counter's own figures for the backward pass of a grouped convolution leave out the groups.
    """
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        engine.train.forward(*next(engine.batches[width]))
    return 3 * counter.get_total_flops()


def matrix_peak(where: torch.device, precision: str) -> float:
    """Floating-point operations a second of the best of some matrix products and 3 × 3 convolutions in this precision."""
    size, batch = (8192, 256) if where.type == "cuda" else (2048, 8)
    kind = torch.bfloat16 if precision == "bf16" else torch.float32
    a, b = (torch.randn(size, size, device=where, dtype=kind) for _ in range(2))
    kernel = torch.randn(128, 128, 3, 3, device=where, dtype=kind).to(memory_format=torch.channels_last)
    images = torch.randn(batch, 128, 32, 32, device=where, dtype=kind).to(memory_format=torch.channels_last)
    ways = {
        lambda: a @ b.T: 2 * size**3,
        lambda: F.conv2d(images, kernel, padding=1): 2 * images.numel() * kernel[0].numel(),
    }
    peak = 0.0
    for _ in range(8):
        for compute, operations in ways.items():
            synchronize(where)
            started = time.perf_counter()
            compute()
            synchronize(where)
            peak = max(peak, operations / (time.perf_counter() - started))
    return peak


def measure(backbone: str, arguments: argparse.Namespace) -> dict:
    where = device()
    changes = {} if backbone in ARCHITECTURES else {"widths": arguments.widths}
    settings = settings_of(backbone, batch_size=arguments.batch, **changes)
    widths = widths_of(settings, arguments.shape)
    precision = resolve_precision(arguments.precision, where)
    set_up(precision, arguments.threads, settings.seed)
    data = random_data(max(4 * arguments.batch, arguments.samples), *arguments.shape, seed=0)
    ways = {
        "plain": PlainContender(settings, arguments.shape, where, data, arguments.workers),
        "engine": EngineContender(settings, arguments.shape, where, data, precision),
        "ceiling": CeilingContender(settings, arguments.shape, where, data, precision),
    }
    for way, width in itertools.product(ways.values(), widths):
        way.block(width, arguments.warmup)
    if where.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    seconds: dict[str, dict[int, list[float]]] = {name: {w: [] for w in widths} for name in ways}
    for number in range(arguments.rounds):
        order = list(ways)[number % 3 :] + list(ways)[: number % 3]
        for width, name in itertools.product(widths, order):
            seconds[name][width].append(ways[name].block(width, arguments.steps) / arguments.steps)
        print(f"{backbone}: round {number + 1}/{arguments.rounds}", flush=True)
    medians = {name: [statistics.median(blocks) for blocks in of.values()] for name, of in seconds.items()}
    mean = {name: statistics.mean(values) for name, values in medians.items()}
    middle = widths[len(widths) // 2]
    counted = backbone != "gru"  # of which the counter knows nothing
    flops = statistics.mean(step_flops(ways["engine"], width) for width in widths) if counted else None
    return {
        "backbone": backbone,
        "batch": arguments.batch,
        "shape": arguments.shape,
        "widths": widths,
        "precision": precision,
        "threads": torch.get_num_threads(),
        "workers": arguments.workers,
        "steps_a_block": arguments.steps,
        "rounds": arguments.rounds,
        "step_seconds": mean,
        "samples_per_second": {name: arguments.batch / value for name, value in mean.items()},
        "engine_over_plain": mean["plain"] / mean["engine"],
        "engine_over_ceiling": mean["ceiling"] / mean["engine"],
        "shares": shares(ways["engine"], middle, arguments.steps),
        "teraflops": flops and flops / mean["engine"] / 1e12,
        "of_matrix_peak": flops and flops / mean["engine"] / matrix_peak(where, precision),
        "memory_mib": torch.cuda.max_memory_allocated() / 2**20 if where.type == "cuda" else None,
    }


def summary(result: dict) -> str:
    times = ", ".join(f"{way} {seconds * 1000:.0f} ms" for way, seconds in result["step_seconds"].items())
    parts = ", ".join(f"{part} {share:.1%}" for part, share in result["shares"].items())
    return (
        f"{result['backbone']} ({result['precision']}): {times} a step; engine {result['engine_over_plain']:.2f} x plain, "
        f"{result['engine_over_ceiling']:.2f} of the ceiling, {result['of_matrix_peak'] or 0:.0%} of the "
        f"matrix peak; {parts}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("backbones", nargs="*", default=["resnet34", "hrnet_w32", "tf_efficientnet_lite0"])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument(
        "--samples", type=int, default=64, help="on a GPU a fold's 959: an epoch's end costs workers and copies"
    )
    parser.add_argument("--shape", type=int, nargs=2, default=[256, 192], help="masses and times")
    parser.add_argument("--widths", type=int, nargs="+", default=SETTINGS.widths)
    parser.add_argument("--precision", default="auto", help="of the engine and the ceiling")
    parser.add_argument("--threads", type=int, default=machine()["cores"], help="CPU threads (default: all cores)")
    parser.add_argument("--workers", type=int, default=0, help="of the plain loop's DataLoader")
    parser.add_argument("--steps", type=int, default=2, help="a block")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--warmup", type=int, default=1, help="steps of each way and width beforehand; 5 on a GPU")
    parser.add_argument("--write", type=Path, help="JSON file to write the figures to")
    arguments = parser.parse_args()
    facts = machine()
    results = []
    for backbone in arguments.backbones:
        results.append(measure(backbone, arguments))
        print(summary(results[-1]), flush=True)
    if arguments.write:
        arguments.write.write_text(json.dumps({"machine": facts, "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
