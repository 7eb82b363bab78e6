"""Perceptual hashes: which photos show the same thing."""

import imagehash
import numpy as np
from PIL import Image, ImageOps

SIDE = 32
NEAR = 8
"""Hamming distance, in bits of 64, up to which two photos are near-duplicates."""


def phashes(rgb: np.ndarray) -> tuple[int, int]:
    """64-bit DCT hashes (Zauner 2010) of an HxWx3 uint8 picture and of its mirror image.

    Signed integers, as Postgres keeps them. Both come from one 32x32 copy: shrinking a large photo is what costs.
    """
    small = Image.fromarray(rgb).convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return _phash(small), _phash(ImageOps.mirror(small))


def _phash(small: Image.Image) -> int:
    return signed(int(str(imagehash.phash(small)), 16))


def signed(value: int) -> int:
    """A 64-bit pattern as a signed integer."""
    return value - (1 << 64) if value >= 1 << 63 else value
