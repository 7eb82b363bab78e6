"""The learning rate over a run."""

from __future__ import annotations

import math


def rate_factor(progress: float, warmup: float) -> float:
    """Factor of the learning rate at a share 0..1 of the run: linear warmup, then a cosine to nearly nothing."""
    if progress < warmup:
        return max(progress / warmup, 0.02)
    share = min(1.0, (progress - warmup) / (1 - warmup))
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share))
