"""Brings in pictures with masks that were made elsewhere, as photos with approved corrections."""

import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from annotations import bringing, reviews
from annotations import services as labels
from annotations.datasets import splits
from annotations.exceptions import AlreadyReviewed, AnnotationError
from annotations.models import Correction, Photo
from segmentation import folders, manifest, picture
from segmentation.mask import MaskError, exchange
from stickersnap.accounts.models import User

IMPORTED = uuid.UUID("6f1d9d2e-6a3d-4d3a-9d56-0f6f2f5a7c11")  # namespace: the same pair is the same photo again


SUFFIXES = folders.SUFFIXES | {".gif", ".heic", ".heif", ".avif"}  # all that an upload may be


@dataclass(frozen=True)
class Told:
    """What became of one picture or mask of the folder, in words; `refused` if it should be mended."""

    name: str
    said: str
    refused: bool = False


class ImportRefused(AnnotationError):
    """There is nothing in this folder that can be imported."""


def pictures_found(folder: Path) -> list[folders.Found]:
    """All that is in a dataset folder, or in a plain one with images/NAME.* beside masks/NAME.png.

    Raises ImportRefused, segmentation.manifest.ManifestError.
    """
    if (folder / manifest.MANIFEST).exists():
        samples = manifest.read(folder)
        return [folders.Found(s.image, folder / s.image, folder / s.mask if s.mask else None) for s in samples]
    found = folders.found(folder, SUFFIXES)
    if not found:
        raise ImportRefused(f"{folder} holds no images/NAME.jpg with a masks/NAME.png. Name the folder above both.")
    return found


def corrections_import(*, folder: Path, operator: User) -> Iterator[Told]:
    """Imports every pair as the operator's own, consented photo with an approved correction.

    Yields what became of each picture, and of each mask without one. Done again, it changes only what changed.
    """
    splits.owner_by_group(operator.owner)
    for found in pictures_found(folder):
        if found.wrong:
            yield Told(found.name, found.wrong, refused=True)
        elif found.image is None or found.mask is None:
            yield Told(found.name, "left out: nobody labelled it")
        else:
            yield _told(found.name, found.image, found.mask, operator)


def _told(name: str, image: Path, mask: Path, operator: User) -> Told:
    try:
        _import(image, mask, operator)
    except (AnnotationError, picture.PictureError, MaskError, OSError) as error:
        return Told(name, str(error), refused=True)
    return Told(name, "imported")


def _import(image: Path, mask: Path, operator: User) -> None:
    upload = image.read_bytes()
    alpha = exchange.certain(mask.read_bytes(), picture.decode(upload).size)
    photo_id = uuid.uuid5(IMPORTED, f"{operator.owner}{hashlib.sha256(upload).hexdigest()}")
    photo = Photo.objects.filter(id=photo_id).first()
    if photo is None:
        photo, _ = bringing.photo_bring(
            owner=operator.owner, upload=upload, name=image.name, photo_id=photo_id, consent=True
        )
    _approve(_correct(photo, alpha, operator), operator)


def _correct(photo: Photo, alpha: bytes, operator: User) -> Correction:
    correction_id = uuid.uuid5(photo.id, "imported")
    known = Correction.objects.filter(id=correction_id).first()
    submission = labels.Submission(
        correction_id=correction_id, mask=alpha, strokes=[], seconds=0, if_match=known.version if known else None
    )
    prediction = photo.predictions.earliest("created_at")
    correction, _ = labels.correction_submit(
        photo=photo, prediction=prediction, author=operator.owner, submission=submission
    )
    return correction


def _approve(correction: Correction, operator: User) -> None:
    try:
        labels.correction_approve(
            correction=correction, version=correction.version, reviewer=operator, reason=reviews.IMPORTED, own=True
        )
    except AlreadyReviewed:
        return
