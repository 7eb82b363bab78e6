"""Writes of stickers."""

import uuid
from typing import TypedDict

import numpy as np

from annotations import selectors
from annotations.exceptions import NoSubjectFound
from annotations.models import Photo
from segmentation import mask as masks
from segmentation import picture as pictures
from stickersnap.stickers.models import Sticker
from stickersnap.stickers.render import NothingToCut, crop
from stickersnap.stickers.source import enough, scaled
from stickersnap.stickers.targets import SIDES, StickerFile, sticker_file


class Wish(TypedDict):
    """How a sticker is to be."""

    target: str
    outline: bool


def sticker_render(*, photo: Photo, author: uuid.UUID, target: str, outline: bool) -> Sticker:
    """Makes the sticker of a photo from what `author` last corrected, else from the newest prediction.

    The same sticker asked for again is the one that is there. Raises NoSubjectFound when there is nothing to cut.
    """
    prediction = selectors.latest_prediction(photo)
    correction = selectors.latest_correction(photo, author)
    if prediction is None or (correction is None and not prediction.subject_found):
        raise NoSubjectFound
    made_of = {
        "photo": photo,
        "prediction": prediction,
        "correction": correction,
        "correction_version": correction.version if correction else None,
        "target": target,
        "outline": outline,
    }
    if known := Sticker.objects.filter(**made_of).first():
        return known
    kept = masks.decode_png(bytes(correction.mask)) if correction else masks.settle(selectors.mask_kept(prediction))
    rgb, alpha = scaled(bytes(photo.image), (photo.width, photo.height), kept, SIDES[target])
    try:
        made = sticker_file(rgb, alpha, target, outline)
    except NothingToCut:
        raise NoSubjectFound from None
    sticker, _ = Sticker.objects.get_or_create(
        **made_of,
        defaults={
            "file": made.data,
            "media_type": made.media_type,
            "width": made.width,
            "height": made.height,
            "notes": made.notes,
        },
    )
    return sticker


def sticker_made(*, upload: bytes, picture: pictures.Picture, alpha: np.ndarray, wish: Wish) -> StickerFile:
    """A sticker of a photo that is not kept: `alpha` is what a network said of `picture`, HxW uint8.

    Raises NoSubjectFound when there is nothing to cut.
    """
    rgb, settled = enough(upload, picture, masks.settle(alpha), SIDES[wish["target"]])
    try:
        return sticker_file(rgb, settled, **wish)
    except NothingToCut:
        raise NoSubjectFound from None


def cut_out(rgb: np.ndarray, alpha: np.ndarray) -> bytes:
    """The first StickerSnap's answer: an RGBA PNG of the subject, cropped, at the photo's own scale.

    Raises NothingToCut.
    """
    return pictures.encode_png(np.asarray(crop(rgb, masks.settle(alpha))))
