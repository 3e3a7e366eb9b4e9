"""One training step, as fast as the device allows: METHOD.md, Training."""

import logging

import torch
import torch.nn.functional as F
from torch import nn

from .checkpoint import part_of
from .device import autocast, is_out_of_memory
from .graphs import Graphs
from .settings import NetworkSettings

logger = logging.getLogger("ionscape")

#: Steps of an input shape before it is captured: libraries choose their kernels and workspaces in the first ones.
EAGER_STEPS = 3


class Step:
    """Forward, backward, clipping and AdamW on a batch; never waits for the device.

    With graphs the whole step of each input shape becomes one: networks such as HRNet launch thousands of kernels a step,
    at batch 8 shorter than their launch. A moving average of the weights stays outside: it is one fused launch over all of
    them, whose factor changes with every step.

    Args:
        network: on ``where``, channels-last; precision: resolved.
        graphs: None launches every kernel by itself.

    Attributes:
        total: sum of the losses since it was last set to 0, on the device.
    """

    def __init__(
        self, network: nn.Module, settings: NetworkSettings, where: torch.device, precision: str, graphs: Graphs | None
    ):
        self.network, self.settings, self.where, self.precision = network, settings, where, precision
        self.graphs = graphs
        capturable = graphs is not None
        self.optimizer = torch.optim.AdamW(
            network.parameters(),
            lr=torch.zeros((), device=where) if capturable else 0.0,
            weight_decay=settings.weight_decay,
            fused=True,
            capturable=capturable,
        )
        self.total = torch.zeros((), device=where)
        self.seen: dict[torch.Size, int] = {}
        self.captured: dict[torch.Size, tuple[torch.cuda.CUDAGraph, torch.Tensor, torch.Tensor]] = {}

    def __call__(self, inputs: torch.Tensor, targets: torch.Tensor, rate: float) -> None:
        """Inputs [batch, …] and targets [batch, labels] on the device; rate: of this step."""
        for group in self.optimizer.param_groups:
            if isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
        if self.graphs is None:
            self._compute(inputs, targets)
            return
        if self.graphs.given_up:
            self.captured.clear()
            self.graphs.launch(lambda: self._compute(inputs, targets))
            return
        seen = self.seen[inputs.shape] = self.seen.get(inputs.shape, 0) + 1
        if seen <= EAGER_STEPS:
            self.graphs.launch(lambda: self._compute(inputs, targets))
            return
        if inputs.shape not in self.captured and not self._capture(self.graphs, inputs, targets):
            self(inputs, targets, rate)
            return
        graph, static_inputs, static_targets = self.captured[inputs.shape]
        static_inputs.copy_(inputs)
        static_targets.copy_(targets)
        graph.replay()

    def _compute(self, inputs: torch.Tensor, targets: torch.Tensor) -> None:
        loss = self.forward(inputs, targets)
        self.backward(loss)
        self.update()
        self.total += loss.detach()

    def forward(self, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """The batch's loss."""
        with autocast(self.where, self.precision):
            logits = self.network(inputs)
        return F.binary_cross_entropy_with_logits(logits.float(), targets)

    def backward(self, loss: torch.Tensor) -> None:
        """New gradients."""
        self.optimizer.zero_grad()
        loss.backward()

    def update(self) -> None:
        """Clipping and AdamW."""
        nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip_gradient)
        self.optimizer.step()

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Network, optimizer, losses and this process's random numbers, by name, for a checkpoint."""
        tensors = {f"network/{name}": value for name, value in self.network.state_dict().items()}
        names: dict[torch.Tensor, str] = {parameter: name for name, parameter in self.network.named_parameters()}
        for parameter, moments in self.optimizer.state.items():
            tensors |= {f"optimizer/{names[parameter]}/{moment}": value for moment, value in moments.items()}
        tensors["total"] = self.total
        tensors["random/cpu"] = torch.get_rng_state()
        if self.where.type == "cuda":
            tensors["random/cuda"] = torch.cuda.get_rng_state(self.where)
        return tensors

    def load_state_dict(self, tensors: dict[str, torch.Tensor]) -> None:
        """The reverse of :meth:`state_dict`: puts everything back where it was."""
        self.network.load_state_dict(part_of(tensors, "network/"))
        for name, parameter in self.network.named_parameters():
            moments = part_of(tensors, f"optimizer/{name}/")
            # Moments must lie in memory as their parameter does (channels-last), which AdamW's own does not see to.
            self.optimizer.state[parameter] = {
                moment: torch.empty_like(parameter).copy_(value) if value.shape == parameter.shape else value.to(self.where)
                for moment, value in moments.items()
            }
        self.total.copy_(tensors["total"])
        torch.set_rng_state(tensors["random/cpu"])
        if self.where.type == "cuda" and "random/cuda" in tensors:
            torch.cuda.set_rng_state(tensors["random/cuda"], self.where)

    def _capture(self, graphs: Graphs, inputs: torch.Tensor, targets: torch.Tensor) -> bool:
        """Captures the step of this shape; nothing is computed yet. False: there is too little memory for graphs."""
        static_inputs, static_targets = inputs.clone(), targets.clone()
        self.optimizer.zero_grad()
        try:
            graph, _ = graphs.capture(lambda: self._compute(static_inputs, static_targets))
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            graphs.give_up()
            return False
        logger.info("captured the step of inputs %s as a CUDA graph", "×".join(map(str, inputs.shape)))
        self.captured[inputs.shape] = graph, static_inputs, static_targets
        return True
