"""The learning rate over a run."""

from __future__ import annotations

import math
import time


def rate_factor(progress: float, warmup: float) -> float:
    """Factor of the learning rate at a share 0..1 of the run: linear warmup, then a cosine to nearly nothing."""
    if progress < warmup:
        return max(progress / warmup, 0.02)
    share = min(1.0, (progress - warmup) / (1 - warmup))
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * share))


AHEAD = 0.05


def planned_progress(done: float, spent: float) -> float:
    """How far a run is, 0..1, from the share of its steps `done` and of its time `spent`.

    By its steps; where the time is running out sooner, by the time, so that the rate falls before it ends.
    """
    return max(done, (spent - AHEAD) / (1 - AHEAD))


class ActiveClock:
    """Seconds that a run has worked: of a longer pause (stopped, or the machine asleep) `PAUSE` seconds count."""

    PAUSE = 20.0

    def __init__(self, elapsed: float = 0.0) -> None:
        self.elapsed = elapsed
        self.last = time.monotonic()

    def tick(self) -> float:
        """To be called once a step; answers the seconds so far."""
        now = time.monotonic()
        self.elapsed += min(now - self.last, self.PAUSE)
        self.last = now
        return self.elapsed
