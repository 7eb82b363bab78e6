"""Perceptual hashes: which photos show the same thing."""

import itertools
from collections.abc import Sequence
from typing import Literal

import imagehash
import numpy as np
from PIL import Image

Side = Literal["train", "holdout"]
SIDE = 32
NEAR = 8
"""Hamming distance, in bits of 64, up to which two photos are near-duplicates."""
CUT = 0.08
"""The share of a side that a crop takes off."""
CROPS = tuple(itertools.product((0, CUT), repeat=4))[1:]
"""What each of the fifteen crops takes off, as shares of the sides: left, top, right, bottom."""
CROPPED = 96
"""Pixels a side of the copy that crops are made of: three for one of the hashed picture."""


def crops(rgb: np.ndarray) -> list[int]:
    """The hashes of a picture's fifteen crops, signed: what they are near to shows a part of it, or it of them.

    Hashes vary slowly with a crop: these find all those of 3 to 9 %, see docs/decisions/2026-11-30-crops.md.
    """
    small = Image.fromarray(rgb).convert("L").resize((CROPPED, CROPPED), Image.Resampling.LANCZOS)
    boxes = (
        (CROPPED * left, CROPPED * top, CROPPED * (1 - right), CROPPED * (1 - bottom))
        for left, top, right, bottom in CROPS
    )
    return [_phash(small.resize((SIDE, SIDE), Image.Resampling.LANCZOS, box)) for box in boxes]


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
        self.kept: dict[Side, Photos] = {"train": Photos(), "holdout": Photos()}

    def add(self, phash: int, crops: Sequence[int], side: Side) -> None:
        self.kept[side].add(phash, crops)

    def sides(self, phash: int, crops: Sequence[int]) -> set[Side]:
        """On which sides there is a near-duplicate of it: turned, mirrored, its crop, or the crop of one."""
        return {side for side, photos in self.kept.items() if photos.near(phash, crops)}


class Photos:
    """The hashes of photos and of their crops."""

    def __init__(self) -> None:
        self.whole, self.cropped = Hashes(), Hashes()

    def add(self, phash: int, crops: Sequence[int]) -> None:
        self.whole.add(phash)
        for crop in crops:
            self.cropped.add(crop)

    def near(self, phash: int, crops: Sequence[int]) -> bool:
        """Whether one is within NEAR bits of this one, its transpose or a crop, or NEAR_MIRRORED of these mirrored."""
        return (
            any(self.whole.near(way, NEAR_MIRRORED if i % 4 else NEAR) for i, way in enumerate(ways(phash)))
            or any(self.whole.near(crop, NEAR) for crop in crops)
            or self.cropped.near(phash, NEAR)
        )


class Hashes:
    """A growing array of 64-bit hashes."""

    def __init__(self) -> None:
        self.values, self.count = np.zeros(BLOCK, np.uint64), 0

    def add(self, phash: int) -> None:
        if self.count == len(self.values):
            self.values = np.concatenate([self.values, np.zeros_like(self.values)])
        self.values[self.count] = phash % (1 << 64)
        self.count += 1

    def near(self, phash: int, bits: int) -> bool:
        """Whether one of them differs from this one in at most so many bits."""
        differing = self.values[: self.count] ^ np.uint64(phash % (1 << 64))
        return bool((np.bitwise_count(differing) <= bits).any())
