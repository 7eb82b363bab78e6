"""The contour of a die-cut sticker: so far around its subject, with notches closed and corners rounded.

Distances are exact to a tenth of a pixel: squared ones, least first down the columns, then along the rows (Felzenszwalb
and Huttenlocher, 2012), with the place of the edge beside the nearest pixel in the lowest bits. They are looked for as
far as the outline lies alone.
"""

import functools
import math

import numpy as np
from PIL import Image
from scipy import ndimage

from segmentation.mask import HALF

REACH = 15
"""Pixels at most, at the scale where distances are looked for: squares and places then fit into 16 bits."""
FAR = np.uint16(32_767)
STEPS = 126  # of an edge's place between the centres of two pixels: the middle is one of them
PLACES = 128  # what these take of a key
CALM = 7 / 8
"""The radius, in widths of the outline, of the smallest bay its contour has."""
ROUND = 3 / 4
"""By how many widths rounder the contour's corners are where the photo's border cuts the subject off."""
Sides = tuple[bool, bool, bool, bool]
"""Left, top, right, bottom: where the photo's border cuts the subject off."""


def halo(alpha: np.ndarray, width: float, cut_off: Sides = (False, False, False, False)) -> np.ndarray:
    """The share of each pixel that lies within the contour, HxW uint8, for an HxW uint8 alpha with as much margin.

    The contour is `width` pixels from the subject (where alpha is at least one half), farther in bays. Where the
    photo's border cuts the subject off, its corners are rounder.
    """
    most = int(alpha.max())
    if most < HALF:
        alpha = np.asarray(alpha.astype(np.uint16) * 255 // max(1, most)).astype(np.uint8)
    factor = min(1.0, REACH / ((1 + CALM) * width))
    margin = math.ceil(width * CALM + 2 / factor)  # so that there is an outside on every side
    alpha = np.pad(alpha, margin)
    size = max(1, round(alpha.shape[1] * factor)), max(1, round(alpha.shape[0] * factor))
    small = alpha if factor == 1 else np.asarray(Image.fromarray(alpha).resize(size, Image.Resampling.BOX))
    near = width * factor
    calm = round(near * (1 + CALM)) - near  # whole pixels in all: distances are taken twice, and exact for these
    around = grown(rounded(small, ROUND * near, cut_off), near + calm)
    # Averaged as far as distances grow evenly, over an odd number of pixels: fur's bumps go, straight edges stay.
    depths = ndimage.uniform_filter(distance(255 - around), 2 * math.floor(calm / 2) + 1, mode="nearest")
    inside = depths - np.float32(calm)
    if factor < 1:
        inside = np.asarray(Image.fromarray(inside).resize(alpha.shape[::-1], Image.Resampling.BILINEAR))
    return covered(inside[margin:-margin, margin:-margin] / np.float32(factor))


def grown(alpha: np.ndarray, radius: float) -> np.ndarray:
    """What lies at most `radius` pixels from the half that is covered, HxW uint8."""
    return covered(np.float32(radius) - distance(alpha))


def covered(depth: np.ndarray) -> np.ndarray:
    """The share of pixels whose centres lie this deep inside an edge, as uint8."""
    return np.asarray((np.clip(depth + np.float32(0.5), 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8))


def distance(alpha: np.ndarray) -> np.ndarray:
    """Pixels from each pixel's centre to where the alpha is one half: float32, below 0 inside, REACH + 1 if far."""
    inside = alpha >= HALF
    nearest = np.where(inside, np.uint16(0), FAR)
    edge = np.nonzero(inside & _beside(~inside))
    nearest[edge] = STEPS - (np.minimum(_depths(alpha, *edge), 1) * STEPS).round()
    for axis in (0, 1):
        nearest = _least(nearest, axis)
    return _lengths()[np.minimum(nearest, FAR)]


def _beside(chosen: np.ndarray) -> np.ndarray:
    """The pixels that have a chosen one above, below, left or right."""
    out = np.zeros_like(chosen)
    for target, source in ((out, chosen), (out.T, chosen.T)):
        target[1:] |= source[:-1]
        target[:-1] |= source[1:]
    return out


def _depths(alpha: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """How deep the centres of these pixels lie inside the edge."""
    around = np.pad(alpha, 1, mode="edge").astype(np.float32) / np.float32(255)
    own = around[rows + 1, columns + 1]
    across = np.minimum(around[rows + 1, columns], around[rows + 1, columns + 2])
    down = np.minimum(around[rows, columns + 1], around[rows + 2, columns + 1])
    return np.asarray(1 / np.hypot(_nearness(own, across), _nearness(own, down)))


def _nearness(own: np.ndarray, beside: np.ndarray) -> np.ndarray:
    """One over the distance to the edge towards a neighbour: 0 if that is no less.

    A sharp edge is where the pixels' covered shares end, a soft one where the line between their values is one half.
    """
    slope = own - beside
    depth = np.where(slope > 0.5, own - 0.5 + beside, (own - 0.5) / np.maximum(slope, 1e-3))
    return np.where(slope > 0, 1 / np.maximum(depth, 1e-3), 0)


def rounded(alpha: np.ndarray, radius: float, sides: Sides) -> np.ndarray:
    """The alpha with its corners at these sides rounded: opened by a disc, no farther from the side than its radius."""
    if not any(sides):
        return alpha
    rows, columns = (np.flatnonzero((alpha >= HALF).any(axis)) for axis in (1, 0))
    alpha, reach = alpha.copy(), int(radius)
    ends = (columns[0], rows[0], alpha.shape[1] - 1 - columns[-1], alpha.shape[0] - 1 - rows[-1])
    for side, end in zip(range(4), ends, strict=True):
        if sides[side]:
            strip = (alpha.T, alpha, alpha.T[::-1], alpha[::-1])[side][max(0, end - 1) : end + 4 * reach]
            eroded = 255 - grown(255 - np.pad(strip, ((reach, 0), (0, 0))), radius)
            opened = grown(eroded, radius)[reach:] if (eroded >= HALF).any() else np.zeros_like(strip)
            edge = slice(0, reach + 1)
            strip[edge] = np.minimum(strip[edge], opened[edge])
    return alpha


def _least(keys: np.ndarray, axis: int) -> np.ndarray:
    """The least of each key and those up to REACH away, with the square of how far; added in the upper bits."""
    out, line = keys.copy(), np.empty_like(keys)
    source, target, spare = (np.moveaxis(each, axis, 0) for each in (keys, out, line))
    for step in range(1, min(REACH, len(source) - 1) + 1):
        farther = np.add(source, np.uint16(step * step * PLACES), out=spare)
        np.minimum(target[step:], farther[:-step], out=target[step:])
        np.minimum(target[:-step], farther[step:], out=target[:-step])
    return out


@functools.cache
def _lengths() -> np.ndarray:
    keys = np.arange(int(FAR) + 1)
    lengths = np.sqrt(keys // PLACES) - (1 - keys % PLACES / STEPS)
    lengths[-1] = REACH + 1
    return lengths.astype(np.float32)
