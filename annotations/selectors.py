"""Every read of the labelled picture."""

import uuid
from typing import Any

import numpy as np
from django.conf import settings
from django.db.models import Case, F, OuterRef, Prefetch, Q, QuerySet, Subquery, When, Window
from django.db.models.functions import RowNumber

from annotations import names
from annotations.difference import difference
from annotations.exceptions import NotFound, PhotoDeleted
from annotations.models import APPROVED, Correction, DeletedPhoto, Photo, Prediction
from segmentation import mask as masks
from segmentation import picture as pictures
from segmentation.mask import edge, foreground, subjects

STATES = {"approve": "approved", "reject": "rejected"}


def corrections() -> QuerySet[Correction]:
    """Corrections, each with its photo and the prediction it started from, and none of their bytes."""
    labelled = Correction.objects.filter(photo__trashed=None).select_related("photo", "prediction")
    labelled = labelled.prefetch_related("reviews")
    return labelled.defer(*Correction.HEAVY, "photo__image", "prediction__mask")


def photo_uploaded(photo_id: uuid.UUID | None) -> Photo | None:
    """The photo under a client-made id, whoever owns it."""
    return Photo.objects.filter(id=photo_id).first() if photo_id else None


def photos_of(owner: uuid.UUID) -> QuerySet[Photo]:
    """An owner's photos, newest first, each with its predictions and the owner's corrections."""
    return _with_labels(Photo.objects.filter(owner=owner), owner)


def photo_get(photo_id: uuid.UUID, owner: uuid.UUID, user: Any) -> Photo:
    """A photo its owner may see, and reviewers if it is consented. Raises NotFound."""
    photo = _with_labels(Photo.objects.filter(seen_by(owner, user), id=photo_id), owner).first()
    if photo is None:
        raise NotFound
    return photo


def photo_to_correct(photo_id: uuid.UUID, owner: uuid.UUID, user: Any) -> Photo:
    """A photo that a fix is for. Raises NotFound; PhotoDeleted, so that its owner learns what became of it."""
    if DeletedPhoto.objects.filter(id=photo_id, owner=owner).exists():
        raise PhotoDeleted
    return photo_get(photo_id, owner, user)


def photo_owned(photo_id: uuid.UUID, owner: uuid.UUID) -> Photo:
    """The requester's own photo. Raises NotFound."""
    photo = Photo.objects.filter(id=photo_id, owner=owner).first()
    if photo is None:
        raise NotFound
    return photo


def seen_by(owner: uuid.UUID, user: Any, photo: str = "") -> Q:
    """Which photos may be seen: one's own; by reviewers also those that may be learned from.

    `photo` leads to the photo from what is asked for, as "photo__". Asked in the query itself, what is somebody else's
    takes the same road as what does not exist.
    """
    own = Q(**{f"{photo}owner": owner})
    return own | Q(**{f"{photo}consented_at__isnull": False}) if getattr(user, "is_reviewer", False) else own


def prediction_get(prediction_id: uuid.UUID, owner: uuid.UUID, user: Any) -> Prediction:
    """A prediction of a photo that may be seen. Raises NotFound."""
    predictions = Prediction.objects.select_related("photo").defer("mask", "photo__image")
    prediction = predictions.filter(seen_by(owner, user, "photo__"), id=prediction_id).first()
    if prediction is None:
        raise NotFound
    return prediction


def prediction_of(photo: Photo, prediction_id: uuid.UUID | None) -> Prediction:
    """One of a photo's own predictions, the newest without an id. Raises NotFound."""
    predictions = Prediction.objects.filter(photo=photo)
    prediction = (predictions.filter(id=prediction_id) if prediction_id else predictions).first()
    if prediction is None:
        raise NotFound
    return prediction


def correction_get(correction_id: uuid.UUID, owner: uuid.UUID, user: Any) -> Correction:
    """A correction of a photo that may be seen: its mask tells of the photo, whoever drew it. Raises NotFound."""
    correction = corrections().filter(seen_by(owner, user, "photo__"), id=correction_id).first()
    if correction is None:
        raise NotFound
    return correction


def latest_prediction(photo: Photo) -> Prediction | None:
    """The newest prediction of a photo."""
    return next(iter(photo.predictions.all()), None)


def mask_kept(prediction: Prediction) -> np.ndarray:
    """A prediction's mask as it is kept, HxW uint8: of the whole photo, and of its size or smaller."""
    return masks.decode_png(bytes(prediction.mask), empty=True)


def mask_predicted(prediction: Prediction) -> np.ndarray:
    """A prediction's mask at the photo's size, HxW uint8, as the network gave it."""
    return masks.resized(mask_kept(prediction), (prediction.photo.width, prediction.photo.height))


