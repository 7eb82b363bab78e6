"""Reads of packs."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from django.db.models import Count, F, Q, QuerySet

from annotations.exceptions import NotFound
from stickersnap.packs.models import Pack, PackSticker
from stickersnap.stickers.models import Sticker
from stickersnap.stickers.selectors import stickers_current


def packs_of(owner: uuid.UUID) -> QuerySet[Pack]:
    """An owner's packs, the newest first, each with its `count` of stickers."""
    seen = Count("stickers", filter=Q(stickers__photo__owner=F("owner")))
    return Pack.objects.filter(owner=owner).annotate(count=seen)


def pack_get(pack_id: uuid.UUID, owner: uuid.UUID) -> Pack:
    """A pack of this owner's. Raises NotFound."""
    pack = packs_of(owner).filter(id=pack_id).first()
    if pack is None:
        raise NotFound
    return pack


def stickers_of(pack: Pack) -> QuerySet[PackSticker]:
    """A pack's stickers in order, without those whose photo is in the trash."""
    stickers = PackSticker.objects.filter(pack=pack, photo__owner=pack.owner).select_related("photo")
    return stickers.defer("photo__image")


def trays_of(packs: Iterable[Pack], owner: uuid.UUID) -> dict[uuid.UUID, PackSticker]:
    """The sticker that stands for each pack, by the pack's id: the chosen one, else the first."""
    seen = PackSticker.objects.filter(pack__in=list(packs), photo__owner=owner).order_by(
        "pack_id", "-is_tray", "position"
    )
    return {sticker.pack_id: sticker for sticker in seen.distinct("pack_id")}


def pictures_of(stickers: Iterable[PackSticker], owner: uuid.UUID, target: str) -> dict[uuid.UUID, Sticker]:
    """The files for `target` that are there already, of these stickers as they are masked now, by their ids."""
    stickers = list(stickers)
    made = stickers_current({sticker.photo_id for sticker in stickers}, owner, target)
    found: dict[uuid.UUID, Sticker] = {}
    for sticker in stickers:
        for file in made:
            same = (file.photo_id, file.style_digest) == (sticker.photo_id, sticker.style_digest)
            if same and (file.correction_id or file.subject == sticker.subject):
                found.setdefault(sticker.id, file)
    return found
