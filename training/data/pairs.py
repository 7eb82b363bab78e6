"""An index of a data folder's pictures: paths and names in memory, pixels decoded when asked for.

What a run holds in memory follows the cache's size, not the dataset's.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from segmentation import manifest
from training.data.dataset import LONGER_SIDE, DataError, Picture, paired, read_pair, read_picture, source_of

CACHE_BYTES = 512 * 2**20


class Example(Protocol):
    """A picture (H×W×3 uint8) with its mask (H×W uint8, 0..255): in memory (`Pair`) or decoded on demand.

    A `taught` one's mask is what a teacher sees in it, not what a person drew.
    """

    @property
    def name(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def group(self) -> str: ...
    @property
    def weight(self) -> float: ...
    @property
    def taught(self) -> bool: ...
    @property
    def rgb(self) -> Picture: ...
    @property
    def mask(self) -> Picture: ...


class Cache:
    """The arrays used last, at most `most` bytes of them; may be used by several threads."""

    def __init__(self, most: int = CACHE_BYTES) -> None:
        self.most, self.bytes = most, 0
        self.kept: OrderedDict[tuple[str, str], tuple[Picture, ...]] = OrderedDict()
        self.lock = threading.Lock()

    def get(self, key: tuple[str, str], make: Callable[[], tuple[Picture, ...]]) -> tuple[Picture, ...]:
        """What was kept under the key, else what `make` makes, which is kept unless it is too large."""
        with self.lock:
            if key in self.kept:
                self.kept.move_to_end(key)
                return self.kept[key]
        made = make()
        with self.lock:
            if key not in self.kept:
                self.kept[key] = made
                self.bytes += sum(array.nbytes for array in made)
            while self.bytes > self.most and self.kept:
                _, dropped = self.kept.popitem(last=False)
                self.bytes -= sum(array.nbytes for array in dropped)
        return made


@dataclass(frozen=True)
class Indexed:
    """A picture of a folder, decoded through a cache; DataError where its files cannot be read.

    One without a mask file answers an empty mask.
    """

    name: str
    source: str
    group: str
    image: Path
    mask_file: Path | None
    longer_side: int | None
    cache: Cache = field(repr=False, compare=False)
    weight: float = 1.0
    taught: bool = False

    def decoded(self) -> tuple[Picture, ...]:
        if self.mask_file is None:
            rgb = read_picture(self.image, self.longer_side)
            return rgb, np.zeros(rgb.shape[:2], np.uint8)
        return read_pair(self.image, self.mask_file, self.longer_side)

    @property
    def pixels(self) -> tuple[Picture, ...]:
        return self.cache.get((f"{self.image} {self.mask_file}", str(self.longer_side)), self.decoded)

    @property
    def rgb(self) -> Picture:
        return self.pixels[0]

    @property
    def mask(self) -> Picture:
        return self.pixels[1]


def plain_index(folder: Path, cache: Cache, longer_side: int | None = LONGER_SIDE) -> list[Indexed]:
    """The pairs of an images/ masks/ folder (see `plain_folder`). DataError for a folder without any."""
    return [
        Indexed(image.stem, source_of(image, folder), image.stem, image, mask, longer_side, cache)
        for image, mask in paired(folder)
    ]


def manifest_index(folder: Path, cache: Cache, longer_side: int | None = LONGER_SIDE) -> dict[str, list[Indexed]]:
    """The pictures of a dataset folder by split, each named by its sha256; every file's digest is checked, once.

    manifest.ManifestError for a folder that is not what it says.
    """
    found: dict[str, list[Indexed]] = {"train": [], "holdout": [], "unlabelled": []}
    for sample in manifest.read(folder):
        mask = folder / sample.mask if sample.mask else None
        at = folder / sample.image
        entry = Indexed(
            sample.image_sha256, sample.source, sample.group, at, mask, longer_side, cache, weight=sample.weight
        )
        found[sample.split].append(entry)
    return found


def refuse_unreadable(entries: Iterable[Indexed]) -> None:
    """DataError for the first file that is no picture, or one cut short: better before hours of training than after.

    Headers and a PNG's checksums are looked at; no pixel is decoded.
    """
    for entry in entries:
        for path in (entry.image, entry.mask_file):
            if path is not None:
                refuse_file(path)


def refuse_file(path: Path) -> None:
    try:
        with Image.open(path) as image:
            image.verify()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(f"{path.name} is no readable picture ({error}): repair or remove it, freeze again.") from error
