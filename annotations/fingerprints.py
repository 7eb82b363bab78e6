"""Perceptual hashes: which photos show the same thing."""

from typing import Literal

import imagehash
import numpy as np
from PIL import Image, ImageOps

Side = Literal["train", "holdout"]
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


MIRROR = 0x5555_5555_5555_5555
"""The bits that mirroring turns over: a DCT's odd horizontal frequencies change their sign."""
NEAR_MIRRORED = NEAR + 2  # the median that bits are measured against moves a little
BLOCK = 1024


class Near:
    """Perceptual hashes of photos on either side of a split, searched by Hamming distance with numpy: 1 ns a pair."""

    def __init__(self) -> None:
        self.kept: dict[Side, Hashes] = {"train": Hashes(), "holdout": Hashes()}

    def add(self, phash: int, side: Side) -> None:
        self.kept[side].add(phash)

    def sides(self, phash: int) -> set[Side]:
        """On which sides there is a near-duplicate of this photo, or of its mirror image."""
        return {side for side, hashes in self.kept.items() if hashes.near(phash)}


class Hashes:
    """A growing array of 64-bit hashes."""

    def __init__(self) -> None:
        self.values, self.count = np.zeros(BLOCK, np.uint64), 0

    def add(self, phash: int) -> None:
        if self.count == len(self.values):
            self.values = np.concatenate([self.values, np.zeros_like(self.values)])
        self.values[self.count] = phash % (1 << 64)
        self.count += 1

    def near(self, phash: int) -> bool:
        """Whether one of them is within NEAR bits of this one, or within NEAR_MIRRORED of its mirror image."""
        differing = self.values[: self.count] ^ np.uint64(phash % (1 << 64))
        if (np.bitwise_count(differing) <= NEAR).any():
            return True
        differing ^= np.uint64(MIRROR)
        return bool((np.bitwise_count(differing) <= NEAR_MIRRORED).any())
