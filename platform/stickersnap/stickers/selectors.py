"""Reads of stickers."""

import re
import uuid
from collections.abc import Iterable
from pathlib import PurePath
from typing import Any

from django.db import connection
from django.db.models.functions import Length

from annotations.exceptions import NotFound
from annotations.models import Photo
from annotations.selectors import latest_correction, latest_prediction, photos_of, seen_by
from stickersnap.stickers.models import Sticker


def sticker_get(sticker_id: uuid.UUID, owner: uuid.UUID, user: Any) -> Sticker:
    """A sticker of a photo that may be seen. Raises annotations.exceptions.NotFound."""
    stickers = Sticker.objects.select_related("photo").defer("file", "photo__image")
    sticker = stickers.filter(seen_by(owner, user, "photo__"), id=sticker_id).first()
    if sticker is None:
        raise NotFound
    return sticker


def stickers_current(photo_ids: Iterable[uuid.UUID], owner: uuid.UUID, target: str) -> list[Sticker]:
    """The stickers of an owner's photos that show their present masks, the newest first; `stored` is a file's bytes."""
    photos = {photo.id: photo for photo in photos_of(owner).filter(id__in=photo_ids)}
    made = Sticker.objects.filter(photo__in=photos, target=target).annotate(stored=Length("file"))
    return [sticker for sticker in made if _is_current(sticker, photos[sticker.photo_id], owner)]


def _is_current(sticker: Sticker, photo: Photo, owner: uuid.UUID) -> bool:
    prediction, correction = latest_prediction(photo), latest_correction(photo, owner)
    return (sticker.prediction_id, sticker.correction_id, sticker.correction_version) == (
        prediction and prediction.id,
        correction and correction.id,
        correction and correction.version,
    )


ROW = 4_096
"""Bytes that a row costs beside its picture, so that many small ones count, too."""
KEPT = """
    WITH brought AS (
        SELECT id FROM annotations_photo WHERE owner = %(owner)s
        UNION SELECT photo_id FROM annotations_trashedphoto WHERE owner = %(owner)s
    )
    SELECT COALESCE(sum(bytes + %(row)s), 0) FROM (
        SELECT octet_length(image) AS bytes FROM annotations_photo JOIN brought USING (id)
        UNION ALL SELECT octet_length(file) FROM stickers_sticker WHERE photo_id IN (SELECT id FROM brought)
        UNION ALL
        SELECT octet_length(mask) + pg_column_size(strokes) FROM annotations_correction WHERE author = %(owner)s
    ) AS kept
"""  # the lengths stand in the rows: no picture is read


def bytes_kept(owner: uuid.UUID) -> int:
    """How much is kept of an owner's photos (those in the trash too), their stickers and this owner's corrections."""
    with connection.cursor() as cursor:
        cursor.execute(KEPT, {"owner": owner, "row": ROW})
        return int(cursor.fetchone()[0])


def filename(sticker: Sticker) -> str:
    """A name for the file made of the photo's: plain letters, and the target's extension."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", PurePath(sticker.photo.name).stem).strip("-") or "sticker"
    extension = "png" if sticker.media_type == "image/png" else "webp"
    return f"{stem}-{sticker.target}.{extension}" if sticker.target != "png" else f"{stem}-sticker.{extension}"
