"""Activation checkpointing: a network's blocks are computed once more in the backward pass instead of being remembered."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

CONTAINERS = nn.Sequential | nn.ModuleList | nn.ModuleDict


def recompute_blocks(network: nn.Module) -> int:
    """Wraps the innermost blocks of the network in place, for training; parameters, names and results stay.

    A block is an entry of a Sequential or ModuleList that holds several layers and no such entry: a residual block, say.
    Random numbers are the same in both passes; running statistics are updated in the first alone.

    Returns:
        number of blocks wrapped; 0 says that there is nothing to gain.
    """
    blocks = list(_blocks(network))
    for block in blocks:
        block.forward = _recomputing(block, block.forward)
    return len(blocks)


def _blocks(module: nn.Module) -> Iterator[nn.Module]:
    for child in module.children():
        # A list is no block: its own forward is never called.
        is_entry = isinstance(module, CONTAINERS) and not isinstance(child, nn.ModuleList | nn.ModuleDict)
        is_layered = sum(1 for part in child.modules() if isinstance(part, nn.Conv1d | nn.Conv2d | nn.Linear)) > 1
        if is_entry and is_layered and not _has_blocks(child):
            yield child
        else:
            yield from _blocks(child)


def _has_blocks(module: nn.Module) -> bool:
    return next(_blocks(module), None) is not None


def _recomputing(block: nn.Module, forward: Callable[..., Any]) -> Callable[..., Any]:
    def call(*inputs: Any, **options: Any) -> Any:
        if not block.training:
            return forward(*inputs, **options)
        return checkpoint(
            forward,
            *inputs,
            use_reentrant=False,
            preserve_rng_state=True,
            context_fn=lambda: (nullcontext(), _frozen_statistics(block)),
            **options,
        )

    return call


@contextmanager
def _frozen_statistics(block: nn.Module) -> Iterator[None]:
    """BatchNorm normalizes by the batch, but neither its running statistics nor its counter move."""
    norms = [part for part in block.modules() if isinstance(part, _BatchNorm)]
    before = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    for norm in norms:
        norm.momentum, norm.num_batches_tracked = 0.0, None
    try:
        yield
    finally:
        for norm, (momentum, tracked) in zip(norms, before, strict=True):
            norm.momentum, norm.num_batches_tracked = momentum, tracked
