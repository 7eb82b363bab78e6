"""The edge of a mask, found in the photo itself: a network draws it at 128 to 320 pixels, a sticker shows it at 512.

Guided filter with a colour guide (He, Sun, Tang, "Guided Image Filtering", TPAMI 2013), its coefficients computed on
a small grid and applied at the photo's own scale ("Fast Guided Filter", 2015), within the band where the network is
unsure alone. numpy and scipy only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from segmentation.mask import VISIBLE, Alpha, crop_box, is_empty, settle

GRID = 256  # pixels on the longer side of the subject, where coefficients are computed
NETWORK = 256  # pixels on a photo's longer side as a network sees it
RADII = (6, 3)  # of those pixels, one pass each: what a network's contour is off by, then what is left
EPSILON = 1e-4  # of the colours' variance (0..1): flatter patches guide nothing
HALVES, SHARPEN = (0.25, 0.75), (0.1, 0.9)  # smoothsteps between the passes and after the last
NEAR = 2  # pixels of the grid: wherever the mask changes this near, it is looked for at the photo's own scale
MARGIN = 0.06  # of the subject's longer side, kept around it
CRUMB, PINHOLE = 0.005, 0.001  # of what is seen: smaller islands beside the subject go, smaller holes in it are filled
LEVELS = ((128, 127), (64, 63), (VISIBLE, 0))  # at which these are looked for, and what is left of them
LOOK = 1024  # pixels on the longer side, about, at which they are counted
CHUNK = 1 << 20  # pixels at once, so that 50 megapixels take no gigabytes

Map = NDArray[np.float32]


@dataclass(frozen=True)
class Window:
    """The part of a photo around its subject, in pixels, and the small grid on which it is looked at."""

    left: int
    top: int
    right: int
    bottom: int
    side: int  # pixels of the grid's longer side, at most

    @property
    def box(self) -> tuple[int, int, int, int]:
        """(left, top, right, bottom), right and bottom exclusive."""
        return self.left, self.top, self.right, self.bottom

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in the photo."""
        return self.bottom - self.top, self.right - self.left

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.top, self.bottom), slice(self.left, self.right)

    @property
    def grid(self) -> tuple[int, int]:
        """(height, width) of the grid."""
        factor = min(1.0, self.side / max(self.shape))
        return max(1, round(self.shape[0] * factor)), max(1, round(self.shape[1] * factor))

    def at(self, side: int) -> Window:
        """The same window with another grid."""
        return replace(self, side=side)


def refine(rgb: NDArray[np.uint8], alpha: Alpha) -> Alpha:
    """A network's mask with its edge where the photo has one: H×W uint8, for a photo of H×W×3 uint8.

    `alpha` is a mask of the whole photo, uint8, at the photo's scale or smaller. The grid on which the edge is looked
    for depends on the subject alone: the photo at another scale gets the same mask at that scale. What a network half
    believes, away from any edge, is settled to yes or no; one half stays one half.
    """
    height, width = rgb.shape[:2]
    out = np.zeros((height, width), np.uint8)
    if is_empty(settle(alpha)):
        return out
    window = window_of(alpha, (height, width))
    guide, seen = on_grid(rgb, window), _alpha_on_grid(alpha, window, (height, width))
    mask = unit(settle(seen))
    zoom = max(window.grid) * max(height, width) / (max(window.shape) * NETWORK)
    for radius in RADII:
        coefficients = guided_coefficients(guide, mask, max(1, round(radius * zoom)), EPSILON)
        mask = smoothstep((coefficients[..., :3] * guide).sum(-1) + coefficients[..., 3], *HALVES)
    region = _resized(mask * 255, window.shape)
    band = _resized(_varied(mask, NEAR) * 255.0, window.shape) > 0
    inside = rgb[window.slices]
    for rows, columns in chunks(band):
        line = at_pixels(coefficients, rows, columns, window.shape)
        value = (line[:, :3] * unit(inside[rows, columns])).sum(1) + line[:, 3]
        region[rows, columns] = (smoothstep(value, *SHARPEN) * 255).round()
    out[window.slices] = tidied(region)
    return out


