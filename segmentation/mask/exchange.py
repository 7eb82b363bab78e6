"""Masks made elsewhere: PNG files of other kinds than our own. API, import, training and trial read them here."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from segmentation.mask import GREY_8_BIT, HALF, PNG, Alpha, MaskError, decode_png, encode_png
from segmentation.picture import structure
from segmentation.picture.formats import DAMAGE

ADVICE = "A mask is a greyscale PNG, white where the subject is, or a PNG whose transparency is the mask."
FEW, LOW = 16, 32  # numbered labels: so few values, and of those over none more pixels under the second than from HALF


def read(data: bytes, size: tuple[int, int] | None = None) -> Alpha:
    """The mask in a PNG, H×W uint8, of (width, height) where one is given; it may be empty.

    Of a picture with something transparent its alpha channel, else its grey, of any depth, by palette, or as colours
    that are all grey. MaskError: not_a_mask, wrong_size (told by the header, before decoding).
    """
    return decode_png(data, size, empty=True) if _is_ours(data) else _alpha(data, size)


def as_grey_png(data: bytes, size: tuple[int, int]) -> bytes:
    """What `read` reads, of (width, height), as our 8-bit greyscale PNG: one that is so already as it came, undecoded.

    MaskError as of `read`. Whether it is empty, and ours is whole, is left to `mask.decode_png`.
    """
    return data if _is_ours(data) else encode_png(_alpha(data, size))


def _is_ours(data: bytes) -> bool:
    return data[:8] == PNG and data[24:26] == GREY_8_BIT


def certain(data: bytes, size: tuple[int, int]) -> bytes:
    """The same for masks that nobody looks at any more: what may mean something else is refused, not guessed.

    MaskError as above and, not_a_mask, for a mask without a pixel from one half on, which would teach that there is no
    subject, and for one whose values look like numbers of labels; wrong_size, empty_mask.
    """
    png = as_grey_png(data, size)
    alpha = decode_png(png, size)
    levels, counts = np.unique(alpha, return_counts=True)
    if levels[-1] < HALF:
        raise MaskError(
            "not_a_mask", f"Nothing in this mask reaches one half (its most is {levels[-1]} of 255). {WHITE}"
        )
    low, high = counts[(levels > 0) & (levels < LOW)].sum(), counts[levels >= HALF].sum()
    if levels.size <= FEW and (low > high or (levels.size == 2 and levels[-1] < 255)):
        named = ", ".join(map(str, levels[:FEW]))
        raise MaskError("not_a_mask", f"The values of this mask look like numbers of labels ({named}). {WHITE}")
    return png


WHITE = "Write 255 where the subject is and 0 around it."


def _alpha(data: bytes, size: tuple[int, int] | None) -> Alpha:
    if structure.Structure(data, "png").flaw():
        raise MaskError("not_a_mask", structure.MANY)
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            named = image.size
            if size is not None and named != tuple(size):
                raise MaskError(
                    "wrong_size",
                    f"The mask has {image.width}×{image.height} pixels, the photo {size[0]}×{size[1]}: match it.",
                )
            alpha = _channel(image)
    except (Image.DecompressionBombError, *DAMAGE) as error:
        raise MaskError("not_a_mask", f"{ADVICE} This is neither, or it is damaged.") from error
    if alpha.shape != (named[1], named[0]):
        raise MaskError("not_a_mask", f"{ADVICE} This one's file names two sizes: save it again.")
    return alpha


def _channel(image: Image.Image) -> Alpha:
    if "A" in image.getbands() or "transparency" in image.info:
        alpha = np.array(image.convert("RGBA").getchannel("A"))
        if int(alpha.min()) < 255:
            return alpha
    if image.mode in {"1", "L", "LA"}:
        return np.array(image.convert("L"))
    if image.mode in {"I;16", "I;16B", "I"}:
        return ((np.asarray(image).astype(np.uint32) + 128) // 257).astype(np.uint8)  # 65535 = 257 × 255
    rgb = np.asarray(image.convert("RGB"))
    if (rgb == rgb[..., :1]).all():
        return np.ascontiguousarray(rgb[..., 0])
    raise MaskError("not_a_mask", f"{ADVICE} This one has colours and nothing transparent.")
