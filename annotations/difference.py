"""What a correction changed, as a picture."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SIDE = 512
ADDED, REMOVED = (16, 160, 96), (224, 32, 96)


def difference(rgb: NDArray[np.uint8], old: NDArray[np.uint8], new: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The photo, faded to grey, with what was added in green and what was removed in red.

    Takes the photo (HxWx3 uint8) and both masks (HxW uint8); answers hxwx3 uint8, the longer side at most 512 pixels.
    The colour's strength is the change of alpha.
    """
    size = _fitted(rgb.shape[1], rgb.shape[0])
    grey = _resized(rgb, size, "L").astype(np.float32)[..., None] * 0.5 + 96
    change = _resized(new, size, "L").astype(np.float32) - _resized(old, size, "L")
    strength = np.abs(change)[..., None] / 255
    colour = np.where(change[..., None] > 0, np.array(ADDED, np.float32), np.array(REMOVED, np.float32))
    return (grey * (1 - strength) + colour * strength).round().astype(np.uint8)


def _fitted(width: int, height: int) -> tuple[int, int]:
    factor = min(1.0, SIDE / max(width, height))
    return max(1, round(width * factor)), max(1, round(height * factor))


def _resized(pixels: NDArray[np.uint8], size: tuple[int, int], mode: str) -> NDArray[np.uint8]:
    return np.asarray(Image.fromarray(pixels).convert(mode).resize(size, Image.Resampling.BILINEAR))
