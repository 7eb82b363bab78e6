"""Writes of stickers."""

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypedDict

import numpy as np
from PIL import Image

from annotations import recent, selectors
from annotations.exceptions import NoSubjectFound
from annotations.models import Correction, Photo, Prediction
from segmentation import edge, foreground, subjects
from segmentation import mask as masks
from segmentation import picture as pictures
from stickersnap.stickers.models import Sticker
from stickersnap.stickers.render import NothingToCut, crop
from stickersnap.stickers.source import Read, scaled
from stickersnap.stickers.targets import SIDES, StickerFile, sticker_file

Stage = Callable[[str], AbstractContextManager[None]]


class Wish(TypedDict):
    """How a sticker is to be; `subject` is "all", "largest" or a point as "0.5,0.4"."""

    target: str
    outline: bool
    subject: str


def untimed(_: str) -> AbstractContextManager[None]:
    """A stage that nobody times."""
    return nullcontext()


def sticker_render(*, photo: Photo, author: uuid.UUID, wish: Wish, stage: Stage = untimed) -> Sticker:
    """Makes the sticker of a photo from what `author` last corrected, else from the newest prediction.

    A correction is taken as it was drawn, whatever subject is wished for. The same sticker asked for again is the one
    that is there. Raises NoSubjectFound when there is nothing to cut, segmentation.subjects.SubjectError.
    """
    prediction = selectors.latest_prediction(photo)
    correction = selectors.latest_correction(photo, author)
    if prediction is None or (correction is None and not prediction.subject_found):
        raise NoSubjectFound
    found = subjects.find(selectors.mask_kept(prediction)) if correction is None else None
    key = _key(photo, prediction, correction, wish, found)
    if known := Sticker.objects.filter(**key).first():
        return known

    def read(shorter: int) -> Image.Image:
        return pictures.decode(bytes(photo.image), shorter).image

    size, decoded = (photo.width, photo.height), recent.photos.get(photo.sha256)
    if found is None:
        assert correction is not None
        drawn = masks.decode_png(bytes(correction.mask))
        with stage("decode"):
            rgb, alpha = scaled(read, size, drawn, SIDES[wish["target"]], decoded)
        made = _made(rgb, alpha, wish, stage)
    else:
        made = _of_prediction(read, size, found, wish, decoded, stage)
    return _keep(key, made, found)


def sticker_keep(*, photo: Photo, wish: Wish, file: StickerFile) -> Sticker:
    """Keeps a sticker of the photo's newest prediction that was made while neither was there yet."""
    prediction = selectors.latest_prediction(photo)
    assert prediction is not None
    found = subjects.find(selectors.mask_kept(prediction))
    return _keep(_key(photo, prediction, None, wish, found), file, found)


def _key(
    photo: Photo,
    prediction: Prediction,
    correction: Correction | None,
    wish: Wish,
    found: subjects.Subjects | None,
) -> dict[str, Any]:
    """What makes two stickers the same one."""
    return {
        "photo": photo,
        "prediction": prediction,
        "correction": correction,
        "correction_version": correction.version if correction else None,
        "target": wish["target"],
        "outline": wish["outline"],
        "subject": subjects.named(found, subjects.parse(wish["subject"])) if found else subjects.ALL,
    }


def _keep(key: dict[str, Any], made: StickerFile, found: subjects.Subjects | None) -> Sticker:
    sticker, _ = Sticker.objects.get_or_create(
        **key,
        defaults={
            "file": made.data,
            "media_type": made.media_type,
            "width": made.width,
            "height": made.height,
            "notes": made.notes,
            "subjects": found.points if found else [],
        },
    )
    return sticker


def sticker_made(
    *, read: Read, near: pictures.Picture, alpha: np.ndarray, wish: Wish, stage: Stage = untimed
) -> StickerFile:
    """A sticker of a photo that is not kept: `alpha` is what a network said of it, HxW uint8.

    `near` is the photo, of all of its pixels or fewer; where it has too few, `read` is asked for more. Raises
    NoSubjectFound when there is nothing to cut, segmentation.subjects.SubjectError.
    """
    with stage("edge"):
        found = subjects.find(alpha)
    return _of_prediction(read, near.size, found, wish, near.image, stage)


def cut_out(rgb: np.ndarray, alpha: np.ndarray, subject: str = subjects.ALL, stage: Stage = untimed) -> bytes:
    """The first StickerSnap's answer: an RGBA PNG of the subject, cropped, at the photo's own scale.

    `alpha` is what a network said of the photo, HxW uint8, at its scale or smaller. Raises NoSubjectFound,
    segmentation.subjects.SubjectError.
    """
    with stage("edge"):
        refined = edge.refine(rgb, subjects.choose(alpha, subjects.parse(subject)))
        colours = foreground.estimate(rgb, refined)
    try:
        return pictures.encode_png(np.asarray(crop(colours, refined)))
    except NothingToCut:
        raise NoSubjectFound from None


def _of_prediction(
    read: Read,
    size: tuple[int, int],
    found: subjects.Subjects,
    wish: Wish,
    decoded: Image.Image | None,
    stage: Stage,
) -> StickerFile:
    """The sticker of a photo's subjects as a network cut them; `read` and `decoded` are those of `scaled`."""
    with stage("edge"):
        kept = subjects.chosen(found, subjects.parse(wish["subject"]))
    with stage("decode"):
        rgb, _ = scaled(read, size, masks.settle(kept), SIDES[wish["target"]], decoded)
    with stage("edge"):
        refined = edge.refine(rgb, kept)
    return _made(rgb, refined, wish, stage)


def _made(rgb: np.ndarray, alpha: np.ndarray, wish: Wish, stage: Stage) -> StickerFile:
    with stage("edge"):
        colours = foreground.estimate(rgb, alpha)
    try:
        with stage("encode"):
            return sticker_file(colours, alpha, wish["target"], wish["outline"])
    except NothingToCut:
        raise NoSubjectFound from None