def photo_pixels(photo: Photo) -> np.ndarray:
    """A photo at its own size, HxWx3 uint8."""
    return pictures.decode(bytes(photo.image)).rgb


def mask_refined(prediction: Prediction, rgb: np.ndarray, which: subjects.Which = subjects.ALL) -> np.ndarray:
    """A prediction's mask as its sticker shows it, HxW uint8: the chosen subjects, their edge where the photo has one.

    `rgb` is the photo, HxWx3 uint8. Raises segmentation.mask.subjects.SubjectError.
    """
    return edge.refine(rgb, subjects.choose(mask_kept(prediction), which))


def latest_correction(photo: Photo, author: uuid.UUID) -> Correction | None:
    """What `author` last saved for a photo."""
    mine = [correction for correction in photo.corrections.all() if correction.author == author]
    return max(mine, key=lambda correction: correction.updated_at, default=None)


def queue_correct(author: uuid.UUID) -> QuerySet[Photo]:
    """Consented photos that nobody has corrected, those worth most first: by turns a failure and a doubtful one.

    A failure is a photo where no subject was found: both maps are empty there, so they agree and the uncertainty says
    nothing; the likelier a subject, the sooner. Of the others the most uncertain comes first, ties by age. By turns,
    since walls have no subject either, and weights that learn from failures alone forget the ordinary.
    """
    newest = Prediction.objects.filter(photo=OuterRef("pk")).order_by("-created_at")
    photos = Photo.objects.filter(consented_at__isnull=False, corrections=None).annotate(
        found=Subquery(newest.values("subject_found")[:1]),
        doubt=Case(
            When(found=False, then=Subquery(newest.values("subject_score")[:1])),
            default=Subquery(newest.values("uncertainty")[:1]),
        ),
    )
    turn = Window(RowNumber(), partition_by=["found"], order_by=[F("doubt").desc(), "created_at", "id"])
    return _with_labels(photos.annotate(turn=turn).order_by("turn", "found"), author)


def queue_review(reviewer: uuid.UUID | None = None) -> QuerySet[Correction]:
    """Corrections of consented photos whose present version nobody has reviewed, oldest first.

    For a `reviewer`, by their owner id, without their own unless they may approve these.
    """
    waiting = corrections().filter(photo__consented_at__isnull=False)
    if reviewer is not None and not settings.OWN_APPROVAL:
        waiting = waiting.exclude(author=reviewer)
    reviewed = Correction.objects.filter(reviews__version=F("version")).values("id")
    return waiting.exclude(id__in=reviewed).order_by("updated_at", "id")


def corrections_approved() -> QuerySet[Correction]:
    """Corrections whose present version is approved and whose photo may be learned from."""
    return corrections().filter(APPROVED, photo__consented_at__isnull=False).order_by("created_at", "id")


def correction_state(correction: Correction) -> tuple[str, str]:
    """(state, reason): private without consent, else waiting, approved or rejected as its present version was."""
    if correction.photo.consented_at is None:
        return "private", ""
    for review in correction.reviews.all():
        if review.version == correction.version:
            return STATES[review.verdict], review.reason
    return "waiting", ""


def mask_of(labelled: Prediction | Correction, rgb: np.ndarray | None = None) -> np.ndarray:
    """The mask a sticker is made of, HxW uint8: a person's as they drew it, a network's refined."""
    if isinstance(labelled, Correction):
        return masks.decode_png(bytes(labelled.mask), empty=True)
    return mask_refined(labelled, photo_pixels(labelled.photo) if rgb is None else rgb)


def cutout_of(labelled: Prediction | Correction) -> np.ndarray:
    """The photo cut with that mask, at the photo's size: HxWx4 uint8, the edge in the subject's own colours."""
    rgb = photo_pixels(labelled.photo)
    alpha = mask_of(labelled, rgb)
    return masks.cutout(foreground.estimate(rgb, alpha), alpha)


def file_name(photo: Photo, kind: str) -> str:
    """A name for a file made of a photo, as `cat_mask.png` for the mask.png of cat.jpg."""
    return f"{names.stem_of(photo.name)}_{kind}"


def correction_difference(correction: Correction) -> np.ndarray:
    """What a correction changed of the mask it started from, as a picture: hxwx3 uint8 (see `difference`)."""
    rgb = photo_pixels(correction.photo)
    return difference(rgb, mask_refined(correction.prediction, rgb), masks.decode_png(bytes(correction.mask)))


def _with_labels(photos: QuerySet[Photo], author: uuid.UUID) -> QuerySet[Photo]:
    mine = corrections().filter(author=author)
    return photos.prefetch_related("predictions", Prefetch("corrections", queryset=mine))
