"""A plain folder of pictures with masks: images/NAME.jpg|png|webp beside masks/NAME.png."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from segmentation.manifest import ManifestError

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
MASK_SUFFIXES = {".png"}
NEEDED = "images/NAME.jpg|png|webp beside masks/NAME.png"


@dataclass(frozen=True)
class Found:
    """What a name stands for in a folder: picture and mask, or `wrong`, a sentence that says why not both."""

    name: str
    image: Path | None = None
    mask: Path | None = None
    wrong: str = ""


def found(folder: Path, suffixes: frozenset[str] | set[str] = frozenset(SUFFIXES)) -> list[Found]:
    """Every picture and every mask of a folder, in order of their names: none is passed over in silence.

    Names belong together whatever their endings' case and however their accents are written.
    """
    images, odd_images = _by_name(folder / "images", suffixes)
    masks, odd_masks = _by_name(folder / "masks", MASK_SUFFIXES)
    told = [_pair(name, images.get(name, []), masks.get(name, [])) for name in sorted(images.keys() | masks.keys())]
    kinds = ", ".join(sorted(suffix[1:] for suffix in suffixes))
    told += [
        Found(f"images/{path.name}", wrong=f"It is no file of a kind that is read ({kinds}).") for path in odd_images
    ]
    told += [Found(f"masks/{path.name}", wrong="A mask is a PNG: save it as one.") for path in odd_masks]
    return told


def _by_name(folder: Path, suffixes: frozenset[str] | set[str]) -> tuple[dict[str, list[Path]], list[Path]]:
    """A folder's files of these kinds by their names without endings, and what else is there; hidden files aside."""
    known: dict[str, list[Path]] = {}
    odd = []
    for path in sorted(path for path in folder.glob("*") if not path.name.startswith(".")):
        if path.suffix.lower() in suffixes and path.is_file():
            known.setdefault(unicodedata.normalize("NFC", path.stem), []).append(path)
        else:
            odd.append(path)
    return known, odd


def _pair(name: str, images: list[Path], masks: list[Path]) -> Found:
    if len(images) == len(masks) == 1:
        return Found(images[0].name, images[0], masks[0])
    if not images:
        return Found(f"masks/{masks[0].name}", wrong=f"It is a mask without a picture: there is no images/{name}.*.")
    if not masks:
        return Found(images[0].name, wrong=f"It is a picture without a mask: there is no masks/{name}.png.")
    names = " and ".join(path.name for path in (images if len(images) > 1 else masks))
    return Found(images[0].name, wrong=f"{names} have one name, so which belong together is not certain: rename one.")


def pairs(folder: Path) -> list[tuple[Path, Path]]:
    """Pictures and their masks, in order of their names. ManifestError where one lacks the other, or there are none."""
    told = found(folder)
    if not any(one.image for one in told) and not any((folder / "images").glob("*")):
        raise ManifestError(f"{folder} holds no pictures: {NEEDED} are needed.")
    if wrong := next((one for one in told if one.wrong), None):
        raise ManifestError(f"{folder}: {wrong.name}: {wrong.wrong} Add what lacks or take it out.")
    return [(one.image, one.mask) for one in told if one.image and one.mask]


def check(folder: Path) -> int:
    """How many pairs there are, every one decoded. ManifestError for one that can't be read or has another size."""
    both = pairs(folder)
    for image, mask in both:
        try:
            with Image.open(image) as picture, Image.open(mask) as truth:
                picture.load()
                truth.load()
                sizes = picture.size, truth.size
        except (OSError, SyntaxError, Image.DecompressionBombError) as error:
            raise ManifestError(f"{image} or its mask can't be read ({error}). Repair it or take it out.") from error
        if sizes[0] != sizes[1]:
            raise ManifestError(f"{image} is {sizes[0]}, its mask {sizes[1]}: both must have one size.")
    return len(both)


def digest(folder: Path) -> str:
    """sha256 over the names and sha256s of the pictures and masks, in order of their names."""
    lines = [
        [f"{path.parent.name}/{path.name}", hashlib.sha256(path.read_bytes()).hexdigest()]
        for pair in pairs(folder)
        for path in pair
    ]
    return hashlib.sha256(json.dumps(lines, separators=(",", ":")).encode()).hexdigest()
