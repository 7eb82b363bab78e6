"""What a network says of a photo, and what answers it: `Cut` and `Predictor`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from segmentation.transforms import alpha_at, resize
from segmentation.uncertainty import subject_score, uncertainty

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
