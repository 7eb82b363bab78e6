"""From picture and mask to a sticker: cropped, turned, scaled, outlined or cut to a shape, with its shadow."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from segmentation import mask as masks
from stickersnap.stickers import shapes
from stickersnap.stickers.contour import Sides, halo
from stickersnap.stickers.style import Style
from stickersnap.validate.limits import Target

FRINGE = 2
"""Pixels around what is plainly visible that are kept, for the soft rim of an edge."""
NOWHERE: Sides = (False, False, False, False)
UNIT = 512
"""Pixels of the sticker in which a style's lengths are given."""
SHADE = 0.45
"""How dark a shadow is under the middle of the sticker."""


class NothingToCut(ValueError):
    """The mask shows nothing."""


@dataclass(frozen=True)
class Frame:
    """Where a sticker lies: the canvas and the sticker's own part of it, in whole pixels (width, height)."""

    canvas: tuple[int, int]
    subject: tuple[int, int]
    whole: tuple[int, int]
    outline: int
    shadow: int
    at: tuple[int, int]


def rendered(rgb: np.ndarray, alpha: np.ndarray, style: Style, target: Target) -> Image.Image:
    """The sticker of an HxWx3 uint8 picture under an HxW uint8 alpha, RGBA, as large as the target takes.

    Raises NothingToCut.
    """
    cut, cut_off = turned(crop(rgb, alpha), at_border(alpha), style)
    frame = framed(cut, style, target)
    whole = dressed(scaled(cut, frame.subject), frame, style, cut_off)
    canvas = Image.new("RGBA", frame.canvas)
    canvas.paste(whole, frame.at)
    return canvas


def framed(cut: Image.Image, style: Style, target: Target) -> Frame:
    """How large the subject and everything around it become, and where they lie."""
    box = target.box
    inner = box[0] - 2 * target.margin, box[1] - 2 * target.margin
    side = min(max(box), max(cut.size)) if target.within else max(box)
    outline, shadow = _pixels(style.outline, side), _pixels(style.shadow, side)
    beyond, taken = 2 * (outline + shadow), shapes.room(style.shape, cut)
    most = min((inner[0] - beyond) / taken[0], (inner[1] - beyond) / taken[1])
    most = min(1.0, most) if target.within else most

    def sizes(factor: float) -> tuple[tuple[int, int], tuple[int, int]]:
        subject, around = (tuple(max(1, round(factor * length)) for length in size) for size in (cut.size, taken))
        return (subject[0], subject[1]), (around[0] + beyond, around[1] + beyond)

    subject, whole = sizes(most * style.scale)
    canvas = target.exact or _hugging(sizes(most)[1], target)
    free = canvas[0] - 2 * target.margin - whole[0], canvas[1] - 2 * target.margin - whole[1]
    at = target.margin + round(free[0] * (1 + style.x) / 2), target.margin + round(free[1] * (1 + style.y) / 2)
    return Frame(canvas, subject, whole, outline, shadow, at)


def _pixels(length: float, side: int) -> int:
    """A style's length on a sticker with so many pixels: whole, and none only where none is asked for."""
    return max(1, round(length * side / UNIT)) if length else 0


def _hugging(whole: tuple[int, int], target: Target) -> tuple[int, int]:
    """The canvas of a target that asks for none: the sticker and the margin, on an even number of pixels if need be."""
    width, height = (length + 2 * target.margin for length in whole)
    return (width + width % 2, height + height % 2) if target.even else (width, height)


