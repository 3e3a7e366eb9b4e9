"""A network's logits of many samples: in batches as large as the device takes, once or after every epoch."""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch

from .device import is_out_of_memory
from .graphs import Graphs

#: Samples predicted at a time: where a GPU has less memory, halves of it are tried.
BATCH = {"cpu": 32, "cuda": 256}

#: What samples are to a network: inputs on the device, of these rows.
Prepare = Callable[[slice], torch.Tensor]

#: A network's answer to them: logits [rows, labels].
Answer = Callable[[torch.Tensor], torch.Tensor]


def in_batches(prepare: Prepare, answer: Answer, samples: int, labels: int, where: torch.device) -> np.ndarray:
    """Logits of samples that are asked once: float32 [samples, labels]; half a batch if a GPU runs out of memory.

    Raises:
        torch.OutOfMemoryError: a single sample is too large for it.
    """
    return Validation(prepare, answer, samples, labels, where, None)()


class Validation:
    """Logits of the same samples again and again, as the network's weights change.

    With graphs their inputs stay on the device from the second time on, and what the network computes of each batch becomes
    a CUDA graph: with METHOD's five widths these are almost half of all images that an epoch sees.

    Args:
        prepare, answer: :data:`Prepare`, :data:`Answer`; the network is asked with the weights that it has then.
        samples, labels: how many.
        graphs: of the training; None launches every time.
    """

    def __init__(
        self, prepare: Prepare, answer: Answer, samples: int, labels: int, where: torch.device, graphs: Graphs | None
    ):
        self.prepare, self.answer, self.samples, self.labels = prepare, answer, samples, labels
        self.graphs, self.where, self.size = graphs, where, BATCH[where.type]
        self.captured: list[tuple[torch.cuda.CUDAGraph, torch.Tensor, torch.Tensor]] = []
        self.asked = False

    @torch.inference_mode()
    def __call__(self) -> np.ndarray:
        """float32 [samples, labels]. Raises as :func:`in_batches`."""
        graphs = None if self.graphs is None or self.graphs.given_up else self.graphs
        if graphs is None:
            self.captured.clear()
        elif self.asked and not self.captured:  # the first time chose kernels, and how many samples fit
            self._capture(graphs)
        if self.captured:
            return self._collected([self._replayed(graph, logits) for graph, _, logits in self.captured])
        parts: list[torch.Tensor] = []
        start = 0
        while start < self.samples:
            try:
                parts.append(self._launched(slice(start, start + self.size)).cpu())
                start += self.size
            except RuntimeError as error:
                if self.size == 1 or self.where.type == "cpu" or not is_out_of_memory(error):
                    raise
                self.size //= 2
        self.asked = True
        return self._collected(parts)

    def _launched(self, rows: slice) -> torch.Tensor:
        inputs = self.prepare(rows)
        return self.graphs.launch(lambda: self.answer(inputs)) if self.graphs else self.answer(inputs)

    def _capture(self, graphs: Graphs) -> None:
        """Captures all batches, in smaller ones where the pool would grow beyond the device's memory."""
        while True:
            try:
                for start in range(0, self.samples, self.size):
                    inputs = self.prepare(slice(start, start + self.size))
                    graph, logits = graphs.capture(partial(self.answer, inputs))
                    self.captured.append((graph, inputs, logits))  # the graph reads the inputs at every replay
                return
            except RuntimeError as error:
                if not is_out_of_memory(error):
                    raise
            self.captured.clear()
            if self.size == 1:
                graphs.give_up()
                return
            self.size //= 2

    def _replayed(self, graph: torch.cuda.CUDAGraph, logits: torch.Tensor) -> torch.Tensor:
        graph.replay()
        return logits.cpu()  # before another graph of the pool writes over them

    def _collected(self, parts: list[torch.Tensor]) -> np.ndarray:
        return torch.cat([torch.empty((0, self.labels)), *parts]).numpy()
