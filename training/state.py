"""Where a fine-tuning run stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from training import checkpoint
from training.errors import TrainingError

PLAIN = ("epoch", "step", "losses", "elapsed", "best_iou", "best_epoch", "best", "history", "mlflow_run_id")


@dataclass
class State:
    """All that a checkpoint holds besides the fingerprint of its run: data, base and settings.

    `epoch` counts whole epochs, `step` the steps of the one under way and `losses` are theirs.
    """

    network: nn.Module
    optimizer: torch.optim.Optimizer
    average: checkpoint.MovingAverage
    epoch: int = 0
    step: int = 0
    losses: list[float] = field(default_factory=list)
    elapsed: float = 0.0
    best_iou: float = -1.0
    best_epoch: int = 0
    best: dict[str, Tensor] = field(default_factory=dict)
    history: list[dict[str, float]] = field(default_factory=list)
    mlflow_run_id: str | None = None

    def save(self, path: Path, fingerprint: str) -> None:
        """Writes the checkpoint whole or not at all."""
        parts = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state,
            "updates": self.average.updates,
            "plain": {name: getattr(self, name) for name in PLAIN},
        }
        checkpoint.save(path, {"fingerprint": fingerprint, **parts})

    def restore(self, path: Path, fingerprint: str) -> None:
        """Takes up the checkpoint. TrainingError when it is of another run, DamagedCheckpoint when it is not whole."""
        saved = checkpoint.load(path)
        if not {"fingerprint", "network", "optimizer", "average", "updates", "plain"} <= saved.keys():
            raise checkpoint.DamagedCheckpoint(f"{path} is no checkpoint of a fine-tuning run.")
        if saved["fingerprint"] != fingerprint:
            raise TrainingError(f"{path} is of other data, base or settings: repeat them, or start without --resume.")
        self.network.load_state_dict(saved["network"])
        self.optimizer.load_state_dict(saved["optimizer"])
        device = next(self.network.parameters()).device
        self.average.state = {key: value.to(device) for key, value in saved["average"].items()}
        self.average.updates = saved["updates"]
        for name, value in saved["plain"].items():
            setattr(self, name, value)
