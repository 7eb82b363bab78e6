"""Brings in pictures with masks that were made elsewhere, as photos with approved corrections."""

import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from django.utils import timezone
from PIL import Image

from annotations import reviews, splits
from annotations import services as labels
from annotations.exceptions import AlreadyReviewed, AnnotationError
from annotations.lineage import predictor_current
from annotations.models import Correction, Photo
from segmentation import manifest, mask, picture
from stickersnap.accounts.models import User

IMPORTED = uuid.UUID("6f1d9d2e-6a3d-4d3a-9d56-0f6f2f5a7c11")  # namespace: the same pair is the same photo again


@dataclass(frozen=True)
class Pair:
    name: str
    image: Path
    mask: Path


class ImportRefused(AnnotationError):
    """There is nothing in this folder that can be imported."""


def pairs(folder: Path) -> list[Pair]:
    """The pairs of a dataset folder, or of a plain one with images/NAME.* beside masks/NAME.png."""
    if (folder / manifest.MANIFEST).exists():
        labelled = [s for s in manifest.read(folder) if s.mask is not None]
        return [Pair(s.image, folder / s.image, folder / str(s.mask)) for s in labelled]
    masks = {path.stem: path for path in (folder / "masks").glob("*.png")}
    found = [Pair(p.name, p, masks[p.stem]) for p in sorted((folder / "images").glob("*")) if p.stem in masks]
    if not found:
        raise ImportRefused(f"{folder} holds no images/NAME.jpg with a masks/NAME.png. Name the folder above both.")
    return found


def corrections_import(*, folder: Path, operator: User) -> Iterator[tuple[Pair, str]]:
    """Imports every pair as the operator's own, consented photo with an approved correction.

    Yields each pair with what was wrong with it, empty when it came in. Done again, it changes only what changed.
    """
    splits.owner_by_group(operator.owner)
    for pair in pairs(folder):
        try:
            _import(pair, operator)
        except (AnnotationError, picture.PictureError, mask.MaskError, OSError) as error:
            yield pair, str(error)
        else:
            yield pair, ""


def _import(pair: Pair, operator: User) -> None:
    upload = pair.image.read_bytes()
    decoded = picture.decode(upload)
    alpha = _mask(pair.mask)
    photo_id = uuid.uuid5(IMPORTED, f"{operator.owner}{hashlib.sha256(upload).hexdigest()}")
    photo = Photo.objects.filter(id=photo_id).first()
    if photo is None:
        predictor = predictor_current()
        photo = labels.photo_create(
            owner=operator.owner,
            upload=upload,
            picture=decoded,
            predictor=predictor,
            cut=predictor.predict(decoded.rgb),
            name=pair.image.name,
            photo_id=photo_id,
            consented_at=timezone.now(),
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


def _mask(path: Path) -> bytes:
    with Image.open(path) as image:
        return mask.encode_png(np.asarray(image.convert("L")))
