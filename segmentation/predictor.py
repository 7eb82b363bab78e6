"""From a photo to its cut: what serving, tests and training's evaluation call."""

from __future__ import annotations

import threading
import time
import weakref
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segmentation.backends import Backend, DeviceError
from segmentation.backends.torch_cpu import TorchCpu
from segmentation.backends.torch_cuda import TorchCuda
from segmentation.cut import Cut, cut_of, squashed
from segmentation.engine import Engine
from segmentation.weights import LoadedWeights


def choose_device(device: str) -> str:
    """ "auto" to "cuda" where there is one, else "cpu". DeviceError for a device that is absent or unknown."""
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise DeviceError("There is no CUDA device here: choose --device cpu or auto.")
    if device not in ("cpu", "cuda"):
        raise DeviceError(f"There is no device {device!r}: choose auto, cpu or cuda.")
    return device


class BackendPredictor:
    """A predictor on a backend. Safe to share between threads: one photo at a time is on the device."""

    def __init__(self, backend: Backend, weights: str, card: dict[str, Any]) -> None:
        self.backend = backend
        self.device = backend.device
        self.weights = weights
        self.card = card
        self.network = str(card["network"])
        self._turn = threading.Lock()

    def predict(self, rgb: NDArray[np.uint8]) -> Cut:
        """The cut of a photo (H×W×3 uint8 sRGB); ValueError for another shape or dtype."""
        picture = squashed(rgb, self.backend.size)
        with self._turn:
            start = time.perf_counter()
            (maps,) = self.backend.run(picture[None])
            network = (time.perf_counter() - start) * 1000
        return cut_of(maps, rgb.shape[0], rgb.shape[1], self.card, {"network": network})


class EnginePredictor:
    """A predictor on an engine: many photos at once, each answered with its own. The engine ends with it."""

    def __init__(self, engine: Engine, weights: str, card: dict[str, Any]) -> None:
        self.engine = engine
        self.weights = weights
        self.card = card
        self.network = str(card["network"])
        weakref.finalize(self, engine.stop).atexit = False  # once the last request that holds this has its answer

    @property
    def device(self) -> str:
        """Where photos are cut now: another device than at first once the engine has lost that."""
        return self.engine.backend.device

    @property
    def backend(self) -> str:
        """Name of the backend that cuts now."""
        return self.engine.backend.name

    def predict(self, rgb: NDArray[np.uint8]) -> Cut:
        """The cut of a photo (H×W×3 uint8 sRGB). Raises ValueError for another shape or dtype, what Engine.run does."""
        answer = self.engine.run(squashed(rgb, self.engine.backend.size))
        timings = {"queue": answer.queue_ms, "network": answer.network_ms}
        return cut_of(answer.maps, rgb.shape[0], rgb.shape[1], self.card, timings)


class TorchPredictor(BackendPredictor):
    """A loaded network on torch, in float32 on a CPU: for training's evaluation and for a card's golden answers."""

    def __init__(self, loaded: LoadedWeights, device: str = "auto") -> None:
        size = int(loaded.card.get("size", 256))
        if choose_device(device) == "cuda":
            super().__init__(TorchCuda(loaded.network, size), loaded.sha256, loaded.card)
        else:
            super().__init__(TorchCpu(loaded.network, size), loaded.sha256, loaded.card)
