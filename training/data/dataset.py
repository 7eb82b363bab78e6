"""Pictures and masks, decoded once and kept in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segmentation import manifest
from segmentation.mask import MaskError, exchange

Picture = NDArray[np.uint8]
LONGER_SIDE = 288


@dataclass(frozen=True)
class Pair:
    """One picture (H×W×3 uint8) with its mask (H×W uint8, 0..255)."""

    name: str
    source: str
    group: str
    rgb: Picture
    mask: Picture
    weight: float = 1.0
    taught: bool = False


@dataclass(frozen=True)
class Unlabelled:
    """One picture (H×W×3 uint8) that nobody has cut out, with the name of its group of near-duplicates."""

    name: str
    group: str
    rgb: Picture


class DataError(Exception):
    """The data folder cannot be used as it is."""


def shrunk(image: Image.Image, longer_side: int | None) -> Image.Image:
    if longer_side is None or max(image.size) <= longer_side:
        return image
    factor = longer_side / max(image.size)
    size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    return image.resize(size, Image.Resampling.BILINEAR)


def read_pair(image: Path, mask: Path, longer_side: int | None = LONGER_SIDE) -> tuple[Picture, Picture]:
    """A picture and its mask at one size, the longer side at most `longer_side` (None: as they are).

    The mask is read as everywhere (`exchange.read`) and may have another size than the picture. DataError where either
    can't be read, or the mask is none.
    """
    rgb = read_picture(image, longer_side)
    try:
        grey = Image.fromarray(exchange.read(mask.read_bytes()))
    except (OSError, MaskError) as error:
        raise DataError(f"{mask.name} cannot be read as a mask ({error}): repair or remove it.") from error
    size = rgb.shape[1], rgb.shape[0]
    return rgb, np.asarray(grey if grey.size == size else grey.resize(size, Image.Resampling.BILINEAR))


def paired(folder: Path) -> list[tuple[Path, Path]]:
    """Each picture of an images/ masks/ folder with its mask, sorted. DataError where there is none."""
    masks = {path.stem: path for path in (folder / "masks").glob("*")}
    images = sorted(path for path in (folder / "images").glob("*") if path.stem in masks)
    if not images:
        raise DataError(f"{folder} holds no pairs: expected images/NAME.jpg|png|webp beside masks/NAME.png.")
    return [(path, masks[path.stem]) for path in images]


def source_of(image: Path, folder: Path) -> str:
    """What precedes `__` in a picture's name, or else the folder's name."""
    return image.stem.split("__")[0] if "__" in image.stem else folder.name


def plain_folder(folder: Path, longer_side: int | None = LONGER_SIDE) -> Iterator[Pair]:
    """The pairs of a folder with images/ and masks/ of equal stems; a source is what precedes `__` in the stem."""
    for path, mask_path in paired(folder):
        rgb, mask = read_pair(path, mask_path, longer_side)
        yield Pair(path.stem, source_of(path, folder), path.stem, rgb, mask)


def manifest_folder(folder: Path, longer_side: int | None, split: Literal["train", "holdout"]) -> Iterator[Pair]:
    """The pairs of one split of a dataset folder, each named by its picture's sha256. Check the folder before."""
    for sample in manifest.read(folder):
        if sample.split == split and sample.mask is not None:
            rgb, mask = read_pair(folder / sample.image, folder / sample.mask, longer_side)
            yield Pair(sample.image_sha256, sample.source, sample.group, rgb, mask, sample.weight)


def unlabelled_folder(folder: Path, longer_side: int | None = LONGER_SIDE) -> Iterator[Unlabelled]:
    """The pictures of a dataset folder that have no mask: none of them is held out, nor near to one that is."""
    for sample in manifest.read(folder):
        if sample.split == "unlabelled":
            rgb = read_picture(folder / sample.image, longer_side)
            yield Unlabelled(sample.image_sha256, sample.group, rgb)


def read_picture(path: Path, longer_side: int | None = LONGER_SIDE) -> Picture:
    """A picture, the longer side at most `longer_side` (None: as it is)."""
    try:
        with Image.open(path) as opened:
            return np.asarray(shrunk(opened.convert("RGB"), longer_side))
    except OSError as error:
        raise DataError(f"{path.name} cannot be read ({error}): repair or remove it.") from error


class Named(Protocol):
    """What a split goes by."""

    @property
    def name(self) -> str: ...
    @property
    def source(self) -> str: ...


Item = TypeVar("Item", bound=Named)


def validation_split(pairs: Iterable[Item], largest: int = 48) -> tuple[list[Item], list[Item]]:
    """Training and validation pairs: of each source the tenth with the smallest hashes, at most `largest`."""
    by_source: dict[str, list[Item]] = {}
    for pair in pairs:
        by_source.setdefault(pair.source, []).append(pair)
    training: list[Item] = []
    validation: list[Item] = []
    for _, members in sorted(by_source.items()):
        members.sort(key=lambda pair: hashlib.sha256(pair.name.encode()).hexdigest())
        held = min(largest, len(members) // 10)
        validation += members[:held]
        training += members[held:]
    return training, validation
