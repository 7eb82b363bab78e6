"""A subject on its canvas, with what is behind it, as a file."""

from __future__ import annotations

import io
import re
import zipfile

import numpy as np
from PIL import Image, ImageColor, ImageFilter, ImageOps

from segmentation import mask as masks
from segmentation import picture as pictures
from stickersnap.api.shapes.layout import Layout
from stickersnap.api.shapes.subject import Subject

Colour = tuple[int, int, int, int]
CLEAR: Colour = (0, 0, 0, 0)
HEX = re.compile(r"[0-9a-fA-F]{3,8}")
SHADOW = 0.4  # opacity
SPREAD = 0.02  # of the subject's longer side: how soft its shadow is, and half of how far it falls
WEBP_SIDE = 16_383
WEBP_QUALITY = 90


def colour(text: str) -> Colour:
    """A colour's name or its hexadecimal digits (3, 4, 6 or 8, with # or without). Raises ValueError."""
    if not 0 < len(text) <= 30:
        raise ValueError(text)
    found = ImageColor.getcolor(f"#{text}" if HEX.fullmatch(text) else text, "RGBA")
    assert isinstance(found, tuple)
    red, green, blue, alpha = found
    return red, green, blue, alpha


def composed(
    subject: Subject, layout: Layout, behind: Colour | Image.Image = CLEAR, *, shadow: bool = False
) -> Image.Image:
    """RGBA of the canvas. A picture behind the subject fills it all, cropped at its middle."""
    cut = subject.cut
    if cut.size != layout.size:  # premultiplied: a transparent pixel's colour must not leak into its neighbours
        cut = cut.convert("RGBa").resize(layout.size, Image.Resampling.LANCZOS).convert("RGBA")
    if isinstance(behind, Image.Image):
        canvas = ImageOps.fit(behind, layout.canvas, Image.Resampling.LANCZOS).convert("RGBA")
    else:
        canvas = Image.new("RGBA", layout.canvas, behind)
    if shadow:
        canvas.alpha_composite(shadow_of(cut, layout))
    canvas.alpha_composite(cut, (layout.left, layout.top))
    return canvas


def shadow_of(cut: Image.Image, layout: Layout) -> Image.Image:
    """A soft shadow that falls a little below the subject, RGBA of the canvas's size."""
    reach = max(1, round(SPREAD * max(cut.size)))
    mask = Image.new("L", layout.canvas)
    mask.paste(cut.getchannel("A").point([round(value * SHADOW) for value in range(256)]), (layout.left, layout.top))
    lowered = Image.new("L", layout.canvas)
    lowered.paste(mask, (0, 2 * reach))
    shadow = Image.new("RGBA", layout.canvas)
    shadow.putalpha(lowered.filter(ImageFilter.GaussianBlur(reach)))
    return shadow


def encoded(image: Image.Image, form: str, channels: str = "rgba") -> tuple[bytes, str]:
    """RGBA as a file and its media type. `form`: auto (png where anything is transparent, else jpg), png, jpg, webp
    or zip (color.jpg and alpha.png); `channels`: rgba, or alpha for the mask alone. Raises ValueError: too long for
    WebP."""
    alpha = np.asarray(image.getchannel("A"))
    if channels == "alpha" and form in ("auto", "png"):
        return masks.encode_png(alpha), "image/png"
    if channels == "alpha":
        image = Image.fromarray(alpha).convert("RGB")
    if form == "zip":
        return zipped(image, alpha), "application/zip"
    if form == "webp":
        return webp(image), "image/webp"
    if form == "jpg" or (form == "auto" and int(alpha.min()) == 255):
        if image.mode == "RGBA":
            white = Image.new("RGBA", image.size, "white")
            white.alpha_composite(image)
            image = white.convert("RGB")
        return pictures.encode_jpeg(image), "image/jpeg"
    return pictures.encode_png(np.asarray(image)), "image/png"


def zipped(image: Image.Image, alpha: np.ndarray) -> bytes:
    """The colours and the mask, each in its file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("color.jpg", pictures.encode_jpeg(image.convert("RGB")))
        archive.writestr("alpha.png", masks.encode_png(alpha))
    return out.getvalue()


def webp(image: Image.Image) -> bytes:
    """A lossy WebP with a lossless mask. Raises ValueError where a side is too long."""
    if max(image.size) > WEBP_SIDE:
        raise ValueError(f"WebP ends at {WEBP_SIDE} pixels a side: take png.")
    out = io.BytesIO()
    image.save(out, "WEBP", quality=WEBP_QUALITY, method=2)
    return out.getvalue()
