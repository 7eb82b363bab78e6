"""A picture made to fit a target's bytes: lossless first, then the best quality or palette that fits.

Ours and not a library's, since what is searched for are bytes, and what was lost must be told. WebP is written by
libwebp through Pillow alone: iOS refuses some other writers' files (WhatsApp/stickers #1083, #1085).
"""

from __future__ import annotations

import bisect
import functools
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter

from segmentation import picture as pictures
from stickersnap.validate.limits import Target

COLOURS = (256, 192, 128, 96, 64, 48, 32, 16)
QUALITIES = (95, 90, 85, 80, 70, 60, 50, 40, 30, 20, 10, 1)
# WebP's methods for lossless files, the quickest first, and how many times the limit a file may be at most for the
# next to be worth its time: it would save no more. The pixels are the same.
LOSSLESS = ((0, 1.6), (1, 1.12), (4, 0.0))
METHOD = 4  # WebP's thoroughness: 6 costs forty times as much for 1.5 to 4.5 % fewer bytes


class DoesNotFitError(Exception):
    """No quality makes the picture small enough."""


@dataclass(frozen=True)
class Encoded:
    """A file that fits: its bytes, its format, and what was lost on the way.

    `quality` is 0 to 100 and None where nothing was lost, `colours` a palette's size; `ssim` is 1 where all is kept.
    """

    data: bytes
    format: str
    quality: int | None = None
    colours: int | None = None
    ssim: float = 1.0

    @property
    def note(self) -> str:
        """What was done, in a sentence; empty where nothing was lost."""
        if self.quality is not None:
            return f"Compressed to quality {self.quality} ({self.ssim:.1%} alike) to fit."
        if self.colours is not None:
            return f"Reduced to {self.colours} colours ({self.ssim:.1%} alike) to fit."
        return ""


def encode(picture: Image.Image, target: Target) -> Encoded:
    """An RGBA picture of the target's size in the target's first format. Raises DoesNotFitError."""
    writers: dict[str, Callable[[Image.Image, Target], Encoded]] = {"webp": _webp, "png": _png, "apng": _png}
    kind = next((kind for kind in target.formats if kind in writers), None)
    if kind is None:
        raise DoesNotFitError(f"{target.title} takes {', '.join(target.formats)}, which is not written here.")
    return writers[kind](picture, target)


def encode_moving(frames: Sequence[Image.Image], ms: Sequence[int], target: Target) -> Encoded:
    """RGBA frames, each shown for `ms` milliseconds, as moving WebP or APNG. Raises DoesNotFitError."""
    if "webp" in target.formats:
        return _moving_webp(frames, ms, target)
    for colours in (None, *COLOURS):
        data = _save(_with_palette(frames, colours), "PNG", ms, optimize=True)
        if len(data) <= target.bytes:
            return Encoded(data, "apng", colours=colours)
    raise DoesNotFitError(f"Even with {COLOURS[-1]} colours it has more than {target.bytes:,} bytes.")


def best_quality(write: Callable[[int], bytes], limit: int) -> tuple[bytes, int] | None:
    """The file of the best of QUALITIES that has at most `limit` bytes, and which it is; None where none has.

    The best first, which nearly always fits; then by halves, since files shrink with their quality.
    """
    files = functools.cache(lambda at: write(QUALITIES[at]))
    fits = functools.cache(lambda at: len(files(at)) <= limit)
    at = 0 if fits(0) else bisect.bisect_left(range(len(QUALITIES)), True, 1, key=fits)
    return (files(at), QUALITIES[at]) if at < len(QUALITIES) else None


