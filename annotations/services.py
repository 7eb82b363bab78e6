"""Every write of the labelled picture, each in one transaction."""

from __future__ import annotations

import hashlib
import math
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import psycopg
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from annotations import fingerprints, ports, reviews, selectors
from annotations.exceptions import (
    AlreadyReviewed,
    AnotherCorrection,
    CorrectionExists,
    NotFound,
    NotReviewable,
    OwnCorrection,
    PhotoExists,
    ReasonRequired,
    StaleCorrection,
)
from annotations.holding import photo_hold, photos_held_to_delete
from annotations.models import (
    Correction,
    DatasetItem,
    DeletedPhoto,
    OwnerAlias,
    Photo,
    Prediction,
    Quarantine,
    RefinedMask,
    Review,
    TrashedPhoto,
)
from annotations.submissions import Submission as Submission
from annotations.submissions import mask_submitted
from annotations.trust import sketch
from segmentation import mask as masks
from segmentation import picture as pictures

if TYPE_CHECKING:
    from segmentation.cut import Cut, Predictor

GROUP_LOCK = 0x53_4E_41_50  # one writer at a time decides which group a photo belongs to
LOSSLESS_PIXELS = 4_000_000
DISTANCE = "bit_count((phash # %s)::bit(64))"
OF_A_CROP = "bit_count((crops[{}] # %s)::bit(64))"
NEAREST = """
    SELECT "group" FROM (
        SELECT "group", LEAST({}) AS distance
        FROM (
            SELECT "group", phash, crops FROM annotations_photo
            UNION ALL
            SELECT "group", phash, crops FROM annotations_photosplit WHERE phash IS NOT NULL
        ) AS photos
    ) AS near WHERE distance <= %s ORDER BY distance LIMIT 1
"""


def photo_create(
    *,
    owner: uuid.UUID,
    upload: bytes,
    picture: pictures.Picture,
    predictor: Predictor,
    cut: Cut,
    name: str = "",
    photo_id: uuid.UUID | None = None,
    consented_at: datetime | None = None,
    kept: tuple[bytes, str] | None = None,
) -> Photo:
    """Keeps a normalised picture together with its first prediction; `kept` is that picture, `normalised` already.

    Repeated with the same `photo_id` and upload it answers the photo that is already there.
    Raises PhotoExists when the id holds another upload, NotFound when it is someone else's.
    """
    upload_sha256 = hashlib.sha256(upload).hexdigest()
    if known := selectors.photo_uploaded(photo_id):
        return _same_upload(known, owner, upload_sha256)
    image, media_type = kept or normalised(picture)
    width, height = picture.size
    hashes, crops = fingerprints.phashes(picture.small), fingerprints.crops(picture.small)
    prediction = _prediction_fields(predictor, cut)
    try:
        with transaction.atomic():
            photo = Photo.objects.create(
                id=photo_id or uuid.uuid4(),
                owner=owner,
                name=_clean_name(name),
                image=b"",
                media_type=media_type,
                sha256=hashlib.sha256(image).hexdigest(),
                upload_sha256=upload_sha256,
                width=width,
                height=height,
                phash=hashes[0],
                crops=crops,
                group=_group(hashes, crops),
                consented_at=consented_at,
            )
            _write_image(photo, image)
            Prediction.objects.create(photo=photo, **prediction)
    except IntegrityError:
        if not (known := selectors.photo_uploaded(photo_id)):
            raise
        return _same_upload(known, owner, upload_sha256)
    return photo


def _same_upload(photo: Photo, owner: uuid.UUID, upload_sha256: str) -> Photo:
    if photo.owner != owner:
        raise NotFound
    if photo.upload_sha256 != upload_sha256:
        raise PhotoExists
    return photo


def normalised(picture: pictures.Picture) -> tuple[bytes, str]:
    """The file that is kept of an upload, and its media type: upright, sRGB, without metadata."""
    if picture.lossless and math.prod(picture.size) <= LOSSLESS_PIXELS:
        return pictures.encode_png(picture.rgb), Photo.MediaType.PNG
    return pictures.encode_jpeg(picture.image, halved=picture.halved), Photo.MediaType.JPEG


def _write_image(photo: Photo, image: bytes) -> None:
    """Sends a picture as it is: Django would write it into the statement as hexadecimal text, in twice the time."""
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute("UPDATE annotations_photo SET image = %b WHERE id = %s", [image, photo.id])
    photo.image = image


def _clean_name(name: str) -> str:
    return "".join(c for c in name.replace("\\", "/").rsplit("/", 1)[-1] if c.isprintable())[:120]


