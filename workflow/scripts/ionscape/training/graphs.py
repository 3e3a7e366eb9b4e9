"""CUDA graphs: a computation of thousands of short kernels, launched as one."""

import logging
from collections.abc import Callable
from typing import Any

import torch

logger = logging.getLogger("ionscape")


class Graphs:
    """Captures computations of a training; all share one pool of memory, as no two of them run at once.

    A graph computes on the tensors that it was captured with: who replays it writes new values into these.

    Attributes:
        given_up: there was too little memory for them: everything is launched kernel by kernel from then on.
    """

    def __init__(self, where: torch.device):
        self.where = where
        self.stream = torch.cuda.Stream(where)
        self.pool: Any = None
        self.given_up = False

    def launch(self, compute: Callable[[], Any]) -> Any:
        """Computes kernel by kernel on the stream that captures, as gradients remember the one that they are made on."""
        self.stream.wait_stream(torch.cuda.current_stream(self.where))
        with torch.cuda.stream(self.stream):
            result = compute()
        torch.cuda.current_stream(self.where).wait_stream(self.stream)
        return result

    def capture(self, compute: Callable[[], Any]) -> tuple[torch.cuda.CUDAGraph, Any]:
        """The graph of a computation that was launched before, and its result, which every replay computes anew."""
        graph = torch.cuda.CUDAGraph()
        torch.cuda.synchronize(self.where)
        with torch.cuda.graph(graph, pool=self.pool, stream=self.stream):
            result = compute()
        self.pool = graph.pool()
        return graph, result

    def give_up(self) -> None:
        """Who holds graphs lets go of them, which alone gives their pool's memory back."""
        logger.info("too little memory for CUDA graphs: kernels are launched one by one")
        self.given_up = True


def graphs_for(where: torch.device, precision: str, recompute: bool) -> Graphs | None:
    """Graphs on a GPU; None on a CPU, for ``reference``, and where activations are recomputed: launched one by one."""
    wanted = where.type == "cuda" and precision != "reference" and not recompute
    return Graphs(where) if wanted else None
