"""Perceptual hashes: which photos show the same thing."""

import imagehash
import numpy as np
from PIL import Image

NEAR = 8
"""Hamming distance, in bits of 64, up to which two photos are near-duplicates."""


def phash(rgb: np.ndarray) -> int:
    """64-bit DCT hash (Zauner 2010) of an HxWx3 uint8 picture, as a signed integer, as Postgres keeps it."""
    return signed(int(str(imagehash.phash(Image.fromarray(rgb))), 16))


def phash_mirrored(rgb: np.ndarray) -> int:
    """The hash of the picture seen in a mirror."""
    return phash(np.ascontiguousarray(rgb[:, ::-1]))


def signed(value: int) -> int:
    """A 64-bit pattern as a signed integer."""
    return value - (1 << 64) if value >= 1 << 63 else value
