"""A plain folder of pictures with masks: images/NAME.jpg|png|webp beside masks/NAME.png."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from PIL import Image

from segmentation.manifest import ManifestError

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def pairs(folder: Path) -> list[tuple[Path, Path]]:
    """Pictures and their masks, in order of their names. ManifestError where one lacks the other, or there are none."""
    images = {path.stem: path for path in sorted((folder / "images").glob("*")) if path.suffix.lower() in SUFFIXES}
    masks = {path.stem: path for path in sorted((folder / "masks").glob("*")) if path.suffix.lower() == ".png"}
    if not images or not masks:
        raise ManifestError(f"{folder} holds no pictures: images/NAME.jpg|png|webp beside masks/NAME.png are needed.")
    if alone := sorted(images.keys() ^ masks.keys()):
        raise ManifestError(f"{folder}: {alone[0]} is a picture without a mask, or the reverse. Add it or take it out.")
    return [(images[name], masks[name]) for name in images]


def check(folder: Path) -> int:
    """How many pairs there are, every one decoded. ManifestError for one that can't be read or has another size."""
    found = pairs(folder)
    for image, mask in found:
        try:
            with Image.open(image) as picture, Image.open(mask) as truth:
                picture.load()
                truth.load()
                sizes = picture.size, truth.size
        except (OSError, SyntaxError, Image.DecompressionBombError) as error:
            raise ManifestError(f"{image} or its mask can't be read ({error}). Repair it or take it out.") from error
        if sizes[0] != sizes[1]:
            raise ManifestError(f"{image} is {sizes[0]}, its mask {sizes[1]}: both must have one size.")
    return len(found)


def digest(folder: Path) -> str:
    """sha256 over the names and sha256s of the pictures and masks, in order of their names."""
    lines = [
        [f"{path.parent.name}/{path.name}", hashlib.sha256(path.read_bytes()).hexdigest()]
        for pair in pairs(folder)
        for path in pair
    ]
    return hashlib.sha256(json.dumps(lines, separators=(",", ":")).encode()).hexdigest()
