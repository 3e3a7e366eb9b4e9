"""METHOD.md, Training: the learning rate."""

import math


def learning_rate(step: int, steps: int, warmup: int, base: float) -> float:
    """Linear warm-up from 0 over ``warmup`` steps, then cosine to 0 at ``steps``; ``step`` counts from 0."""
    if step < warmup:
        return base * step / warmup
    return base * 0.5 * (1 + math.cos(math.pi * (step - warmup) / max(1, steps - warmup)))
