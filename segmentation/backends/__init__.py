"""What runs a network: torch on CUDA or CPU, onnxruntime, OpenVINO. One protocol, chosen by what is there.

Each module beside this one has two functions, and is imported only when it is asked:
`missing(weights_set) -> str`, why it can't run these weights here and what to do about it ("" where it can), and
`open_backend(weights_set, threads) -> Backend`.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from segmentation import networks

MODULES = {
    "torch-cuda": "torch_cuda",
    "openvino": "openvino",
    "onnxruntime": "onnxruntime",
    "torch-cpu": "torch_cpu",
}
ON_CUDA: tuple[str, ...] = ("torch-cuda",)
ON_CPU: tuple[str, ...] = ("openvino", "onnxruntime", "torch-cpu")
BF16_FLAGS = {"avx512_bf16", "amx_bf16"}
CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")
DRIVER_FILES = ("/dev/nvidiactl", "/dev/dxg")


class DeviceError(Exception):
    """The device or backend that was asked for is not there; the message says what to do."""


class OutOfMemory(Exception):
    """The device has no memory for a batch of this size; a smaller one may fit."""


class DeviceLost(Exception):
    """The device answers no more; only another one will."""


class WeightsSet(Protocol):
    """A set of weights as a backend sees it: see segmentation.weights."""

    @property
    def folder(self) -> Path: ...

    @property
    def sha256(self) -> str: ...

    @property
    def card(self) -> dict[str, Any]: ...

    def form(self, name: str) -> Path | None:
        """The file of another form ("onnx", "int8"), None where there is none."""


class Backend(Protocol):
    """A network on a device. Called by one thread at a time."""

    name: str  # one of MODULES
    device: str  # "cuda" or "cpu"
    size: int  # S, the side of the input
    batch_limit: int  # most pictures in one pass
    half: bool  # does it compute in 16-bit floats?

    def run(self, batch: NDArray[np.uint8]) -> NDArray[np.float32]:
        """N×S×S×3 uint8 sRGB (photos squashed to squares) to N×2×S×S float32 probabilities: refined, coarse.

        0 ≤ N ≤ batch_limit. Normalisation (segmentation.transforms) happens inside. Raises ValueError for another
        shape or dtype, OutOfMemory, DeviceLost.
        """


def choose(
    weights_set: WeightsSet,
    device: str = "auto",
    name: str | None = None,
    threads: int | None = None,
    require_gpu: bool = False,
) -> Backend:
    """The quickest backend that is there for these weights; `name` insists on one, `device` on where it runs.

    `threads` is how many cores one pass may use (None: all this process may). Raises DeviceError.
    """
    reasons = []
    for candidate in candidates(device, name, require_gpu, weights_set.card):
        try:
            return open_backend(candidate, weights_set, threads)
        except DeviceError as error:
            reasons.append(str(error))
    raise DeviceError(" ".join(reasons))


def open_backend(name: str, weights_set: WeightsSet, threads: int | None = None) -> Backend:
    """The backend of that name with these weights. DeviceError where it is not there or not for them."""
    module = import_module(f"segmentation.backends.{MODULES[name]}")
    if reason := module.missing(weights_set):
        raise DeviceError(reason)
    return cast(Backend, module.open_backend(weights_set, threads))


def candidates(
    device: str, name: str | None, require_gpu: bool, card: Mapping[str, Any] | None = None
) -> Sequence[str]:
    """Names of backends to try, best first, for weights with this card.

    DeviceError where the wishes contradict each other or name nothing.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise DeviceError(f"There is no device {device!r}: choose auto, cpu or cuda.")
    if name is not None and name not in MODULES:
        raise DeviceError(f"There is no backend {name!r}: choose one of {', '.join(MODULES)}.")
    wanted = "cuda" if require_gpu and device == "auto" else device
    runs_there = {"auto": tuple(MODULES), "cuda": ON_CUDA, "cpu": ON_CPU}[wanted]
    if require_gpu and wanted == "cpu":
        raise DeviceError("A GPU is required, yet the device asked for is the CPU: take back one of the two.")
    if name and name not in runs_there:
        raise DeviceError(f"The backend {name} does not run on {wanted}: choose another, or device auto.")
    if name:
        return (name,)
    if wanted == "cuda":
        return ON_CUDA
    known = networks.BY_NAME.get(str(card.get("network"))) if card else None
    heavy = known is not None and known.heavy and computes_bf16()
    on_cpu = ("openvino", "torch-cpu", "onnxruntime") if heavy else ON_CPU
    return on_cpu if wanted == "cpu" or not gpu_driver() else ON_CUDA + on_cpu


def gpu_driver() -> bool:
    """Is there a driver of a CUDA device? Asked before torch is imported, which takes seconds and memory."""
    return sys.platform == "win32" or any(Path(file).exists() for file in DRIVER_FILES)


def visible_cores() -> int:
    """Processor cores this process may be scheduled on: its affinity, shared with whatever else runs there."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def usable_cores() -> int:
    """Processor cores this process may keep busy: the visible ones, within its container's quota (cgroup v2)."""
    cores = visible_cores()
    try:
        quota, period = CGROUP_QUOTA.read_text().split()
        return max(1, min(cores, math.ceil(int(quota) / int(period))))
    except (OSError, ValueError):  # no such file outside Linux, "max" without a quota
        return cores


@cache
def computes_bf16() -> bool:
    """Does the processor multiply bfloat16 in hardware? Elsewhere it is only imitated, more slowly."""
    try:
        flags = Path("/proc/cpuinfo").read_text().partition("\nflags")[2].partition("\n")[0]
    except OSError:  # no Linux
        return False
    return not BF16_FLAGS.isdisjoint(flags.split())


def check_batch(backend: Backend, batch: NDArray[np.uint8]) -> None:
    """ValueError unless the batch is N×S×S×3 uint8 with N within the backend's limit."""
    side = backend.size
    if batch.dtype != np.uint8 or batch.shape[1:] != (side, side, 3) or len(batch) > backend.batch_limit:
        raise ValueError(
            f"A batch is N×{side}×{side}×3 uint8, N at most {backend.batch_limit}; this is {batch.dtype} {batch.shape}."
        )
