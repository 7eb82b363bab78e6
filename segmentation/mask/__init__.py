"""Alpha masks: H×W uint8, 0 is background, 255 is subject, between them the soft edge."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segmentation.picture import structure
from segmentation.picture.formats import DAMAGE

Alpha = NDArray[np.uint8]

HALF = 128
VISIBLE = 32  # what is fainter is not seen on a sticker, and no reason for a wider crop
MAX_PIXELS = 50_000_000
PNG = b"\x89PNG\r\n\x1a\n"
GREY_8_BIT = bytes([8, 0])


class MaskError(Exception):
    """The mask cannot be used: `code` is not_a_mask, wrong_size or empty_mask; the message says what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def encode_png(alpha: Alpha) -> bytes:
    """H×W uint8 as an 8-bit greyscale PNG (W3C, third edition), always the same bytes for the same mask.

    Every row is filtered by "Up": a mask's rows resemble each other, and trying the other filters takes most of the
    time that Pillow needs, for a twentieth of the bytes.
    """
    if alpha.ndim != 2 or alpha.dtype != np.uint8 or not alpha.size:
        raise ValueError(f"A mask is H×W uint8, this is {alpha.dtype} of shape {alpha.shape}.")
    height, width = alpha.shape
    rows = np.full((height, width + 1), 2, np.uint8)  # each begins with the number of its filter
    rows[0, 1:] = alpha[0]
    np.subtract(alpha[1:], alpha[:-1], out=rows[1:, 1:])
    header = struct.pack(">II", width, height) + GREY_8_BIT + bytes(3)
    body = zlib.compress(rows.data, 4)
    return PNG + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))


def decode_png(data: bytes, size: tuple[int, int] | None = None, *, empty: bool = False) -> Alpha:
    """The mask in an 8-bit greyscale PNG, H×W uint8, of the given (width, height) where one is given.

    MaskError: not_a_mask (another format, depth or number of channels, damaged), wrong_size (told by the header,
    before decoding), empty_mask (nothing in it can be seen; not raised where `empty` masks are allowed).
    """
    if data[:8] != PNG or data[12:16] != b"IHDR" or data[24:26] != GREY_8_BIT:
        raise MaskError("not_a_mask", "A mask is a PNG with one channel of 8-bit grey: send it in that form.")
    width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    if size is not None and (width, height) != tuple(size):
        raise MaskError("wrong_size", f"The mask has {width}×{height} pixels, the photo {size[0]}×{size[1]}: match it.")
    if width * height > MAX_PIXELS:
        raise MaskError("wrong_size", f"The mask has {width}×{height} pixels: send at most 50 megapixels.")
    if structure.Structure(data, "png").flaw():
        raise MaskError("not_a_mask", structure.MANY)
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            if image.size != (width, height):  # a second header, which Pillow goes by
                raise MaskError("not_a_mask", "The mask's file names two sizes: save it again and send that.")
            alpha = np.array(image)
    except (Image.DecompressionBombError, *DAMAGE) as error:
        raise MaskError("not_a_mask", "The mask is damaged or cut short: send it again.") from error
    if alpha.shape != (height, width) or alpha.dtype != np.uint8:
        raise MaskError("not_a_mask", "A mask is a PNG with one channel of 8-bit grey: send it in that form.")
    if not empty and is_empty(alpha):
        raise MaskError("empty_mask", "The mask is empty: paint the subject, then send it.")
    return alpha


def resized(alpha: Alpha, size: tuple[int, int]) -> Alpha:
    """The mask at (width, height), bilinear, antialiased where it shrinks."""
    if alpha.shape == (size[1], size[0]):
        return alpha
    return np.asarray(Image.fromarray(alpha).resize(size, Image.Resampling.BILINEAR))


def is_empty(alpha: Alpha) -> bool:
    """Whether nothing in the mask can be seen."""
    return alpha.size == 0 or int(alpha.max()) < VISIBLE


def iou(a: Alpha, b: Alpha, threshold: int = HALF) -> float:
    """Intersection over union, 0..1, of two masks of one shape cut at `threshold`; 1 when both are empty."""
    if a.shape != b.shape:
        raise ValueError(f"Masks of {a.shape} and {b.shape} cannot be compared: bring them to one size.")
    inside_a, inside_b = a >= threshold, b >= threshold
    both = int(np.count_nonzero(inside_a & inside_b))
    union = int(np.count_nonzero(inside_a)) + int(np.count_nonzero(inside_b)) - both
    return both / union if union else 1.0


def crop_box(alpha: Alpha, margin: int = 0, threshold: int = VISIBLE) -> tuple[int, int, int, int]:
    """The smallest box (left, top, right, bottom), right and bottom exclusive, with all pixels ≥ `threshold`.

    Widened by `margin` pixels, never past the picture. MaskError empty_mask when there is no such pixel.
    """
    inside = alpha >= threshold
    rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
    if not rows.size:
        raise MaskError("empty_mask", "The mask is empty: there is nothing to crop to.")
    height, width = alpha.shape
    left, top = max(0, int(columns[0]) - margin), max(0, int(rows[0]) - margin)
    return left, top, min(width, int(columns[-1]) + 1 + margin), min(height, int(rows[-1]) + 1 + margin)


def settle(alpha: Alpha) -> Alpha:
    """The mask as a sticker wants it: what a network half believes is no half-transparent subject.

    A fixed smoothstep from one quarter to three quarters, whatever the picture: nothing is stretched to its own
    minimum and maximum, and one half stays one half, so that the mask cut at 128 stays the same.
    """
    t = np.clip((np.arange(256) / 255 - 0.25) * 2, 0, 1)
    curve = np.round(t * t * (3 - 2 * t) * 255).astype(np.uint8)
    return curve[alpha]


def cutout(rgb: NDArray[np.uint8], alpha: Alpha) -> NDArray[np.uint8]:
    """Photo (H×W×3) and mask (H×W) as H×W×4 uint8, straight alpha.

    Where alpha is 0 the colour is 0 too: a cut-out must not carry the background away unseen.
    """
    if rgb.shape[:2] != alpha.shape:
        raise ValueError(f"The mask has the shape {alpha.shape}, the photo {rgb.shape[:2]}: bring them to one size.")
    rgba = np.dstack([rgb, alpha])
    rgba[alpha == 0] = 0
    return rgba
