"""From an upload to a photo with its prediction: one road, whoever brings it, so that all are cut at one scale."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils import timezone

from annotations import ports, recent, services
from annotations.models import Photo
from segmentation import picture as pictures

if TYPE_CHECKING:
    from segmentation.cut import Cut, Predictor

Stage = Callable[[str], AbstractContextManager[None]]


@dataclass(frozen=True)
class Seen:
    """A decoded upload, and what a network said of it."""

    picture: pictures.Picture
    predictor: Predictor
    cut: Cut


def untimed(_: str) -> AbstractContextManager[None]:
    """A stage that nobody times."""
    return nullcontext()


def look(picture: pictures.Picture, owner: uuid.UUID | None = None, *, stage: Stage = untimed) -> Seen:
    """Has a picture cut, as small as a network needs it (see `Picture.small`), by the weights that serve this owner.

    Raises annotations.exceptions.Busy.
    """
    predictor = ports.predictor_current(owner)
    with stage("decode"):
        small = picture.small
    return Seen(picture, predictor, predictor.predict(small))


def photo_bring(
    *,
    owner: uuid.UUID,
    upload: bytes,
    name: str = "",
    photo_id: uuid.UUID | None = None,
    consent: bool | None = None,
    stage: Stage = untimed,
    sized: Callable[[int], None] | None = None,
) -> tuple[Photo, Seen]:
    """Keeps an uploaded file as a photo of this owner's with its first prediction.

    `consent`: may be learned from; None: as this owner answered before. `sized`: as `picture.decode` has it.
    Raises a segmentation.picture.PictureError, Busy, and what `services.photo_create` raises.
    """
    with stage("decode"):
        picture = pictures.decode(upload, sized=sized)
    with ThreadPoolExecutor(1) as beside:  # compressing a large photo takes longer than cutting it
        normalising = beside.submit(services.normalised, picture)
        with stage("decode"):
            near = picture.reduced(recent.SHORTER)
        seen = look(picture, owner, stage=stage)
        if consent is None:
            consent = ports.consent_of(owner)
        with stage("store"):
            kept = normalising.result()
    with stage("store"):
        photo = services.photo_create(
            owner=owner,
            upload=upload,
            picture=picture,
            predictor=seen.predictor,
            cut=seen.cut,
            name=name,
            photo_id=photo_id,
            consented_at=timezone.now() if consent else None,
            kept=kept,
        )
    recent.photos.keep(photo.sha256, near)
    return photo, seen
