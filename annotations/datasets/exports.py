"""Corrections as others read them: pictures, soft masks, and one COCO document."""

import json
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.exceptions import ObjectDoesNotExist

from annotations import names, selectors
from annotations.exceptions import AnnotationError
from annotations.models import Correction, Photo
from segmentation import mask as masks
from segmentation.manifest import write_bytes
from segmentation.mask import rle

DOCUMENT = "annotations.json"
CATEGORY = {"id": 1, "name": "subject", "supercategory": "subject"}
EXTENSIONS = {Photo.MediaType.JPEG: ".jpg", Photo.MediaType.PNG: ".png"}


class ExportRefused(AnnotationError):
    """The corrections can't be written there."""


def corrections_export(*, folder: Path) -> Iterator[str]:
    """Writes every approved correction of a consented photo into an empty or new `folder`; yields the pictures' names.

    images/NAME.jpg|png, masks/NAME.png (8-bit greyscale, soft) and annotations.json (COCO, run lengths cut at one
    half); `import_corrections` reads the folder. The document comes last: a folder without it is not whole.
    Raises ExportRefused.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ExportRefused(f"{folder} is not empty: name a new folder.")
    taken: set[str] = set()
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, correction in enumerate(selectors.corrections_approved(), 1):
        photo = correction.photo
        try:
            image, mask = bytes(photo.image), bytes(correction.mask)
        except ObjectDoesNotExist:  # deleted since the list was made
            continue
        stem = _free(names.stem_of(photo.name), taken)
        name = stem + EXTENSIONS[Photo.MediaType(photo.media_type)]
        write_bytes(folder / "images" / name, image)
        write_bytes(folder / "masks" / f"{stem}.png", mask)
        images.append({"id": number, "file_name": name, "width": photo.width, "height": photo.height})
        annotations.append(_annotation(number, correction))
        yield name
    if not images:
        raise ExportRefused("There is nothing to export: approve corrections of consented photos first.")
    document = {"images": images, "annotations": annotations, "categories": [CATEGORY]}
    write_bytes(folder / DOCUMENT, json.dumps(document).encode())


def _annotation(number: int, correction: Correction) -> dict[str, Any]:
    alpha = masks.decode_png(bytes(correction.mask))
    inside = alpha >= masks.HALF
    box = masks.crop_box(alpha, threshold=masks.HALF) if inside.any() else (0, 0, 0, 0)
    return {
        "id": number,
        "image_id": number,
        "category_id": CATEGORY["id"],
        "segmentation": rle.encode(alpha),
        "area": int(inside.sum()),
        "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]],
        "iscrowd": 0,
        "correction": str(correction.id),
        "version": correction.version,
        "weights": correction.prediction.weights,
    }


def _free(stem: str, taken: set[str]) -> str:
    """`stem`, or with the first free number behind it; what some file systems take for one name counts as one."""
    name, number = stem, 1
    while _same(name) in taken:
        number += 1
        name = f"{stem}-{number}"
    taken.add(_same(name))
    return name


def _same(name: str) -> str:
    """Equal for names that differ in case or in how an accent is written alone."""
    return unicodedata.normalize("NFC", name).casefold()
