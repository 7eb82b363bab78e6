"""Kinds of pictures that must each be cut no worse than before: named by how they and their true masks look."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

SMALL, LARGE = 0.05, 0.4
SIDE = 256
HAIR_LIKE = 3.0
"""Contour over that of a disc of the same area, at 256 pixels; about one photo in twenty has more."""
PART = 0.1
DARK = 60
"""Mean luma (ITU-R BT.601, 0..255) below which a photo counts as dark: evenings, nights, black backdrops."""
LUMA = np.array((0.299, 0.587, 0.114))


def slices_of(mask: NDArray[np.uint8], source: str, rgb: NDArray[np.uint8] | None = None) -> list[str]:
    """Names of the slices a picture (H×W×3 uint8) with this true mask (H×W uint8, cut at 128) belongs to.

    Always a source and a size; "edge: hair-like" where the contour is much longer than the area asks for;
    "subjects: several" where a second part has at least a tenth of the largest one's area; "subject: at the border"
    where the picture cuts it off; "light: dark" where the photo is.
    """
    step = max(1, -(-max(mask.shape) // SIDE))
    inside = mask[::step, ::step] >= 128
    area = int(inside.sum())
    share = area / inside.size
    size = "small" if share < SMALL else "large" if share > LARGE else "medium"
    names = [f"source: {source}", f"size: {size}" if area else "size: nothing"]
    if rgb is not None and float((rgb[::step, ::step] @ LUMA).mean()) < DARK:
        names.append("light: dark")
    if not area:
        return names
    labels, count = ndimage.label(inside)
    areas = np.bincount(labels.ravel())[1:]
    if count > 1 and np.count_nonzero(areas >= PART * areas.max()) > 1:
        names.append("subjects: several")
    if inside[0].any() or inside[-1].any() or inside[:, 0].any() or inside[:, -1].any():
        names.append("subject: at the border")
    contour = int((inside & ~ndimage.binary_erosion(inside, border_value=1)).sum())
    if contour / np.sqrt(4 * np.pi * area) >= HAIR_LIKE:
        names.append("edge: hair-like")
    return names
