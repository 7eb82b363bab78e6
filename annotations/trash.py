"""Deleted photos that may be had back for a while: out of everyone's sight, and of learning, at once."""

import uuid
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from annotations import ports, services
from annotations.exceptions import NotFound
from annotations.holding import photos_held_to_delete
from annotations.models import DatasetItem, DeletedPhoto, Photo, TrashedPhoto

GRACE = timedelta(minutes=15)
"""How long an undo counts. The sweep runs every five minutes, so a photo is gone for good after twenty at most."""


@transaction.atomic
def photo_trash(*, photo: Photo) -> list[str]:
    """Takes a photo from its owner, its consent with it; answers the sha256 of each set of weights that saw it.

    Whoever looks after this finds nothing, as after `services.photo_delete`. Raises NotFound.
    """
    if not photos_held_to_delete(Photo.objects.filter(id=photo.id, owner=photo.owner)):
        raise NotFound
    locked = Photo.objects.only("owner", "consented_at").get(id=photo.id)
    TrashedPhoto.objects.create(photo=locked, owner=locked.owner, consented_at=locked.consented_at)
    DeletedPhoto.objects.get_or_create(id=locked.id, defaults={"owner": locked.owner})
    # An owner whom nobody is, and no consent: every other read and write refuses it without knowing of the trash.
    Photo.objects.filter(id=locked.id).update(owner=uuid.uuid4(), consented_at=None)
    datasets = DatasetItem.objects.filter(photo=locked.id).values_list("dataset_id", flat=True).distinct()
    return ports.weights_trained_on(list(datasets))


@transaction.atomic
def photo_restore(*, photo_id: uuid.UUID, owner: uuid.UUID) -> None:
    """Gives a photo back to its owner, with the consent that was not taken back meanwhile. Raises NotFound."""
    trashed = TrashedPhoto.objects.select_for_update().filter(photo=photo_id, owner=owner).first()
    if trashed is None:
        raise NotFound("This photo can't be brought back any more: it is gone for good.")
    Photo.objects.filter(id=photo_id).update(owner=owner, consented_at=trashed.consented_at)
    DeletedPhoto.objects.filter(id=photo_id).delete()
    trashed.delete()


@transaction.atomic
def trash_empty() -> int:
    """Deletes for good what nobody wanted back in time; answers how many photos."""
    over = Photo.objects.filter(trashed__trashed_at__lt=timezone.now() - GRACE)
    return services.photos_bury(photos_held_to_delete(over, wait=False))
