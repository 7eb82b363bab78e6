"""A sticker made to fit a target; what each takes is in `stickersnap.validate.limits`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from stickersnap.stickers import render
from stickersnap.stickers.exceptions import TooRich
from stickersnap.stickers.style import Style
from stickersnap.validate import limits
from stickersnap.validate.encoding import DoesNotFitError, encode

WRITTEN = {"webp": "image/webp", "png": "image/png"}
"""The formats in which stickers are made, and their types."""
USUAL = "png"


@dataclass(frozen=True)
class StickerFile:
    """An encoded sticker: its bytes, their type, its size in pixels, and what was done to fit.

    `quality` (0 to 100) is None where nothing was lost, or colours were; `ssim` says how much is left, 1 for all.
    """

    data: bytes
    media_type: str
    width: int
    height: int
    notes: list[str] = field(default_factory=list)
    quality: int | None = None
    ssim: float = 1.0


def makeable() -> Mapping[str, limits.Target]:
    """The targets that stickers are made for, by name: those of still pictures in a format that is written."""
    known = limits.targets().items()
    return {name: target for name, target in known if target.moving is not True and set(target.formats) & set(WRITTEN)}


def side(target: str) -> int:
    """Pixels on the longer side of a target's sticker, at most."""
    return max(makeable()[target].box)


def sticker_file(rgb: np.ndarray, alpha: np.ndarray, target: str, style: Style) -> StickerFile:
    """Renders an HxWx3 uint8 picture under an HxW uint8 alpha for `target`. Raises render.NothingToCut, TooRich."""
    row = makeable()[target]
    picture = render.rendered(rgb, alpha, style, row)
    try:
        made = encode(picture, row)
    except DoesNotFitError as error:
        raise TooRich from error
    notes = [made.note] if made.note else []
    return StickerFile(made.data, WRITTEN[made.format], *picture.size, notes, made.quality, made.ssim)
