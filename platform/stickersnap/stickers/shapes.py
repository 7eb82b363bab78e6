"""The shapes that a sticker can be cut to: how much room each needs, and where its edge runs."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from segmentation.mask import HALF
from stickersnap.stickers.contour import covered

ROUNDED = 0.04
"""Room on each side of the subject in a rounded rectangle, of its longer side."""
STAMP = 0.035
"""Radius of a stamp's holes, of the subject's longer side."""
PITCH = 2.8
"""From one hole's centre to the next, in radii."""
CORNER = 1 - 1 / math.sqrt(2)
"""How far a circle's corner lies inside its square's, of its radius."""


def room(shape: str, cut: Image.Image) -> tuple[float, float]:
    """Width and height that a shape without any outline takes around an RGBA subject."""
    width, height = cut.size
    longer = max(cut.size)
    if shape == "circle":
        return 2 * reach(cut), 2 * reach(cut)
    beyond = {"rounded": ROUNDED, "stamp": 2 * STAMP}.get(shape, 0.0)
    return width + 2 * beyond * longer, height + 2 * beyond * longer


def reach(cut: Image.Image) -> float:
    """Pixels from an RGBA picture's middle to the farthest corner of what is seen of it."""
    rows, columns = np.nonzero(np.asarray(cut.getchannel("A")) >= HALF)
    if not rows.size:
        return math.hypot(*cut.size) / 2
    x, y = np.abs(columns + 0.5 - cut.width / 2) + 0.5, np.abs(rows + 0.5 - cut.height / 2) + 0.5
    return float(np.sqrt((x * x + y * y).max()))


def drawn(shape: str, size: tuple[int, int], longer: int, outline: float) -> np.ndarray:
    """The share of each pixel that lies within the shape, HxW uint8; it touches all sides of `size` (width, height).

    `longer` is the subject's longer side, `outline` the room around it.
    """
    width, height = size
    across = np.abs(np.arange(width, dtype=np.float32) + 0.5 - width / 2)
    down = np.abs(np.arange(height, dtype=np.float32) + 0.5 - height / 2)[:, None]
    if shape == "circle":
        return covered(np.float32(min(size) / 2) - np.hypot(across, down))
    if shape == "stamp":
        return _stamp(across, down, size, STAMP * longer)
    corner = min((ROUNDED * longer + outline) / CORNER, min(size) / 2)  # the subject's own corner stays inside
    beyond_x = np.maximum(across - np.float32(width / 2 - corner), 0)
    beyond_y = np.maximum(down - np.float32(height / 2 - corner), 0)
    inner = np.minimum(np.minimum(width / 2 - across, height / 2 - down), np.float32(corner))
    depth = np.where((beyond_x > 0) & (beyond_y > 0), np.float32(corner) - np.hypot(beyond_x, beyond_y), inner)
    return covered(depth)


def _stamp(across: np.ndarray, down: np.ndarray, size: tuple[int, int], radius: float) -> np.ndarray:
    """A rectangle with half a hole in its edge again and again, one at each corner."""
    half_width, half_height = size[0] / 2, size[1] / 2

    def to_hole(along: np.ndarray, half: float) -> np.ndarray:
        """How far the nearest hole's centre lies along an edge that is so long."""
        pitch = 2 * half / max(1, round(2 * half / (PITCH * radius)))
        offset = (along + half) % pitch
        return np.asarray(np.minimum(offset, pitch - offset))

    to_side, to_end = half_width - across, half_height - down
    hole = np.minimum(np.hypot(to_side, to_hole(down, half_height)), np.hypot(to_end, to_hole(across, half_width)))
    return covered(np.minimum(np.minimum(to_side, to_end), hole - np.float32(radius)).astype(np.float32))
