"""From a photo to its cut: what serving, tests and training's evaluation call."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from segmentation.transforms import alpha_at, channels_last, network_input
from segmentation.uncertainty import subject_score, uncertainty

if TYPE_CHECKING:
    from segmentation.weights import LoadedWeights

SUBJECT_THRESHOLD = 0.5


class DeviceError(Exception):
    """The device that was asked for is not there; the message says what to do."""


@dataclass(frozen=True)
class Cut:
    """What a network says of a photo: `alpha` is H×W uint8 at the photo's size, the other figures are 0..1.

    `uncertainty` says how far the network's refined and coarse maps disagree.
    """

    alpha: NDArray[np.uint8]
    uncertainty: float
    subject_score: float
    subject_found: bool


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
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise DeviceError("There is no CUDA device here: choose --device cpu or auto.")
    if device not in ("cpu", "cuda"):
        raise DeviceError(f"There is no device {device!r}: choose auto, cpu or cuda.")
    return device


class TorchPredictor:
    """A predictor on torch. Safe to share between threads: one photo at a time is on the device."""

    def __init__(self, loaded: LoadedWeights, device: str = "auto") -> None:
        self.device = choose_device(device)
        self.weights = loaded.sha256
        self.card = loaded.card
        self.network = str(loaded.card["network"])
        self.size = int(loaded.card.get("size", 256))
        self.threshold = float(loaded.card.get("subject_threshold", SUBJECT_THRESHOLD))
        self.module = channels_last(loaded.network.eval()).to(self.device)
        self.lock = threading.Lock()

    @torch.inference_mode()
    def predict(self, rgb: NDArray[np.uint8]) -> Cut:
        """The cut of a photo (H×W×3 uint8 sRGB); ValueError for another shape or dtype."""
        if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or not rgb.size:
            raise ValueError(f"A photo is H×W×3 uint8, this is {rgb.dtype} of shape {rgb.shape}.")
        x = network_input(rgb, self.size)
        with self.lock:
            logits = self.module(x.to(self.device, memory_format=torch.channels_last))[:2]
            refined, coarse = torch.cat(logits)[:, 0].float().sigmoid().cpu()
        maps = refined.numpy(), coarse.numpy()
        score = subject_score(*maps, self.card)
        return Cut(
            alpha=alpha_at(refined, *rgb.shape[:2]),
            uncertainty=uncertainty(*maps),
            subject_score=score,
            subject_found=score >= self.threshold,
        )
