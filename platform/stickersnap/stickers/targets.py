"""What each target accepts, and how a sticker is made to fit it.

WhatsApp: WhatsApp/stickers @ 06144a1 (2025-11): exactly 512×512 WebP, 100 KB read as 100,000 bytes, 16 px clear
margin, 8 px white stroke. Telegram: core.telegram.org/stickers: PNG or WebP, one side exactly 512, ≤ 512,000 bytes.
"""

import bisect
import functools
import io
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from segmentation import picture as pictures
from stickersnap.stickers import render
from stickersnap.stickers.contour import Sides

WHATSAPP_BYTES = 100_000
TELEGRAM_BYTES = 512_000
SIDE = 512
CLEAR_MARGIN = 16
OUTLINE = 8
PNG_SIDE = 2048
SIDES = {"png": PNG_SIDE, "whatsapp": SIDE, "telegram": SIDE}
"""Pixels on the longer side of each target's sticker."""
# WebP's methods for lossless files, the quickest first, and how many times the limit a file may be at most for the
# next to be worth its time: it would save no more. The pixels are the same.
LOSSLESS = ((0, 1.6), (1, 1.12), (4, 0.0))
QUALITIES = (95, 90, 85, 80, 70, 60, 50, 40, 30, 20, 10)


@dataclass(frozen=True)
class StickerFile:
    """An encoded sticker: its bytes, their type, its size in pixels, and what was done to fit."""

    data: bytes
    media_type: str
    width: int
    height: int
    notes: list[str] = field(default_factory=list)


def sticker_file(rgb: np.ndarray, alpha: np.ndarray, target: str, outline: bool) -> StickerFile:
    """Renders an HxWx3 uint8 picture under an HxW uint8 alpha for `target`. Raises render.NothingToCut."""
    make = {"png": _png, "whatsapp": _whatsapp, "telegram": _telegram}[target]
    return make(render.crop(rgb, alpha), render.at_border(alpha) if outline else None)


def _png(cut: Image.Image, cut_off: Sides | None) -> StickerFile:
    notes = []
    if max(cut.size) > PNG_SIDE:
        notes.append(f"Scaled from {max(cut.size)} to {PNG_SIDE} pixels on the longer side.")
        cut = render.fit(cut, PNG_SIDE)
    if cut_off:
        width = max(2, round(OUTLINE * max(cut.size) / SIDE))
        cut = render.outlined(render.pad(cut, width + 1), width, cut_off)
    return StickerFile(pictures.encode_png(np.asarray(cut)), "image/png", cut.width, cut.height, notes)


def _whatsapp(cut: Image.Image, cut_off: Sides | None) -> StickerFile:
    inner = SIDE - 2 * CLEAR_MARGIN
    if cut_off:
        cut = render.outlined(render.centre(render.fit(cut, inner - 2 * OUTLINE), inner), OUTLINE, cut_off)
    else:
        cut = render.fit(cut, inner)
    return _webp(render.centre(cut, SIDE), WHATSAPP_BYTES)


def _telegram(cut: Image.Image, cut_off: Sides | None) -> StickerFile:
    if not cut_off:
        return _webp(render.fit(cut, SIDE), TELEGRAM_BYTES)
    picture = render.pad(render.fit(cut, SIDE - 2 * OUTLINE), OUTLINE)
    return _webp(render.outlined(picture, OUTLINE, cut_off), TELEGRAM_BYTES)


def _webp(picture: Image.Image, limit: int) -> StickerFile:
    """Lossless if that fits into `limit` bytes, else the best quality that does, and a note that says so."""
    for method, most in LOSSLESS:
        data = _encode(picture, lossless=True, method=method)
        if len(data) <= limit or len(data) > limit * most:
            break
    notes = []
    if len(data) > limit:
        data, quality = _lossy(picture, limit)
        notes.append(f"Compressed to quality {quality} to fit {limit:,} bytes.")
    return StickerFile(data, "image/webp", picture.width, picture.height, notes)


def _lossy(picture: Image.Image, limit: int) -> tuple[bytes, int]:
    """The file of the best of QUALITIES that fits, and which it is; of the least where none does.

    The best first, which nearly always fits; then by halves, since files shrink with their quality.
    """
    files = functools.cache(lambda at: _encode(picture, quality=QUALITIES[at]))
    last = len(QUALITIES) - 1
    at = (
        0
        if len(files(0)) <= limit
        else bisect.bisect_left(range(last), True, 1, key=lambda at: len(files(at)) <= limit)
    )
    return files(at), QUALITIES[at]


def _encode(picture: Image.Image, method: int = 4, **options: int) -> bytes:
    out = io.BytesIO()
    picture.save(out, "WEBP", method=method, **options)
    return out.getvalue()
