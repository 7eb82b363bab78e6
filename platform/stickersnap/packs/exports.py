"""A pack's stickers made for a target, and the file of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ObjectDoesNotExist

from annotations import admission, quota
from annotations.exceptions import NoSubjectFound, PhotoDeleted
from annotations.models import Photo
from annotations.names import cut, stem_of
from annotations.selectors import photos_of
from segmentation.mask.subjects import SubjectError
from stickersnap.packs import building
from stickersnap.packs.exceptions import PackChanged, PackRefused
from stickersnap.packs.models import Pack, PackSticker
from stickersnap.packs.selectors import stickers_of
from stickersnap.stickers import services, style
from stickersnap.stickers.exceptions import TooRich
from stickersnap.validate.limits import target_get

MOST_BYTES = 100_000_000
STEM_BYTES = 40


def pack_export(*, pack: Pack, user: Any, target: str, contents: bool = False) -> building.Export:
    """The pack's file for a target, every sticker of it made that was not there yet.

    Raises PackRefused, in the validator's words, for what the target does not take, and for a sticker that cannot be
    made; PackChanged where one is deleted meanwhile; Busy; QuotaExceeded.
    """
    quota.room_for(pack.owner, user)
    entries = list(stickers_of(pack))
    pieces = _pieces(pack, entries, target)
    tray = next((index for index, entry in enumerate(entries) if entry.is_tray), 0)
    told = building.Told(str(pack.id), pack.name, pack.author, tray)
    try:
        return building.build(told, pieces, target_get(target), contents=contents)
    except building.RefusedError as error:
        raise PackRefused(str(error)) from None


def _pieces(pack: Pack, entries: Sequence[PackSticker], target: str) -> list[building.Piece]:
    pieces: list[building.Piece] = []
    size = 0
    for number, entry in enumerate(entries, 1):
        photo = photos_of(pack.owner).filter(id=entry.photo_id).first()  # with its picture, so one at a time
        if photo is None:
            raise PackChanged
        pieces.append(_piece(entry, photo, number, target))
        size += len(pieces[-1].data)
        if size > MOST_BYTES:
            detail = f"Its files have over {MOST_BYTES:,} bytes: choose another target, or make two packs of it."
            raise PackRefused(detail)
    return pieces


def _piece(entry: PackSticker, photo: Photo, number: int, target: str) -> building.Piece:
    wish = services.Wish(target=target, style=style.parse(entry.style), subject=entry.subject)
    try:
        with admission.made_of(photo.width * photo.height):
            made = services.sticker_render(photo=photo, author=photo.owner, wish=wish)
        data = bytes(made.file)
    except (PhotoDeleted, ObjectDoesNotExist):
        raise PackChanged from None
    except (NoSubjectFound, TooRich, SubjectError) as error:
        raise PackRefused(f"Sticker {number}, {photo.name or 'without a name'}, cannot be made: {error}") from None
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", cut(stem_of(photo.name), STEM_BYTES)).strip("-") or "sticker"
    return building.Piece(data, made.media_type.removeprefix("image/"), name, tuple(entry.emojis), entry.alt)