def _group(ways: Sequence[int], crops: Sequence[int]) -> uuid.UUID:
    """The group of the nearest photo in reach, else a new one. Holds a lock till the transaction's end.

    Near is one like this photo, by its hashes in all `ways` that it may lie; like one of its crops; or with a crop
    like this photo. Photos count that are gone but were in a dataset version: what learned from them is judged by
    nothing alike.
    """
    distances = [DISTANCE] * len([*ways, *crops])
    distances += [OF_A_CROP.format(place + 1) for place in range(len(fingerprints.CROPS))]
    values = [*ways, *crops, *[ways[0]] * len(fingerprints.CROPS), fingerprints.NEAR]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [GROUP_LOCK])
        cursor.execute(NEAREST.format(", ".join(distances)), values)
        row = cursor.fetchone()
    return row[0] if row else uuid.uuid4()


def _prediction_fields(predictor: Predictor, cut: Cut) -> dict[str, Any]:
    return {
        "weights": predictor.weights,
        "mask": masks.encode_png(cut.alpha),
        "network": predictor.network,
        "device": predictor.device,
        "uncertainty": cut.uncertainty,
        "subject_score": cut.subject_score,
        "subject_found": cut.subject_found,
    }


@transaction.atomic
def photo_delete(*, photo: Photo) -> list[str]:
    """Deletes the photo and everything derived from it; answers the sha256 of each set of weights that saw it.

    Waits for those who add to it at this moment. Raises NotFound where it is gone.
    """
    held = photos_held_to_delete(Photo.objects.filter(id=photo.id))
    if not held:
        raise NotFound
    datasets = DatasetItem.objects.filter(photo=photo.id).values_list("dataset_id", flat=True).distinct()
    seen_by = ports.weights_trained_on(list(datasets))
    photos_bury(held)
    return seen_by


def photos_bury(gone: list[tuple[uuid.UUID, uuid.UUID]]) -> int:
    """Deletes photos, (id, owner) each, with all that was made of them, and remembers whose they were; how many.

    They are held to be deleted, see `holding`.
    """
    DeletedPhoto.objects.bulk_create([DeletedPhoto(id=id_, owner=owner) for id_, owner in gone], ignore_conflicts=True)
    Photo.objects.filter(id__in=[id_ for id_, _ in gone]).delete()
    return len(gone)


def refined_keep(*, prediction: Prediction, subject: str, mask: bytes) -> None:
    """Remembers the PNG that was handed out to be corrected, so that a fix can be told by what it changes.

    Raises PhotoDeleted.
    """
    sha256 = hashlib.sha256(mask).hexdigest()
    if RefinedMask.objects.filter(prediction=prediction, subject=subject, sha256=sha256).exists():
        return
    fields = {"subject": subject, "mask": mask, "sha256": sha256}
    with transaction.atomic():
        photo_hold(prediction.photo_id)
        RefinedMask.objects.update_or_create(prediction=prediction, defaults=fields)


def correction_submit(
    *, photo: Photo, prediction: Prediction, author: uuid.UUID, submission: Submission
) -> tuple[Correction, bool]:
    """Keeps a person's mask; True with it when it is new. Sent again unchanged, it answers what is there.

    Raises segmentation.mask.MaskError for a bad mask, OtherBase, CorrectionExists, AnotherCorrection, StaleCorrection,
    NotFound (someone else's id), PhotoDeleted.
    """
    alpha = mask_submitted(photo, prediction, author, submission)
    kept = RefinedMask.objects.filter(prediction=prediction).first()
    with ThreadPoolExecutor(2) as beside:  # packing is as long as all the rest, and leaves Python's lock alone
        packing = beside.submit(masks.encode_png, alpha)
        shown = beside.submit(masks.decode_png, bytes(kept.mask), empty=True) if kept else None
        predicted = selectors.mask_predicted(prediction)
        fields = {
            "prediction": prediction,
            "sketch": sketch.draw(alpha, predicted),
            "iou": masks.iou(alpha, predicted),
            "shown_iou": masks.iou(alpha, shown.result() if shown else predicted),
            "strokes": submission.strokes,
            "seconds": submission.seconds,
        }
        mask = packing.result()
    fields |= {"mask": mask, "mask_sha256": hashlib.sha256(mask).hexdigest()}
    with transaction.atomic():
        photo_hold(photo.id, alone=submission.first)  # of two devices that save at once, one hears of the other
        if submission.first and others_of(photo, author, submission.correction_id).exists():
            raise AnotherCorrection
        correction, created = Correction.objects.select_for_update().get_or_create(
            id=submission.correction_id, defaults={"photo": photo, "author": author, **fields}
        )
        if not created:
            _edit(correction, photo, author, fields, submission.if_match)
    return correction, created


