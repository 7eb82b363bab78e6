"""The subject's own colours along its edge, where the photo shows them mixed with the background's.

After Germer et al., "Fast Multi-Level Foreground Estimation" (ICPR 2020): both layers are smooth where the mask
changes, and together show what the photo shows; solved from one pixel up to a small grid. Then one step of Forte's
"Approximate Fast Foreground Colour Estimation" (ICIP 2021) at the photo's own scale, where the mask is soft alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segmentation.mask import Alpha, is_empty
from segmentation.mask.edge import Map, Window, at_pixels, chunks, on_grid, unit, window_of

GRID = 192  # pixels on the subject's longer side, on which the layers are told apart
REGULARISATION = 1e-5
SMALL, MANY, FEW = 32, 10, 2  # steps on the levels of up to 32 pixels, and on the larger ones


def estimate(rgb: NDArray[np.uint8], alpha: Alpha) -> NDArray[np.uint8]:
    """The foreground's colours, H×W×3 uint8, of a photo under a mask of its size.

    They differ from the photo's only where the mask is neither 0 nor 255. The mask itself is never changed.
    """
    if rgb.shape[:2] != alpha.shape:
        raise ValueError(f"The mask has the shape {alpha.shape}, the photo {rgb.shape[:2]}: bring them to one size.")
    if is_empty(alpha):
        return rgb
    window = window_of(alpha, alpha.shape, GRID)
    share, seen = alpha[window.slices], rgb[window.slices]
    mixed = (share > 0) & (share < 255)
    if not mixed.any():
        return rgb
    out = rgb.copy()
    region = out[window.slices]
    found = layers(rgb, alpha, window)
    for rows, columns in chunks(mixed):
        near = at_pixels(found, rows, columns, window.shape)
        part, colour = unit(share[rows, columns])[:, None], unit(seen[rows, columns])
        region[rows, columns] = (corrected(near, part, colour) * 255).round()
    return out


def layers(rgb: NDArray[np.uint8], alpha: Alpha, window: Window) -> Map:
    """Foreground and background around each pixel: h×w×6 in 0..1, on the window's grid.

    From one pixel up to the grid, each level begins with what the coarser one found.
    """
    seen, share = np.moveaxis(on_grid(rgb, window), -1, 0), on_grid(alpha, window)
    found = np.concatenate([mean_colour(seen, share), mean_colour(seen, 1 - share)])[:, None, None]
    for level in range(1, 1 + max(window.grid).bit_length()):
        shape = (min(window.grid[0], 1 << level), min(window.grid[1], 1 << level))
        iterations = FEW if max(shape) > SMALL else MANY
        found = smoothed(nearest(found, shape), nearest(seen, shape), nearest(share, shape), iterations)
    return np.moveaxis(found, 0, -1)


def smoothed(found: Map, seen: Map, share: Map, iterations: int) -> Map:
    """Both layers, 6×h×w, nearer to what was seen and to their neighbours' colours: Jacobi's steps of Germer's cost.

    `seen` is 3×h×w, `share` h×w. Neighbours across which the mask changes must agree most: there the photo alone
    cannot tell the layers apart.
    """
    down = REGULARISATION + np.abs(np.diff(np.pad(share, ((1, 1), (0, 0)), mode="edge"), axis=0))
    along = REGULARISATION + np.abs(np.diff(np.pad(share, ((0, 0), (1, 1)), mode="edge"), axis=1))
    ties = down[:-1] + down[1:] + along[:, :-1] + along[:, 1:]
    rest = 1 - share
    a, b, c = share * share + ties, share * rest, rest * rest + ties
    scale = 1 / (a * c - b * b)
    shown = np.concatenate([share * seen, rest * seen])
    own, other, mine = c * scale, b * scale, a * scale
    for _ in range(iterations):
        near = np.pad(found, ((0, 0), (1, 1), (1, 1)), mode="edge")
        pull = shown + down[:-1] * near[:, :-2, 1:-1]
        pull += down[1:] * near[:, 2:, 1:-1]
        pull += along[:, :-1] * near[:, 1:-1, :-2]
        pull += along[:, 1:] * near[:, 1:-1, 2:]
        front, back = pull[:3], pull[3:]
        found = np.concatenate([own * front - other * back, mine * back - other * front]).clip(0, 1)
    return found


def mean_colour(seen: Map, weight: Map) -> Map:
    """The mean of the colours (3×h×w) where the weight is nearly 1, else of all: 3 values in 0..1."""
    sure = weight > 0.9
    return np.asarray(seen[:, sure].mean(1) if sure.any() else seen.mean((1, 2)))


def corrected(layer: Map, share: Map, seen: Map) -> Map:
    """The foreground, N×3 in 0..1, that together with the background shows what was seen (Forte's equation 7)."""
    front, back = layer[..., :3], layer[..., 3:]
    return np.asarray(np.clip(front + share * (seen - share * front - (1 - share) * back), 0, 1))


def nearest(values: Map, shape: tuple[int, int]) -> Map:
    """…×h×w at another (height, width), the nearest pixel for each."""
    rows = (np.arange(shape[0]) + 0.5) * (values.shape[-2] / shape[0])
    columns = (np.arange(shape[1]) + 0.5) * (values.shape[-1] / shape[1])
    return values[..., rows.astype(np.intp)[:, None], columns.astype(np.intp)]
