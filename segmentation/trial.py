"""Five photographs whose masks are known: does a set of weights cut them at all?

Not a benchmark: it tells a graph that is fed as it was trained (IoU .6 to .95) from one that is fed otherwise (under
.3). The photographs are in the public domain or CC0, see samples/README.md; the outlines were traced by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segmentation.cut import Predictor
from segmentation.mask import HALF, MaskError, exchange

FOLDER = Path(__file__).parent / "trial"
LEAST = 0.5
"""The mean IoU under which weights are not taken without a word."""

Progress = Callable[[int, int], None]


class UselessError(Exception):
    """The weights do not cut the trial photographs; the message says how well they do and what to try."""


class DamagedTrialError(OSError):
    """A photograph of the trial, or its mask, can't be read: the package is damaged."""


def photographs() -> list[tuple[NDArray[np.uint8], NDArray[np.bool_]]]:
    """Each photograph (H×W×3 uint8) with its subject (H×W bool). Raises DamagedTrialError."""
    pairs = []
    for path in sorted(FOLDER.glob("*.webp")):
        try:
            with Image.open(path) as photo:
                mask = exchange.read(path.with_suffix(".png").read_bytes(), photo.size)
                pairs.append((np.asarray(photo.convert("RGB")), mask >= HALF))
        except (OSError, MaskError) as error:
            raise DamagedTrialError(
                f"{path.name} or its mask is damaged ({error}): install the package anew."
            ) from error
    return pairs


def mean_iou(predictor: Predictor, progress: Progress | None = None) -> float:
    """Mean intersection over union, 0 to 1, of what the predictor cuts out of the photographs."""
    pairs = photographs()
    total = 0.0
    for number, (rgb, truth) in enumerate(pairs, 1):
        cut = predictor.predict(rgb).alpha > 127
        total += float((cut & truth).sum()) / max(1, int((cut | truth).sum()))
        if progress:
            progress(number, len(pairs))
    return total / len(pairs)


def refuse_useless(iou: float, about: str) -> None:
    """Raises UselessError where the weights cut less than LEAST of the photographs."""
    if iou < LEAST:
        raise UselessError(
            f"{about} cuts the five trial photographs with a mean IoU of {iou:.2f}, at least {LEAST:.2f} is expected: "
            "say how it is fed and read (--family, or --size --mean --std --scale --answers --channel), "
            "or take it as it is with --anyway."
        )
