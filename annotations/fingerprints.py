"""Perceptual hashes: which photos show the same thing."""

from typing import Literal

import imagehash
import numpy as np
from PIL import Image

Side = Literal["train", "holdout"]
SIDE = 32
WAYS = 8
"""Ways that a picture lies: four turns, each mirrored or not."""
NEAR = 8
"""Hamming distance, in bits of 64, up to which two photos are near-duplicates."""


def phashes(rgb: np.ndarray) -> tuple[int, ...]:
    """64-bit DCT hashes (Zauner 2010) of an HxWx3 uint8 picture as it is, then of it turned and mirrored: eight.

    Signed integers, as Postgres keeps them. All come from one 32x32 copy: shrinking a large photo is what costs.
    """
    small = Image.fromarray(rgb).convert("L").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
    return _phash(small), *(_phash(small.transpose(turn)) for turn in Image.Transpose)


def _phash(small: Image.Image) -> int:
    return signed(int(str(imagehash.phash(small)), 16))


def signed(value: int) -> int:
    """A 64-bit pattern as a signed integer."""
    return value - (1 << 64) if value >= 1 << 63 else value


MIRROR = 0x5555_5555_5555_5555
"""The bits that mirroring turns over: a DCT's odd horizontal frequencies change their sign."""
FLIP = 0x00FF_00FF_00FF_00FF
"""The same for upside down: the odd vertical ones."""
NEAR_MIRRORED = NEAR + 2  # the median that bits are measured against moves a little
BLOCK = 1024


def transposed(phash: int) -> int:
    """The hash of the picture with rows and columns exchanged, unsigned: a DCT's are exchanged, too."""
    bits = f"{phash % (1 << 64):064b}"
    return int("".join(bits[row::8] for row in range(8)), 2)


def ways(phash: int) -> list[int]:
    """The hashes of a picture in all ways that it may lie, by its own, unsigned; each fourth is not mirrored."""
    turned = (0, MIRROR, FLIP, MIRROR ^ FLIP)
    return [upright ^ over for upright in (phash % (1 << 64), transposed(phash)) for over in turned]


class Near:
    """Perceptual hashes of photos on either side of a split, searched by Hamming distance with numpy: 8 ns a pair."""

    def __init__(self) -> None:
        self.kept: dict[Side, Hashes] = {"train": Hashes(), "holdout": Hashes()}

    def add(self, phash: int, side: Side) -> None:
        self.kept[side].add(phash)

    def sides(self, phash: int) -> set[Side]:
        """On which sides there is a near-duplicate of this photo, turned and mirrored or not."""
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
        """Whether one is within NEAR bits of this one or its transpose, or NEAR_MIRRORED of these mirrored."""
        for way, hashed in enumerate(ways(phash)):
            differing = self.values[: self.count] ^ np.uint64(hashed)
            if (np.bitwise_count(differing) <= (NEAR_MIRRORED if way % 4 else NEAR)).any():
                return True
        return False
