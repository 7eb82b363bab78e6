"""One process or several: `torchrun --nproc-per-node N -m training fine-tune …`.

Each process learns from its share of every batch, gradients are averaged by torch's DistributedDataParallel (Li et
al., VLDB 2020), and the first process alone writes and tells. Over NCCL on GPUs, over gloo on processors.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

T = TypeVar("T")


class Maps(nn.Module):
    """A network whose call answers its native maps (see `BASNetSmall.maps`): what DistributedDataParallel wraps."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Sequence[Tensor]:
        """Logits, final first, each where it arises; x: N×3×H×W float32, normalised."""
        maps: Sequence[Tensor] = self.network.maps(x)  # type: ignore[operator]
        return maps


@dataclass(frozen=True)
class World:
    """This process among those that train together."""

    rank: int = 0
    size: int = 1

    @property
    def leader(self) -> bool:
        """Whether this is the one that writes."""
        return self.rank == 0

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """This process's part of them; all parts together are all items."""
        return items[self.rank :: self.size]

    def learner(self, network: nn.Module) -> nn.Module:
        """What a step calls: the network's maps, and a backward pass that averages over all processes."""
        maps = Maps(network)
        if self.size == 1:
            return maps
        return DistributedDataParallel(maps, broadcast_buffers=False, find_unused_parameters=True)

    def total(self, *values: float) -> list[float]:
        """The sums of the numbers over all processes; each process gets the same."""
        if self.size == 1:
            return list(values)
        device = "cuda" if dist.get_backend() == "nccl" else "cpu"
        tensor = torch.tensor(values, dtype=torch.float64, device=device)
        dist.all_reduce(tensor)
        return [float(v) for v in tensor.tolist()]

    def mean(self, value: float) -> float:
        """The mean of a number over all processes."""
        return self.total(value)[0] / self.size

    def wait(self) -> None:
        """Until every process is here."""
        if self.size > 1:
            dist.barrier()


def join(device: str) -> tuple[World, str]:
    """The world `torchrun` put this process into, and its own device ("cuda" becomes "cuda:<local rank>")."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return World(), device
    if not dist.is_initialized():
        dist.init_process_group("nccl" if device == "cuda" else "gloo")
    if device == "cuda":
        device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}"
        torch.cuda.set_device(device)
    return World(dist.get_rank(), size), device


def leave() -> None:
    """Ends the group of processes, if there is one."""
    if dist.is_available() and dist.is_initialized():
        with suppress(RuntimeError):
            dist.destroy_process_group()
