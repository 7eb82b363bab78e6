"""A photo's row, held against its deletion while something is added to it.

PostgreSQL checks Django's foreign keys when a transaction ends, and by then the photo may be gone: whoever adds to a
photo holds it first, whoever deletes one waits for them. Always the photo before its corrections, so that no two wait
for each other.
"""

from __future__ import annotations

import uuid

from django.db import connection
from django.db.models import QuerySet

from annotations.exceptions import PhotoDeleted
from annotations.models import Photo

SHARED = "SELECT 1 FROM annotations_photo WHERE id = %s FOR KEY SHARE"  # Django's ORM knows no such lock
ALONE = "SELECT 1 FROM annotations_photo WHERE id = %s FOR NO KEY UPDATE"


def photo_hold(photo_id: uuid.UUID, *, alone: bool = False) -> None:
    """Keeps a photo from being deleted until the transaction ends. Call it in one. Raises PhotoDeleted.

    `alone`: until then no other caller with `alone` goes on; those without it do.
    """
    with connection.cursor() as cursor:
        cursor.execute(ALONE if alone else SHARED, [photo_id])
        if cursor.fetchone() is None:
            raise PhotoDeleted


def photos_held_to_delete(photos: QuerySet[Photo], *, wait: bool = True) -> list[tuple[uuid.UUID, uuid.UUID]]:
    """(id, owner) of those of these photos that are there, locked for deletion until the transaction ends.

    Waits for all who add to them; without `wait`, it leaves out those that somebody adds to.
    """
    locked = photos.order_by("id").select_for_update(of=("self",), skip_locked=not wait)
    return list(locked.values_list("id", "owner"))
