"""Reads of stickers."""

import re
import uuid
from pathlib import PurePath
from typing import Any

from annotations.exceptions import NotFound
from annotations.selectors import seen_by
from stickersnap.stickers.models import Sticker


def sticker_get(sticker_id: uuid.UUID, owner: uuid.UUID, user: Any) -> Sticker:
    """A sticker of a photo that may be seen. Raises annotations.exceptions.NotFound."""
    stickers = Sticker.objects.select_related("photo").defer("file", "photo__image")
    sticker = stickers.filter(seen_by(owner, user, "photo__"), id=sticker_id).first()
    if sticker is None:
        raise NotFound
    return sticker


def filename(sticker: Sticker) -> str:
    """A name for the file made of the photo's: plain letters, and the target's extension."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", PurePath(sticker.photo.name).stem).strip("-") or "sticker"
    extension = "png" if sticker.media_type == "image/png" else "webp"
    return f"{stem}-{sticker.target}.{extension}" if sticker.target != "png" else f"{stem}-sticker.{extension}"
