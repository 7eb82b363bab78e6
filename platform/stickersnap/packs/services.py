"""Writes of packs. Each holds the pack, so that two at once come one after the other."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import TypedDict

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from annotations.exceptions import NotFound
from annotations.holding import photo_hold
from annotations.models import Photo
from stickersnap.packs.emojis import USUAL
from stickersnap.packs.exceptions import PackChanged, PackFull, TooManyPacks
from stickersnap.packs.models import Pack, PackSticker
from stickersnap.packs.selectors import stickers_of
from stickersnap.stickers.style import Style

PACKS, STICKERS = 50, 120
"""How many packs somebody may have, and how many stickers a pack."""


class Chosen(TypedDict):
    """A sticker that is to be in a pack; `subject` as stickers are asked for it."""

    photo: uuid.UUID
    style: Style
    subject: str


@transaction.atomic
def pack_create(*, owner: uuid.UUID, name: str, author: str, stickers: Sequence[Chosen] = ()) -> Pack:
    """A new pack with these stickers in this order. Raises TooManyPacks, PackFull, NotFound for a photo not theirs.

    Asked at the same moment, two may each find the last place.
    """
    if Pack.objects.filter(owner=owner).count() >= PACKS:
        raise TooManyPacks(f"You have {PACKS} packs, which is all anybody may: delete one, then try again.")
    pack = Pack.objects.create(owner=owner, name=name, author=author)
    _add(pack, stickers)
    return pack


@transaction.atomic
def pack_change(*, pack_id: uuid.UUID, owner: uuid.UUID, tray: uuid.UUID | None = None, **texts: str) -> None:
    """Renames a pack (`name`, `author`), or has the sticker `tray` stand for it. Raises NotFound."""
    pack = _held(pack_id, owner)
    for field, text in texts.items():
        setattr(pack, field, text)
    pack.save()
    if tray:
        if not stickers_of(pack).filter(id=tray).exists():
            raise NotFound
        pack.stickers.filter(is_tray=True).update(is_tray=False)
        pack.stickers.filter(id=tray).update(is_tray=True)


@transaction.atomic
def pack_delete(*, pack_id: uuid.UUID, owner: uuid.UUID) -> None:
    """Deletes a pack; its photos stay. Raises NotFound."""
    _held(pack_id, owner).delete()


@transaction.atomic
def stickers_add(*, pack_id: uuid.UUID, owner: uuid.UUID, stickers: Sequence[Chosen]) -> None:
    """Puts stickers at a pack's end; those that are in it already stay where they are.

    Raises NotFound for a pack or a photo that is not theirs, PackFull, PhotoDeleted.
    """
    _add(_held(pack_id, owner), stickers)


@transaction.atomic
def sticker_change(
    *, pack_id: uuid.UUID, sticker_id: uuid.UUID, owner: uuid.UUID, **fields: Sequence[str] | str
) -> None:
    """What is said of a sticker: `emojis`, `alt`. Raises NotFound."""
    sticker = _sticker(pack_id, sticker_id, owner)
    for field, value in fields.items():
        setattr(sticker, field, value)
    sticker.save(update_fields=[*fields])


@transaction.atomic
def sticker_remove(*, pack_id: uuid.UUID, sticker_id: uuid.UUID, owner: uuid.UUID) -> None:
    """Takes a sticker out of a pack. Raises NotFound."""
    _sticker(pack_id, sticker_id, owner).delete()


@transaction.atomic
def stickers_order(*, pack_id: uuid.UUID, owner: uuid.UUID, order: Sequence[uuid.UUID]) -> None:
    """Puts a pack's stickers in this order. Raises NotFound; PackChanged where these are not all of its stickers."""
    pack = _held(pack_id, owner)
    seen = {sticker.id: sticker for sticker in stickers_of(pack)}
    if sorted(order) != sorted(seen):
        raise PackChanged
    hidden = pack.stickers.exclude(id__in=order)  # in the trash: they come back at the end
    ordered = [*(seen[one] for one in order), *hidden]
    for position, sticker in enumerate(ordered):
        sticker.position = position
    PackSticker.objects.bulk_update(ordered, ["position"])


@transaction.atomic
def packs_adopt(*, old: uuid.UUID, new: uuid.UUID) -> None:
    """Hands the packs that a browser session made to the person who just logged in."""
    Pack.objects.filter(owner=old).update(owner=new)


@transaction.atomic
def packs_expire(*, hours: int) -> int:
    """Deletes packs older than `hours` in which nothing is left, not even in the trash; answers how many."""
    old = Pack.objects.filter(created_at__lt=timezone.now() - timedelta(hours=hours), stickers=None)
    return old.delete()[0]


def _held(pack_id: uuid.UUID, owner: uuid.UUID) -> Pack:
    pack = Pack.objects.select_for_update().filter(id=pack_id, owner=owner).first()
    if pack is None:
        raise NotFound
    return pack


def _sticker(pack_id: uuid.UUID, sticker_id: uuid.UUID, owner: uuid.UUID) -> PackSticker:
    sticker = stickers_of(_held(pack_id, owner)).filter(id=sticker_id).first()
    if sticker is None:
        raise NotFound
    return sticker


def _add(pack: Pack, stickers: Sequence[Chosen]) -> None:
    photos = {sticker["photo"] for sticker in stickers}
    if Photo.objects.filter(owner=pack.owner, id__in=photos).count() < len(photos):
        raise NotFound("One of these photos is not here any more, or it is not yours.")
    for photo in sorted(photos):
        photo_hold(photo)
    last = pack.stickers.aggregate(last=Max("position"))["last"]
    position = 0 if last is None else last + 1
    for sticker in stickers:
        look = {"photo_id": sticker["photo"], "style_digest": sticker["style"].digest, "subject": sticker["subject"]}
        said = {"style": sticker["style"].as_dict(), "position": position, "emojis": [USUAL]}
        _, made = PackSticker.objects.get_or_create(pack=pack, **look, defaults=said)
        position += made
    if stickers_of(pack).count() > STICKERS:
        raise PackFull(f"A pack holds at most {STICKERS} stickers: put the others into another pack.")
