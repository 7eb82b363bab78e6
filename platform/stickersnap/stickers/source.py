"""A photo and its mask with as many pixels as a sticker shows, and not many more."""

import math

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


def enough(data: bytes, picture: pictures.Picture, alpha: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """As `scaled`, from what is already decoded of `data` where that shows enough of the subject."""
    shorter = shorter_needed(picture.size, alpha, side)
    if shorter > min(picture.rgb.shape[:2]):
        return scaled(data, picture.size, alpha, side)
    return _together(picture.rgb, alpha, shorter)


def scaled(data: bytes, size: tuple[int, int], alpha: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """The photo in `data` (HxWx3 uint8) and its mask (HxW uint8) at one scale that shows `side` pixels of the subject.

    Raises a segmentation.picture.PictureError.
    """
    shorter = shorter_needed(size, alpha, side)
    return _together(pictures.decode(data, shorter).rgb, alpha, shorter)


def _together(rgb: np.ndarray, alpha: np.ndarray, shorter: int) -> tuple[np.ndarray, np.ndarray]:
    """Both at one scale, with little more than `shorter` pixels on the shorter side."""
    factor = shorter / min(rgb.shape[:2])
    size = rgb.shape[1], rgb.shape[0]
    if factor < WORTHWHILE:
        size = max(1, round(size[0] * factor)), max(1, round(size[1] * factor))
        rgb = np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0))
    return rgb, masks.resized(alpha, size)
