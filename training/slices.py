"""Kinds of pictures that must each be cut no worse than before: named by what their true mask looks like."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

SMALL, LARGE = 0.05, 0.4
SIDE = 256
FRINGED = 3.0
"""Contour over that of a disc of the same area, at 256 pixels; about one photo in twenty has more."""
PART = 0.1


def slices_of(mask: NDArray[np.uint8], source: str) -> list[str]:
    """Names of the slices a picture with this true mask (H×W uint8, cut at 128) belongs to.

    Always a source and a size; "edge: fringed" where the contour is much longer than the area asks for;
    "subjects: several" where a second part has at least a tenth of the largest one's area.
    """
    step = max(1, -(-max(mask.shape) // SIDE))
    inside = mask[::step, ::step] >= 128
    area = int(inside.sum())
    share = area / inside.size
    size = "small" if share < SMALL else "large" if share > LARGE else "medium"
    names = [f"source: {source}", f"size: {size}"]
    if not area:
        return [*names[:1], "size: nothing"]
    labels, count = ndimage.label(inside)
    areas = np.bincount(labels.ravel())[1:]
    if count > 1 and np.count_nonzero(areas >= PART * areas.max()) > 1:
        names.append("subjects: several")
    contour = int((inside & ~ndimage.binary_erosion(inside, border_value=1)).sum())
    if contour / np.sqrt(4 * np.pi * area) >= FRINGED:
        names.append("edge: fringed")
    return names
