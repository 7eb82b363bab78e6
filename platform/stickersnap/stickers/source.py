"""A photo and its mask with as many pixels as a sticker shows, and not many more."""

import math
from collections.abc import Callable

import numpy as np
from PIL import Image

from segmentation import mask as masks
from segmentation import picture as pictures

WORTHWHILE = 0.8
"""Scale below which shrinking a photo costs less than it saves afterwards."""


def shorter_needed(size: tuple[int, int], alpha: np.ndarray, side: int) -> int:
    """Pixels on a photo's shorter side that leave the subject `side` pixels on its longer one.

    `size` is the photo's (width, height), `alpha` an HxW uint8 mask of all of it, at any scale. Never more than
    there are; for an empty mask as many as there are.
    """
    if masks.is_empty(alpha):
        return min(size)
    left, top, right, bottom = masks.crop_box(alpha)
    longer = max((right - left) * size[0] / alpha.shape[1], (bottom - top) * size[1] / alpha.shape[0])
    return min(min(size), math.ceil(min(size) * side / longer))


def scaled(
    read: Callable[[], bytes],
    size: tuple[int, int],
    alpha: np.ndarray,
    side: int,
    decoded: Image.Image | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """A photo (HxWx3 uint8) and its mask (HxW uint8) at one scale that shows `side` pixels of the subject.

    `size` is the photo's own (width, height). What is already `decoded` of it (RGB) is taken where it has enough
    pixels, else the file is read. Raises a segmentation.picture.PictureError.
    """
    shorter = shorter_needed(size, alpha, side)
    if decoded is None or min(decoded.size) < shorter:
        decoded = pictures.decode(read(), shorter).image
    factor = shorter / min(decoded.size)
    if factor < WORTHWHILE:
        smaller = max(1, round(decoded.width * factor)), max(1, round(decoded.height * factor))
        # Averaged over whole pixels first: nothing to see of it (1.2 levels of 255 instead of 1.0), in half the time.
        decoded = decoded.resize(smaller, Image.Resampling.LANCZOS, reducing_gap=1.1)
    return np.asarray(decoded), masks.resized(alpha, decoded.size)
