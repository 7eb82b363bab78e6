"""Masks drawn so small that all of an installation's fit into memory: what the trust in their authors is judged by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import fft

SIDE = 32
BYTES = 2 * SIDE * SIDE
PART = 512  # sketches that are computed with at a time
FITTING = 0.85  # what fits so well can't be found to fit better elsewhere by 0.15, which `suspicion` asks for

Sketches = NDArray[np.float32]


def draw(mask: NDArray[np.uint8], predicted: NDArray[np.uint8]) -> bytes:
    """A person's mask and the one it started from (H×W uint8 each), averaged down to 32×32: 2 × 1024 bytes."""
    return _small(mask) + _small(predicted)


def _small(alpha: NDArray[np.uint8]) -> bytes:
    return Image.fromarray(alpha).resize((SIDE, SIDE), Image.Resampling.BOX).tobytes()


def read(drawn: Sequence[bytes]) -> tuple[Sketches, Sketches]:
    """What `draw` made: masks and predictions, each N×32×32 float32 in 0..1."""
    both = np.empty((len(drawn), 2, SIDE, SIDE), np.float32)
    for place, one in enumerate(drawn):
        both[place] = np.frombuffer(one, np.uint8).reshape(2, SIDE, SIDE)
    both /= 255
    return both[:, 0], both[:, 1]


def in_parts(measure: Callable[..., NDArray[Any]], *all_of_them: Sketches) -> NDArray[Any]:
    """`measure` of so many sketches at a time that what it computes on the way stays small."""
    count = len(all_of_them[0])
    parts = [measure(*(some[start : start + PART] for some in all_of_them)) for start in range(0, count, PART)]
    return np.concatenate(parts) if parts else measure(*all_of_them)


def soft_iou(a: Sketches, b: Sketches) -> NDArray[np.float32]:
    """Σ min / Σ max over the last two axes, 0..1; 1 where both are empty."""
    return in_parts(_soft_iou, a, b)


def _soft_iou(a: Sketches, b: Sketches) -> NDArray[np.float32]:
    union = np.maximum(a, b).sum((-2, -1))
    return np.where(union > 0, np.minimum(a, b).sum((-2, -1)) / np.maximum(union, 1e-6), 1).astype(np.float32)


def area(a: Sketches) -> NDArray[np.float32]:
    """The share of the picture that is subject, 0..1."""
    return a.mean((-2, -1))


def shifts(a: Sketches, b: Sketches) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """How far `a` (N×32×32) lies from where it fits `b` best, in shares of a side, and the soft IoU there.

    The best of all whole-cell translations by cross-correlation; what leaves the picture is lost. 0 and 1 for those
    that fit well (IoU of FITTING or more) where they are.
    """
    far, fit = np.zeros(len(a), np.float32), np.ones(len(a), np.float32)
    away = np.flatnonzero(soft_iou(a, b) < FITTING)
    for start in range(0, len(away), PART):
        part = away[start : start + PART]
        far[part], fit[part] = _shifts(a[part], b[part])
    return far, fit


def _shifts(a: Sketches, b: Sketches) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    size = (2 * SIDE, 2 * SIDE)
    together = fft.irfft2(fft.rfft2(a, size).conj() * fft.rfft2(b, size), size)
    best = together.reshape(len(a), -1).argmax(1)
    offsets = np.stack(np.unravel_index(best, size), 1)
    offsets = np.where(offsets > SIDE, offsets - 2 * SIDE, offsets)
    moved = np.stack([_moved(mask, int(dy), int(dx)) for mask, (dy, dx) in zip(a, offsets, strict=True)])
    kept = np.stack([_moved(np.ones_like(mask), int(dy), int(dx)) for mask, (dy, dx) in zip(a, offsets, strict=True)])
    return (np.abs(offsets).max(1) / SIDE).astype(np.float32), soft_iou(moved, b * kept)


def _moved(mask: Sketches, dy: int, dx: int) -> Sketches:
    out = np.zeros_like(mask)
    y, x = max(0, dy), max(0, dx)
    height, width = SIDE - abs(dy), SIDE - abs(dx)
    if height > 0 and width > 0:
        out[y : y + height, x : x + width] = mask[max(0, -dy) :, max(0, -dx) :][:height, :width]
    return out
