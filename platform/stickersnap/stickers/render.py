"""From picture and mask to a sticker: cropped, scaled, outlined."""

import numpy as np
from PIL import Image

from segmentation import mask as masks
from stickersnap.stickers.contour import Sides, halo

FRINGE = 2
"""Pixels around what is plainly visible that are kept, for the soft rim of an edge."""
NOWHERE: Sides = (False, False, False, False)


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


def outlined(cut: Image.Image, width: float, cut_off: Sides = NOWHERE) -> Image.Image:
    """An RGBA picture on a white outline of `width` pixels, anti-aliased; it has that much margin.

    Nothing shows beyond the outline. `cut_off`: the sides of the subject that lie at the photo's border.
    """
    pixels = np.asarray(cut)
    around = halo(pixels[..., 3], width, cut_off)
    backed = Image.new("RGB", cut.size, "white")
    backed.paste(cut.convert("RGB"), mask=cut.getchannel("A"))
    backed.putalpha(Image.fromarray(around))
    return backed


def at_border(alpha: np.ndarray) -> Sides:
    """Left, top, right, bottom: does the border of an HxW uint8 mask's photo cut the subject off there?"""
    left, top, right, bottom = (
        bool((line >= masks.HALF).any()) for line in (alpha[:, 0], alpha[0], alpha[:, -1], alpha[-1])
    )
    return left, top, right, bottom
