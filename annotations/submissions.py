"""A correction as it comes in, and the mask it means: sent whole, or as what changed of a mask that is here."""

from __future__ import annotations

import hashlib
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from annotations import selectors
from annotations.exceptions import OtherBase, StaleCorrection
from annotations.models import Correction, Photo, Prediction, RefinedMask
from segmentation import mask as masks
from segmentation.mask import subjects


@dataclass(frozen=True)
class Changes:
    """What a mask has that another, its base, has not: a small fix of a large mask is small on the wire.

    `difference` is an 8-bit greyscale PNG whose upper left pixel belongs to (`left`, `top`) of the photo: what each
    pixel gained over the base, modulo 256. The base is the submission's own correction at `if_match`, otherwise the
    prediction's refined mask of the subject that `subject` names. `sha256` is of the whole mask's pixels, row by row.
    """

    difference: bytes
    sha256: str
    left: int = 0
    top: int = 0
    subject: str = subjects.ALL


@dataclass(frozen=True)
class Submission:
    """A correction as it came in: `mask` is an 8-bit greyscale PNG at the photo's size, `seconds` ≥ 0.

    `first`: only if its author has no other correction of the photo.
    """

    correction_id: uuid.UUID
    mask: bytes | Changes
    strokes: list[dict[str, Any]]
    seconds: float
    if_match: int | None = None
    first: bool = False


def mask_submitted(photo: Photo, prediction: Prediction, author: uuid.UUID, submission: Submission) -> masks.Alpha:
    """The mask a submission means, H×W uint8.

    Raises segmentation.mask.MaskError for a bad or an empty one, segmentation.mask.subjects.SubjectError,
    StaleCorrection, and OtherBase where changes and base don't make the mask that was meant.
    """
    changes = submission.mask
    if isinstance(changes, bytes):
        return masks.decode_png(changes, (photo.width, photo.height))
    with ThreadPoolExecutor(1) as beside:  # both are inflated at once
        difference = beside.submit(masks.decode_png, changes.difference, empty=True)
        base = _base(photo, prediction, author, submission, changes)
        alpha = _changed(base, difference.result(), changes)
    if masks.is_empty(alpha):
        raise masks.MaskError("empty_mask", "The mask is empty: paint the subject, then send it.")
    return alpha


def _changed(base: masks.Alpha, difference: masks.Alpha, changes: Changes) -> masks.Alpha:
    """The base with the changes, unless it has them already."""
    if _sha256(base) == changes.sha256:
        return base
    height, width = difference.shape
    within = base[changes.top : changes.top + height, changes.left : changes.left + width]
    if within.shape != difference.shape:
        sizes = f"{width}×{height} pixels at {changes.left}, {changes.top}"
        raise masks.MaskError("wrong_size", f"The changes ({sizes}) reach out of the photo: send what lies within it.")
    np.add(within, difference, out=within)
    if _sha256(base) != changes.sha256:
        raise OtherBase
    return base


def _base(
    photo: Photo, prediction: Prediction, author: uuid.UUID, submission: Submission, changes: Changes
) -> masks.Alpha:
    if submission.if_match is not None:
        known = Correction.objects.filter(id=submission.correction_id, author=author, photo=photo)
        if correction := known.only("mask", "version").first():
            alpha = masks.decode_png(bytes(correction.mask), empty=True)
            if correction.version != submission.if_match and _sha256(alpha) != changes.sha256:
                raise StaleCorrection
            return alpha
    kept = RefinedMask.objects.filter(prediction=prediction, subject=changes.subject).first()
    if kept is not None:
        return masks.decode_png(bytes(kept.mask), empty=True)
    which = subjects.parse(changes.subject)
    return selectors.mask_refined(prediction, selectors.photo_pixels(photo), which).copy()


def _sha256(alpha: masks.Alpha) -> str:
    return hashlib.sha256(np.ascontiguousarray(alpha).data).hexdigest()