def alikeness(a: Image.Image, b: Image.Image) -> float:
    """Mean structural similarity, 0 to 1, of two pictures on white (Wang et al. 2004; Gaussian, deviation 1.5)."""
    x, y = (np.asarray(_on_white(picture).convert("L"), np.float32) / 255 for picture in (a, b))

    def blurred(values: np.ndarray) -> np.ndarray:
        return np.asarray(gaussian_filter(values, 1.5, truncate=3.5))

    mean_x, mean_y = blurred(x), blurred(y)
    var_x, var_y = blurred(x * x) - mean_x**2, blurred(y * y) - mean_y**2
    covariance = blurred(x * y) - mean_x * mean_y
    c1, c2 = 0.01**2, 0.03**2
    likeness = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    return float((likeness / ((mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2))).mean())


def _webp(picture: Image.Image, target: Target) -> Encoded:
    for method, most in LOSSLESS:
        data = _save([picture], "WEBP", lossless=True, method=method)
        if len(data) <= target.bytes:
            return Encoded(data, "webp")
        if len(data) > target.bytes * most:
            break

    def write(quality: int, alpha: int = 100) -> bytes:
        return _save([picture], "WEBP", quality=quality, alpha_quality=alpha, method=METHOD)

    # the edge is kept as it is where that fits at all: grain in it would be the dearest part of the file
    found = best_quality(write, target.bytes) or best_quality(lambda quality: write(quality, quality), target.bytes)
    if found is None:
        raise DoesNotFitError(f"Even at the lowest quality it has more than {target.bytes:,} bytes.")
    return Encoded(found[0], "webp", found[1], ssim=alikeness(picture, _opened(found[0])))


def _moving_webp(frames: Sequence[Image.Image], ms: Sequence[int], target: Target) -> Encoded:
    def write(quality: int) -> bytes:
        # no minimize_size and every frame whole: partial frames left black lines on phones
        return _save(frames, "WEBP", ms, quality=quality, method=METHOD, kmin=0, kmax=1)

    frames = [_covering(frames[0]), *frames[1:]]
    data = _save(frames, "WEBP", ms, lossless=True, method=METHOD, kmin=0, kmax=1)
    if len(data) <= target.bytes:
        return Encoded(data, "webp")
    found = best_quality(write, target.bytes)
    if found is None:
        raise DoesNotFitError(f"Even at the lowest quality it has more than {target.bytes:,} bytes.")
    return Encoded(found[0], "webp", found[1], ssim=alikeness(frames[0], _opened(found[0])))


def _covering(frame: Image.Image) -> Image.Image:
    """The frame with a trace of opacity in two corners, so that libwebp writes it whole: the first frame must be."""
    whole = frame.copy()
    for corner in ((0, 0), (frame.width - 1, frame.height - 1)):
        red, green, blue, alpha = whole.getpixel(corner)  # type: ignore[misc]
        whole.putpixel(corner, (red, green, blue, max(1, alpha)))
    return whole


def _png(picture: Image.Image, target: Target) -> Encoded:
    for write in (_quick_png, lambda whole: _save([whole], "PNG", optimize=True)):
        data = write(picture)
        if len(data) <= target.bytes:
            return Encoded(data, "png")
    for colours in COLOURS:
        data = _save(_with_palette([picture], colours), "PNG", optimize=True)
        if len(data) <= target.bytes:
            return Encoded(data, "png", colours=colours, ssim=alikeness(picture, _opened(data)))
    raise DoesNotFitError(f"Even with {COLOURS[-1]} colours it has more than {target.bytes:,} bytes.")


def _quick_png(picture: Image.Image) -> bytes:
    return pictures.encode_png(np.asarray(picture))


def _with_palette(frames: Sequence[Image.Image], colours: int | None) -> list[Image.Image]:
    if colours is None:
        return list(frames)
    return [frame.quantize(colours, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE) for frame in frames]


def _save(frames: Sequence[Image.Image], kind: str, ms: Sequence[int] = (), **options: object) -> bytes:
    out = io.BytesIO()
    if ms:
        options |= {"save_all": True, "append_images": list(frames[1:]), "duration": list(ms), "loop": 0}
    frames[0].save(out, kind, **options)
    return out.getvalue()


def _opened(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGBA")


def _on_white(picture: Image.Image) -> Image.Image:
    rgba = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
