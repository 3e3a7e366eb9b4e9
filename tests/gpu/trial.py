"""A training that is led step by step, and trainings as processes."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import LABELS, random_data, samples_of, synchronize

from ionscape.data.samples import Samples
from ionscape.models.family import families
from ionscape.models.neural import on_device
from ionscape.training.device import set_up
from ionscape.training.graphs import graphs_for
from ionscape.training.schedule import learning_rate
from ionscape.training.step import Step

NAMES = [f"label{number}" for number in range(LABELS)]

FOLDER = Path(__file__).parent


def data(samples: int, shape: tuple[int, int], seed: int) -> Samples:
    """Random samples of METHOD's kind."""
    return samples_of(*random_data(samples, *shape, seed=seed))


class Trial:
    """A network at its first step.

    Args:
        graphs: None: as the engine decides; False: launched kernel by kernel.
    """

    def __init__(
        self,
        settings: Any,
        training: Samples,
        where: torch.device,
        precision: str,
        graphs: bool | None = None,
        resident: bool = True,
    ):
        set_up(precision, torch.get_num_threads(), settings.seed)
        family, shape = families()[settings.family].model(), training.inputs.shape[1:]
        network = family.build(settings, shape, LABELS, fresh=True)
        on_device(network, where)
        self.where, self.settings, self.training = where, settings, training
        self.model = family(network, settings, shape, NAMES, precision)
        self.graphs = graphs_for(where, precision, recompute=False) if graphs is None else None
        self.step = Step(network, settings, where, precision, self.graphs)
        self.batches = family.batches(training, settings, where, resident)
        self.done = 0

    def inputs(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Batches, epoch after epoch."""
        while True:
            yield from self.batches.epoch()

    def steps(self, number: int, total: int) -> list[float]:
        """So many steps of a training of ``total`` steps; the loss of each."""
        losses = []
        self.step.network.train()
        for _, (inputs, targets) in zip(range(number), self.inputs(), strict=False):
            self.step.total.zero_()
            self.step(inputs, targets, learning_rate(self.done, total, total // 10, self.settings.rate))
            losses.append(float(self.step.total))
            self.done += 1
        synchronize(self.where)
        return losses


@dataclass(frozen=True)
class Trainee:
    """A training in a process of its own: trainee.py."""

    process: subprocess.Popen

    @classmethod
    def start(cls, network: str, log: Path, **options: Any) -> "Trainee":
        """Options: of trainee.py."""
        words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
        command = [sys.executable, str(FOLDER / "trainee.py"), network, *words]
        return cls(subprocess.Popen(command, stdout=open(log, "w"), stderr=subprocess.STDOUT))

    @classmethod
    def rows(cls, log: Path) -> list[dict]:
        """What it said so far."""
        lines = log.read_text().splitlines() if log.exists() else []
        return [json.loads(line) for line in lines if line.startswith('{"')]

    @classmethod
    def last_words(cls, log: Path) -> str:
        """The last line of its log, which says why it ended early."""
        return next(iter(reversed(log.read_text().splitlines())), "it said nothing")


@contextmanager
def filled(left_mib: float) -> Iterator[None]:
    """Another process takes the GPU's memory but for so much."""
    command = [sys.executable, str(FOLDER / "filler.py"), str(left_mib)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        if "filled" not in process.stdout.readline():
            raise RuntimeError("the GPU's memory could not be filled")
        yield
    finally:
        process.kill()
        process.wait()


def largest_difference(one: Any, other: Any) -> float:
    """Of two arrays of numbers."""
    return float(np.abs(np.asarray(one, dtype=np.float64) - np.asarray(other, dtype=np.float64)).max())