def dressed(cut: Image.Image, frame: Frame, style: Style, cut_off: Sides = NOWHERE) -> Image.Image:
    """An RGBA subject of the frame's size in the middle of `frame.whole`, with its outline, shape and shadow."""
    canvas = Image.new("RGBA", frame.whole)
    canvas.paste(cut, ((frame.whole[0] - cut.width) // 2, (frame.whole[1] - cut.height) // 2))
    if style.shape != "none":
        inner = frame.whole[0] - 2 * frame.shadow, frame.whole[1] - 2 * frame.shadow
        shape = np.pad(shapes.drawn(style.shape, inner, max(cut.size), frame.outline), frame.shadow)
        canvas = backed(canvas, shape, style.colour)
    elif frame.outline:
        canvas = outlined(canvas, frame.outline, cut_off, style.colour)
    return shaded(canvas, frame.shadow) if frame.shadow else canvas


def crop(rgb: np.ndarray, alpha: np.ndarray) -> Image.Image:
    """The visible part of an HxWx3 uint8 picture under an HxW uint8 alpha, as RGBA. Raises NothingToCut."""
    if masks.is_empty(alpha):
        raise NothingToCut
    left, top, right, bottom = masks.crop_box(alpha, margin=FRINGE)
    cut = Image.fromarray(masks.cutout(rgb[top:bottom, left:right], alpha[top:bottom, left:right]))
    return cut.crop(cut.getchannel("A").getbbox())


def turned(cut: Image.Image, cut_off: Sides, style: Style) -> tuple[Image.Image, Sides]:
    """An RGBA picture flipped, then turned, and the sides of it where the photo ended, if they are sides still."""
    if style.flip:
        cut = cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        left, top, right, bottom = cut_off
        cut_off = right, top, left, bottom
    quarters, rest = divmod(style.rotate % 360, 90)
    for _ in range(int(quarters)):
        cut = cut.transpose(Image.Transpose.ROTATE_270)
        cut_off = cut_off[-1:] + cut_off[:-1]  # what was at the bottom is at the left
    if rest:
        cut = cut.convert("RGBa").rotate(-rest, Image.Resampling.BICUBIC, expand=True).convert("RGBA")
        cut, cut_off = cut.crop(cut.getchannel("A").getbbox()), NOWHERE
    return cut, cut_off


def scaled(cut: Image.Image, size: tuple[int, int]) -> Image.Image:
    """An RGBA picture at another size (width, height), without bleeding colour across its edge."""
    if size == cut.size:
        return cut
    # Premultiplied ("RGBa"): a transparent pixel's colour must not leak into its neighbours.
    return cut.convert("RGBa").resize(size, Image.Resampling.LANCZOS).convert("RGBA")


def outlined(cut: Image.Image, width: float, cut_off: Sides = NOWHERE, colour: str = "#ffffff") -> Image.Image:
    """An RGBA picture on an outline of `width` pixels, anti-aliased; it has that much margin.

    Nothing shows beyond the outline. `cut_off`: the sides of the subject that lie at the photo's border.
    """
    return backed(cut, halo(np.asarray(cut)[..., 3], width, cut_off), colour)


def backed(cut: Image.Image, around: np.ndarray, colour: str) -> Image.Image:
    """An RGBA picture on a colour as far as `around` (HxW uint8) goes, and nothing beyond."""
    ground = Image.new("RGB", cut.size, colour)
    ground.paste(cut.convert("RGB"), mask=cut.getchannel("A"))
    ground.putalpha(Image.fromarray(around))
    return ground


def shaded(cut: Image.Image, shadow: int) -> Image.Image:
    """An RGBA picture on its own shadow, which reaches `shadow` pixels at most; it has that much margin."""
    fall = shadow / 4
    blurred = cut.getchannel("A").filter(ImageFilter.GaussianBlur((shadow - fall) / 3))
    dark = Image.new("L", cut.size)
    dark.paste(blurred.point(lambda value: value * SHADE), (0, round(fall)))
    ground = Image.new("RGBA", cut.size)
    ground.putalpha(dark)
    return Image.alpha_composite(ground, cut)


def at_border(alpha: np.ndarray) -> Sides:
    """Left, top, right, bottom: does the border of an HxW uint8 mask's photo cut the subject off there?"""
    left, top, right, bottom = (
        bool((line >= masks.HALF).any()) for line in (alpha[:, 0], alpha[0], alpha[:, -1], alpha[-1])
    )
    return left, top, right, bottom
