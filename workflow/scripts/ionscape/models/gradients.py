"""Which inputs move a network's logit, by gradients."""

from collections.abc import Callable

import torch


def integrated_gradients(
    logits: Callable[[torch.Tensor], torch.Tensor],
    inputs: torch.Tensor,
    empty: torch.Tensor,
    labels: torch.Tensor,
    steps: int,
) -> torch.Tensor:
    """What each input adds to the logit on the way from nothing (Sundararajan, Taly and Yan 2017, equation 1).

    Args:
        logits: of inputs [n, …], [n, labels]; one sample's do not depend on the others.
        inputs, empty: the samples, and nothing, [n, …] on one device.
        labels: int64 [n], which logit of each sample.
        steps: of the path, at whose middles gradients are taken.

    Returns:
        like inputs, in logits.
    """
    rows = torch.arange(len(inputs), device=inputs.device)
    gradient = torch.zeros_like(inputs)
    for step in range(steps):
        on_the_way = (empty + (step + 0.5) / steps * (inputs - empty)).requires_grad_()
        logit = logits(on_the_way)[rows, labels].sum()
        gradient += torch.autograd.grad(logit, on_the_way)[0] / steps
    return (inputs - empty) * gradient
