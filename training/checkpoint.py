"""Checkpoints that survive a crash at any moment, and the moving average of the weights."""

from __future__ import annotations

import os
import pickle
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from training.errors import TrainingError, reason


class DamagedCheckpoint(TrainingError):
    """The file is no checkpoint, or not a whole one."""


def save(path: Path, state: dict[str, Any]) -> None:
    """Writes aside, syncs, renames: the path holds the old checkpoint or the new one, never a torn one.

    TrainingError when it cannot be written; nothing half-written stays.
    """
    aside = path.with_suffix(".writing")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except (OSError, RuntimeError) as error:  # torch makes a RuntimeError of a disk that is full
        with suppress(OSError):
            aside.unlink()
        raise TrainingError(
            f"The checkpoint cannot be written to {path.parent} ({reason(error)}): free space there, then --resume."
        ) from error


def load(path: Path) -> dict[str, Any]:
    """The state that `save` wrote; only tensors and plain values are unpickled. DamagedCheckpoint for another file.

    Its parts' checksums are compared first, which torch leaves out.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:
                raise DamagedCheckpoint(f"{path} is damaged: its bytes have changed since it was written.")
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, zipfile.BadZipFile, pickle.UnpicklingError) as error:
        raise DamagedCheckpoint(f"{path} is damaged: it is cut short, or something else.") from error
    if not isinstance(state, dict):
        raise DamagedCheckpoint(f"{path} is no checkpoint.")
    return state


class MovingAverage:
    """Exponential moving average of a network's parameters (Polyak & Juditsky 1992); its buffers are copied."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.state: dict[str, Tensor] = {k: v.detach().clone() for k, v in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """After a step; the first steps count more, so that the average is not the start's for long."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        for key, value in network.state_dict().items():
            if value.is_floating_point():
                self.state[key].lerp_(value, 1 - decay)
            else:
                self.state[key].copy_(value)