def tidied(alpha: Alpha) -> Alpha:
    """The mask without the crumbs and pinholes that a photo's grain leaves along an edge, H×W uint8.

    An area opening and closing (Vincent 1993) at a few levels: a soft crumb sinks to where it meets the subject.
    """
    factor = max(1, max(alpha.shape) // LOOK)
    seen = np.asarray(Image.fromarray(alpha).reduce(factor)) if factor > 1 else alpha
    area = np.count_nonzero(seen >= VISIBLE)
    most, least = np.full(seen.shape, 255, np.uint8), np.zeros(seen.shape, np.uint8)
    for level, below in LEVELS:
        most[_smaller(seen >= level, CRUMB * area, np.ones((3, 3), bool))] = below
        least[_smaller(seen <= 255 - level, PINHOLE * area)] = 255 - below
    if factor > 1:
        height, width = alpha.shape
        most, least = (each.repeat(factor, 0).repeat(factor, 1)[:height, :width] for each in (most, least))
    return np.maximum(np.minimum(alpha, most), least)


def guided_coefficients(guide: Map, mask: Map, radius: int, epsilon: float) -> Map:
    """a (3) and b of alpha ≈ a·colour + b around each pixel: h×w×4 for a guide of h×w×3 and a mask of h×w, 0..1.

    Each is the mean over the windows of (2·radius + 1)² pixels that hold the pixel.
    """
    mean, mean_mask = boxed(guide, radius), boxed(mask, radius)
    first, second = np.triu_indices(3)
    products = boxed(guide[..., first] * guide[..., second], radius) - mean[..., first] * mean[..., second]
    covariance = boxed(guide * mask[..., None], radius) - mean * mean_mask[..., None]
    products[..., first == second] += epsilon
    line = np.empty((*mask.shape, 4), np.float32)
    line[..., :3] = solved(products, covariance)
    line[..., 3] = mean_mask - (line[..., :3] * mean).sum(-1)
    return boxed(line, radius)


def solved(matrix: Map, right: Map) -> Map:
    """x of M·x = right, …×3, for symmetric M given as its upper triangle (xx, xy, xz, yy, yz, zz), …×6."""
    xx, xy, xz, yy, yz, zz = np.moveaxis(matrix, -1, 0)
    cofactors = (yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy)
    determinant = xx * cofactors[0] + xy * cofactors[1] + xz * cofactors[2]
    middle, last, corner = xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy
    u, v, w = np.moveaxis(right, -1, 0)
    x = cofactors[0] * u + cofactors[1] * v + cofactors[2] * w
    y = cofactors[1] * u + middle * v + last * w
    z = cofactors[2] * u + last * v + corner * w
    return np.stack([x, y, z], -1) / determinant[..., None]


def boxed(values: Map, radius: int) -> Map:
    """The mean over (2·radius + 1)² pixels, for each channel of h×w or h×w×c."""
    size = 2 * radius + 1
    if values.ndim == 2:
        return np.asarray(ndimage.uniform_filter(values, size, mode="nearest"))
    out = np.empty_like(values)
    for channel in range(values.shape[2]):
        out[..., channel] = ndimage.uniform_filter(values[..., channel], size, mode="nearest")
    return out


def window_of(alpha: Alpha, shape: tuple[int, int], grid: int = GRID) -> Window:
    """Where the subject of a mask is in a photo of `shape` (height, width). MaskError empty_mask without one."""
    across, down = shape[1] / alpha.shape[1], shape[0] / alpha.shape[0]
    left, top, right, bottom = crop_box(alpha)
    margin = MARGIN * max((right - left) * across, (bottom - top) * down) + max(across, down)
    return Window(
        max(0, int(left * across - margin)),
        max(0, int(top * down - margin)),
        min(shape[1], int(np.ceil(right * across + margin))),
        min(shape[0], int(np.ceil(bottom * down + margin))),
        grid,
    )


def on_grid(picture: NDArray[np.uint8], window: Window) -> Map:
    """The window of a photo or its mask on its grid, h×w×3 or h×w in 0..1."""
    image = Image.fromarray(picture).resize(window.grid[::-1], Image.Resampling.BILINEAR, window.box, reducing_gap=2.0)
    return unit(np.asarray(image))


def at_pixels(values: Map, rows: NDArray[np.intp], columns: NDArray[np.intp], shape: tuple[int, int]) -> Map:
    """Values of a grid (h×w×c) at pixels of a picture of `shape` that it covers, bilinear: N×c."""
    y, down, fy = _neighbours(rows, values.shape[0], shape[0])
    x, right, fx = _neighbours(columns, values.shape[1], shape[1])
    flat, width = np.ascontiguousarray(values).reshape(-1, values.shape[2]), values.shape[1]
    upper = flat[y * width + x] * (1 - fx) + flat[y * width + right] * fx
    lower = flat[down * width + x] * (1 - fx) + flat[down * width + right] * fx
    return np.asarray(upper * (1 - fy) + lower * fy)


def chunks(chosen: NDArray[np.bool_]) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """The (rows, columns) of the chosen pixels, a million at a time."""
    rows, columns = np.nonzero(chosen)
    return [(rows[i : i + CHUNK], columns[i : i + CHUNK]) for i in range(0, rows.size, CHUNK)]


def unit(values: NDArray[np.uint8]) -> Map:
    """0..255 as float32 0..1."""
    return values.astype(np.float32) / np.float32(255)


def smoothstep(value: Map, low: float, high: float) -> Map:
    """0 up to `low`, 1 from `high`, smooth between."""
    t = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(t * t * (3 - 2 * t))


def _neighbours(
    index: NDArray[np.intp], grid: int, size: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    place = np.clip((index + 0.5) * (grid / size) - 0.5, 0, grid - 1)
    below = place.astype(np.intp)
    return below, np.minimum(below + 1, grid - 1), (place - below).astype(np.float32)[:, None]


def _alpha_on_grid(alpha: Alpha, window: Window, shape: tuple[int, int]) -> Alpha:
    across, down = alpha.shape[1] / shape[1], alpha.shape[0] / shape[0]
    left, top, right, bottom = window.box
    box = (left * across, top * down, right * across, bottom * down)
    return np.asarray(Image.fromarray(alpha).resize(window.grid[::-1], Image.Resampling.BILINEAR, box))


def _varied(mask: Map, reach: int) -> NDArray[np.bool_]:
    """Where the mask is not the same within `reach` pixels: the band."""
    size = 2 * reach + 1
    return np.asarray(ndimage.maximum_filter(mask, size) - ndimage.minimum_filter(mask, size) > 1 / 64)


def _smaller(inside: NDArray[np.bool_], area: float, neighbours: NDArray[np.bool_] | None = None) -> NDArray[np.bool_]:
    """The patches of fewer than `area` pixels; the largest is never one of them."""
    labels, count = ndimage.label(inside, neighbours)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    small = sizes < min(area, sizes[1:].max(initial=0))
    small[0] = False
    return np.asarray(small[labels])


def _resized(values: NDArray[np.floating], shape: tuple[int, int]) -> NDArray[np.uint8]:
    image = Image.fromarray(values.round().astype(np.uint8))
    return np.array(image.resize(shape[::-1], Image.Resampling.BILINEAR))
