"""From a photo to its cut: what serving, tests and training's evaluation call."""

from __future__ import annotations

import tempfile
import threading
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from segmentation.backends import Backend, DeviceError, choose
from segmentation.engine import Engine
from segmentation.transforms import alpha_at, resize
from segmentation.uncertainty import subject_score, uncertainty

if TYPE_CHECKING:
    from segmentation.weights import LoadedWeights, WeightsSet

SUBJECT_THRESHOLD = 0.5


@dataclass(frozen=True)
class Cut:
    """What a network says of a photo: `alpha` is H×W uint8 at the photo's size, the other figures are 0..1.

    `uncertainty` says how far the network's refined and coarse maps disagree. `timings` are milliseconds by stage:
    queue (waited for the device) and network.
    """

    alpha: NDArray[np.uint8]
    uncertainty: float
    subject_score: float
    subject_found: bool
    timings: Mapping[str, float] = field(default_factory=dict)


class Predictor(Protocol):
    """Cuts photos; whoever calls it sees no tensor and no device."""

    @property
    def weights(self) -> str:
        """sha256 of the weights."""

    @property
    def network(self) -> str:
        """The network's name."""

    @property
    def device(self) -> str:
        """ "cpu" or "cuda"."""

    @property
    def card(self) -> dict[str, Any]:
        """The weights' card."""

    def predict(self, rgb: NDArray[np.uint8]) -> Cut:
        """The cut of a photo, H×W×3 uint8 sRGB."""


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


def squashed(rgb: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """A photo (H×W×3 uint8 sRGB) as a backend's input, size×size×3; ValueError for another shape or dtype."""
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or not rgb.size:
        raise ValueError(f"A photo is H×W×3 uint8, this is {rgb.dtype} of shape {rgb.shape}.")
    return resize(rgb, size)


def cut_of(
    maps: NDArray[np.float32], height: int, width: int, card: Mapping[str, Any], timings: Mapping[str, float]
) -> Cut:
    """What the two maps (2×S×S probabilities: refined, coarse) say of a photo of this height and width."""
    refined, coarse = maps
    score = subject_score(refined, coarse, card)
    return Cut(
        alpha=alpha_at(refined, height, width),
        uncertainty=uncertainty(refined, coarse),
        subject_score=score,
        subject_found=score >= float(card.get("subject_threshold", SUBJECT_THRESHOLD)),
        timings=timings,
    )


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
            from segmentation.backends.torch_cuda import TorchCuda

            super().__init__(TorchCuda(loaded.network, size), loaded.sha256, loaded.card)
        else:
            from segmentation.backends.torch_cpu import TorchCpu

            super().__init__(TorchCpu(loaded.network, size), loaded.sha256, loaded.card)


def open_predictor(where: str | Path, store: Path | None = None, device: str = "auto") -> Predictor:
    """A predictor on the quickest backend, of a set of weights (see weights.find) or of one file of weights alone.

    Raises weights.WeightsError, DeviceError.
    """
    from segmentation import weights

    path = weights.find(where, store)
    if path.suffix == ".pth":
        return TorchPredictor(weights.load(path), device)
    if path.is_dir() or (path.parent / weights.CARD).exists():
        return chosen(weights.inspect(path), device)
    from segmentation.convert import convert

    with tempfile.TemporaryDirectory() as aside:
        return chosen(convert(path, Path(aside)), device)


def chosen(found: WeightsSet, device: str) -> BackendPredictor:
    return BackendPredictor(choose(found, device), found.sha256, found.card)
