"""The same bits twice: seeds, threads and algorithms."""

from __future__ import annotations

import os

import torch

from segmentation.backends import usable_cores, visible_cores


def idle_cores() -> int:
    """How many processor cores nobody else uses now, at least one: threads that wait for a busy core all wait.

    Never more than the container's quota: beyond it the kernel stops all threads for the rest of each period.
    """
    return max(1, min(usable_cores(), visible_cores() - round(os.getloadavg()[0])))


def prepare(seed: int, threads: int, deterministic: bool) -> int:
    """Seeds torch and sets its threads; answers how many.

    Examples have seeds of their own (seed, epoch, step, place), whichever thread or process makes them. Sums depend
    on the number of threads, so a deterministic run has a fixed one (1 where none is given), and torch refuses
    algorithms that are not (https://docs.pytorch.org/docs/stable/notes/randomness.html).
    """
    torch.manual_seed(seed)
    chosen = threads or (1 if deterministic else idle_cores())
    torch.set_num_threads(chosen)
    torch.set_deterministic_debug_mode("error" if deterministic else "default")
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.backends.cudnn.benchmark = False
    return chosen
