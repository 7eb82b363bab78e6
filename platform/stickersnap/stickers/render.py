"""From picture and mask to a sticker: cropped, scaled, outlined."""

import numpy as np
from PIL import Image
from scipy import ndimage

from segmentation import mask as masks

FRINGE = 2
"""Pixels around what is plainly visible that are kept, for the soft rim of an edge."""
OUTLINE_WORK = 1024
"""Longest side, in pixels, at which the outline's distances are computed."""


class NothingToCut(ValueError):
    """The mask shows nothing."""


def crop(rgb: np.ndarray, alpha: np.ndarray) -> Image.Image:
    """The visible part of an HxWx3 uint8 picture under an HxW uint8 alpha, as RGBA. Raises NothingToCut."""
    if masks.is_empty(alpha):
        raise NothingToCut
    left, top, right, bottom = masks.crop_box(alpha, margin=FRINGE)
    cut = Image.fromarray(masks.cutout(rgb[top:bottom, left:right], alpha[top:bottom, left:right]))
    return cut.crop(cut.getchannel("A").getbbox())


def fit(cut: Image.Image, side: int) -> Image.Image:
    """Scales an RGBA picture so that its longer side is `side` pixels, without bleeding colour across its edge."""
    factor = side / max(cut.size)
    size = (max(1, round(cut.width * factor)), max(1, round(cut.height * factor)))
    if size == cut.size:
        return cut
    # Premultiplied ("RGBa"): a transparent pixel's colour must not leak into its neighbours.
    return cut.convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA")


def pad(cut: Image.Image, margin: int) -> Image.Image:
    """The same picture with `margin` transparent pixels on each side."""
    canvas = Image.new("RGBA", (cut.width + 2 * margin, cut.height + 2 * margin))
    canvas.paste(cut, (margin, margin))
    return canvas


def centre(cut: Image.Image, side: int) -> Image.Image:
    """The picture in the middle of a transparent square of `side` pixels."""
    canvas = Image.new("RGBA", (side, side))
    canvas.paste(cut, ((side - cut.width) // 2, (side - cut.height) // 2))
    return canvas


def outlined(cut: Image.Image, width: float) -> Image.Image:
    """A white outline of `width` pixels, anti-aliased, around an RGBA picture that has that much margin."""
    alpha = np.asarray(cut.getchannel("A"))
    halo = Image.fromarray(_dilated(alpha, width))
    backing = Image.new("RGBA", cut.size, (255, 255, 255, 0))
    backing.putalpha(halo)
    return Image.alpha_composite(backing, cut)


def _dilated(alpha: np.ndarray, width: float) -> np.ndarray:
    """HxW uint8 alpha grown by `width` pixels with a one-pixel soft rim, its contour calmer than the subject's."""
    factor = min(1.0, OUTLINE_WORK / max(alpha.shape))
    small = alpha
    if factor < 1.0:
        size = (max(1, round(alpha.shape[1] * factor)), max(1, round(alpha.shape[0] * factor)))
        small = np.asarray(Image.fromarray(alpha).resize(size, Image.Resampling.BILINEAR))
    inside = small >= 128
    if not inside.any():
        return alpha
    distance = _calmed(ndimage.distance_transform_edt(~inside), max(1, round(width * factor)))
    grown = (np.clip(width * factor + 0.5 - distance, 0, 1) * 255).round().astype(np.uint8)
    if factor < 1.0:
        grown = np.asarray(Image.fromarray(grown).resize(alpha.shape[::-1], Image.Resampling.BILINEAR))
    return np.maximum(grown, alpha)


def _calmed(distance: np.ndarray, size: int) -> np.ndarray:
    """The distances averaged over `size` pixels, twice: hair and grain leave no bumps in the outline's contour."""
    for _ in range(2):
        distance = ndimage.uniform_filter(distance, size, output=np.float32, mode="nearest")
    return distance
