"""Writes of stickers."""

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TypedDict

import numpy as np
from django.db import transaction

from annotations import recent, selectors
from annotations.exceptions import NoSubjectFound
from annotations.holding import photo_hold
from annotations.models import Photo
from segmentation import mask as masks
from segmentation import picture as pictures
from segmentation.mask import edge, foreground, subjects
from stickersnap.stickers.models import Sticker
from stickersnap.stickers.render import NothingToCut, crop
from stickersnap.stickers.source import scaled
from stickersnap.stickers.style import Style
from stickersnap.stickers.targets import StickerFile, side, sticker_file

Stage = Callable[[str], AbstractContextManager[None]]


class Wish(TypedDict):
    """How a sticker is to be; `subject` is "all", "largest" or a point as "0.5,0.4"."""

    target: str
    style: Style
    subject: str


def untimed(_: str) -> AbstractContextManager[None]:
    """A stage that nobody times."""
    return nullcontext()


def sticker_render(*, photo: Photo, author: uuid.UUID, wish: Wish, stage: Stage = untimed) -> Sticker:
    """Makes the sticker of a photo from what `author` last corrected, else from the newest prediction.

    A correction is taken as it was drawn, whatever subject is wished for. The same sticker asked for again is the one
    that is there. Raises NoSubjectFound when there is nothing to cut, segmentation.mask.subjects.SubjectError, TooRich,
    PhotoDeleted.
    """
    prediction = selectors.latest_prediction(photo)
    correction = selectors.latest_correction(photo, author)
    if prediction is None or (correction is None and not prediction.subject_found):
        raise NoSubjectFound
    which = subjects.parse(wish["subject"])
    found = subjects.find(selectors.mask_kept(prediction)) if correction is None else None
    made_of = {
        "photo": photo,
        "prediction": prediction,
        "correction": correction,
        "correction_version": correction.version if correction else None,
        "target": wish["target"],
        "style_digest": wish["style"].digest,
        "subject": subjects.named(found, which) if found else subjects.ALL,
    }
    if known := Sticker.objects.filter(**made_of).first():
        return known
    decoded = recent.photos.get(photo.sha256)

    def at_scale(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with stage("decode"):
            return scaled(lambda: bytes(photo.image), (photo.width, photo.height), mask, side(wish["target"]), decoded)

    if found is None:
        assert correction is not None
        rgb, alpha = at_scale(masks.decode_png(bytes(correction.mask)))
    else:
        kept = subjects.chosen(found, which)
        rgb, _ = at_scale(masks.settle(kept))
        with stage("edge"):
            alpha = edge.refine(rgb, kept)
    made = _made(rgb, alpha, wish, stage)
    fields = {
        "file": made.data,
        "media_type": made.media_type,
        "width": made.width,
        "height": made.height,
        "notes": made.notes,
        "quality": made.quality,
        "ssim": made.ssim,
        "style": wish["style"].as_dict(),
        "subjects": found.points if found else [],
    }
    with transaction.atomic():
        photo_hold(photo.id)
        return Sticker.objects.get_or_create(**made_of, defaults=fields)[0]


def sticker_previewed(*, photo: Photo, mask: bytes, wish: Wish, stage: Stage = untimed) -> StickerFile:
    """The very file that a fix with this mask would make; nothing is kept. `mask` is a grey PNG of the photo's size.

    Raises segmentation.mask.MaskError for a bad mask, NoSubjectFound when there is nothing to cut.
    """
    size = photo.width, photo.height
    alpha = masks.decode_png(mask, size)
    with stage("decode"):
        decoded = recent.photos.get(photo.sha256)
        rgb, small = scaled(lambda: bytes(photo.image), size, alpha, side(wish["target"]), decoded)
    return _made(rgb, small, wish, stage)


def sticker_made(
    *, upload: bytes, picture: pictures.Picture, alpha: np.ndarray, wish: Wish, stage: Stage = untimed
) -> StickerFile:
    """A sticker of a photo that is not kept: `alpha` is what a network said of `picture`, HxW uint8.

    Raises NoSubjectFound when there is nothing to cut, segmentation.mask.subjects.SubjectError, TooRich.
    """
    with stage("edge"):
        kept = subjects.choose(alpha, subjects.parse(wish["subject"]))
    with stage("decode"):
        settled = masks.settle(kept)
        rgb, _ = scaled(lambda: upload, picture.size, settled, side(wish["target"]), picture.image)
    with stage("edge"):
        refined = edge.refine(rgb, kept)
    return _made(rgb, refined, wish, stage)


def cut_out(rgb: np.ndarray, alpha: np.ndarray, subject: str = subjects.ALL, stage: Stage = untimed) -> bytes:
    """The first StickerSnap's answer: an RGBA PNG of the subject, cropped, at the photo's own scale.

    `alpha` is what a network said of the photo, HxW uint8, at its scale or smaller. Raises NoSubjectFound,
    segmentation.mask.subjects.SubjectError.
    """
    with stage("edge"):
        refined = edge.refine(rgb, subjects.choose(alpha, subjects.parse(subject)))
        colours = foreground.estimate(rgb, refined)
    try:
        return pictures.encode_png(np.asarray(crop(colours, refined)))
    except NothingToCut:
        raise NoSubjectFound from None


def _made(rgb: np.ndarray, alpha: np.ndarray, wish: Wish, stage: Stage) -> StickerFile:
    with stage("edge"):
        colours = foreground.estimate(rgb, alpha)
    try:
        with stage("encode"):
            return sticker_file(colours, alpha, wish["target"], wish["style"])
    except NothingToCut:
        raise NoSubjectFound from None
