"""Masks made elsewhere: PNG files of other kinds than our own."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from segmentation import structure
from segmentation.mask import GREY_8_BIT, PNG, Alpha, MaskError, encode_png

ADVICE = "A mask is a greyscale PNG, white where the subject is, or a PNG whose transparency is the mask."


def as_grey_png(data: bytes, size: tuple[int, int]) -> bytes:
    """A mask of (width, height) as our 8-bit greyscale PNG.

    Greyscale of any depth is taken as it is; of a picture with transparency, its alpha channel. MaskError: not_a_mask,
    wrong_size (told by the header, before decoding). Whether it is empty is left to `mask.decode_png`.
    """
    if data[:8] == PNG and data[24:26] == GREY_8_BIT:
        return data
    return encode_png(_alpha(data, size))


def _alpha(data: bytes, size: tuple[int, int]) -> Alpha:
    if structure.Structure(data, "png").flaw():
        raise MaskError("not_a_mask", structure.MANY)
    try:
        with Image.open(io.BytesIO(data), formats=["PNG"]) as image:
            if image.size != tuple(size):
                raise MaskError(
                    "wrong_size",
                    f"The mask has {image.width}×{image.height} pixels, the photo {size[0]}×{size[1]}: match it.",
                )
            return _channel(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise MaskError("not_a_mask", f"{ADVICE} This is neither, or it is damaged.") from error


def _channel(image: Image.Image) -> Alpha:
    if image.mode in {"1", "L"} and "transparency" not in image.info:
        return np.array(image.convert("L"))
    if image.mode in {"I;16", "I"}:
        return ((np.asarray(image).astype(np.uint32) + 128) // 257).astype(np.uint8)  # 65535 = 257 × 255
    if "A" in image.getbands() or "transparency" in image.info:
        alpha = np.array(image.convert("RGBA").getchannel("A"))
        if int(alpha.min()) < 255:
            return alpha
    raise MaskError("not_a_mask", f"{ADVICE} This one has colours and nothing transparent.")
