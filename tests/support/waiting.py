"""Waiting for what happens by itself. A loaded machine may take long; nothing here is a bound on speed."""

import time
from collections.abc import Callable
from typing import Any

PATIENCE = 240.0


def wait_for(wanted: Callable[[], Any], what: str = "what was waited for", seconds: float = PATIENCE) -> Any:
    """The first true answer of `wanted`; AssertionError where there is none in so many seconds."""
    end = time.monotonic() + seconds
    pause = 0.01
    while not (answer := wanted()):
        assert time.monotonic() < end, f"{what} did not come about in {seconds:.0f} s"
        time.sleep(pause)
        pause = min(pause * 1.5, 0.2)
    return answer