def others_of(photo: Photo, author: uuid.UUID, correction_id: uuid.UUID) -> QuerySet[Correction]:
    """This author's corrections of the photo under other ids."""
    return Correction.objects.filter(photo=photo, author=author).exclude(id=correction_id)


def _edit(
    correction: Correction, photo: Photo, author: uuid.UUID, fields: dict[str, Any], if_match: int | None
) -> None:
    if correction.author != author or correction.photo_id != photo.id:
        raise NotFound
    if correction.mask_sha256 == fields["mask_sha256"]:
        return
    if if_match is None:
        raise CorrectionExists
    if if_match != correction.version:
        raise StaleCorrection
    for name, value in fields.items():
        setattr(correction, name, value)
    correction.version += 1
    correction.save()


def correction_approve(
    *, correction: Correction, version: int, reviewer: Any, reason: str = "", own: bool | None = None
) -> Review:
    """Lets a correction into the next dataset version. Its author may approve it where `own`, else settings, say so.

    Raises OwnCorrection, AlreadyReviewed, StaleCorrection, NotReviewable.
    """
    may = settings.OWN_APPROVAL if own is None else own
    return _review(correction, version, reviewer, Review.Verdict.APPROVE, reason, own=may)


def correction_reject(*, correction: Correction, version: int, reviewer: Any, reason: str) -> Review:
    """Keeps a correction out of training. Raises ReasonRequired, AlreadyReviewed, StaleCorrection, NotReviewable."""
    if not reason.strip():
        raise ReasonRequired
    return _review(correction, version, reviewer, Review.Verdict.REJECT, reason)


@transaction.atomic
def _review(
    correction: Correction, version: int, reviewer: Any, verdict: Review.Verdict, reason: str, own: bool = True
) -> Review:
    photo_hold(correction.photo_id)
    locked = selectors.corrections().select_for_update(of=("self",)).filter(id=correction.id).first()
    if locked is None:
        raise NotFound
    if locked.photo.consented_at is None:
        raise NotReviewable
    if locked.author == reviewer.owner and not own:
        raise OwnCorrection
    if locked.version != version:
        raise StaleCorrection
    if locked.reviews.filter(version=version).exists():
        raise AlreadyReviewed
    return Review.objects.create(
        correction=locked, version=version, reviewer=reviewer, verdict=verdict, reason=reason.strip()
    )


def consent_apply(*, owner: uuid.UUID, consented_at: datetime | None) -> int:
    """Marks all of an owner's photos as allowed for learning, or, with None, as no longer allowed."""
    TrashedPhoto.objects.filter(owner=owner).update(consented_at=consented_at)
    return Photo.objects.filter(owner=owner).update(consented_at=consented_at)


def photo_consent(*, photo: Photo, consented_at: datetime | None) -> None:
    """Marks this photo alone as allowed for learning, or, with None, as no longer allowed."""
    Photo.objects.filter(id=photo.id).update(consented_at=consented_at)


@transaction.atomic
def owner_replace(*, old: uuid.UUID, new: uuid.UUID) -> None:
    """Hands what a browser session made to the person who just logged in.

    That they are one is remembered: nobody is learned from under one name and judged by under another (see `splits`).
    """
    OwnerAlias.objects.get_or_create(old=old, new=new)
    Photo.objects.filter(owner=old).update(owner=new)
    Correction.objects.filter(author=old).update(author=new)
    reviews.own_approvals_withdraw(author=new)
    DeletedPhoto.objects.filter(owner=old).update(owner=new)
    TrashedPhoto.objects.filter(owner=old).update(owner=new)
    _quarantines_replace(old, new)


def _quarantines_replace(old: uuid.UUID, new: uuid.UUID) -> None:
    """Nobody leaves a quarantine by logging in; where both are in one, the account's own goes on."""
    if Quarantine.objects.filter(author=new, lifted_at=None).exists():
        joined = Quarantine.objects.filter(author=old, lifted_at=None)
        joined.update(lifted_at=timezone.now(), lifted_by=F("placed_by"))
    Quarantine.objects.filter(author=old).update(author=new)


@transaction.atomic
def photos_expire(*, hours: int) -> int:
    """Deletes photos older than `hours` whose owners do not allow learning from them; answers how many.

    That there was one is remembered as long again. One that somebody adds to at this moment stays for the next time.
    """
    now = timezone.now()
    DeletedPhoto.objects.filter(deleted_at__lt=now - timedelta(hours=hours)).delete()
    old = Photo.objects.filter(consented_at=None, trashed=None, created_at__lt=now - timedelta(hours=hours))
    return photos_bury(photos_held_to_delete(old, wait=False))
