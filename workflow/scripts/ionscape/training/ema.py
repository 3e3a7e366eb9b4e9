"""A moving average of a network's weights."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


def average_weights(averaged: dict[str, torch.Tensor], weights: dict[str, torch.Tensor], decay: float, steps: int) -> None:
    """Moves an exponential moving average of weights on by one step, in place; counters are copied.

    Args:
        averaged, weights: a state_dict each; averaged may be empty. steps: done so far, this one included: the first ones
            count for less, as (1 + steps) / (10 + steps) bounds the decay.
    """
    if not averaged:
        averaged |= {name: value.clone() for name, value in weights.items()}
        return
    numbers = [name for name, value in weights.items() if value.is_floating_point()]
    share = 1 - min(decay, (1 + steps) / (10 + steps))
    torch._foreach_lerp_([averaged[name] for name in numbers], [weights[name] for name in numbers], share)
    if counters := [name for name in weights if name not in set(numbers)]:
        torch._foreach_copy_([averaged[name] for name in counters], [weights[name] for name in counters])


@contextmanager
def swapped_weights(network: nn.Module, weights: dict[str, torch.Tensor]) -> Iterator[None]:
    """The network has these weights, if any, for the time of a ``with`` block."""
    own = {name: value.clone() for name, value in network.state_dict().items()} if weights else {}
    network.load_state_dict(weights or network.state_dict())
    try:
        yield
    finally:
        network.load_state_dict(own or network.state_dict())
