"""Taking a verdict back: a slip of the finger stays without consequence as long as nothing was made of it."""

from typing import Any

from django.db import transaction
from django.db.models import F

from annotations import selectors
from annotations.exceptions import AlreadyFrozen, NotFound
from annotations.holding import photo_hold
from annotations.models import Correction, DatasetItem


@transaction.atomic
def review_withdraw(*, correction: Correction, reviewer: Any) -> None:
    """Takes back the reviewer's own verdict on the present version of a correction, which waits for a review again.

    Raises NotFound where there is none of theirs, AlreadyFrozen once a dataset version holds the correction as it is. A
    version that is being frozen at this moment may hold it still.
    """
    photo_hold(correction.photo_id)
    locked = selectors.corrections().select_for_update(of=("self",)).filter(id=correction.id).first()
    mine = locked and locked.reviews.filter(version=F("correction__version"), reviewer=reviewer).first()
    if locked is None or mine is None:
        raise NotFound("You gave no verdict on this correction as it is now, so there is none to take back.")
    if DatasetItem.objects.filter(correction=locked.id, correction_version=locked.version).exists():
        raise AlreadyFrozen
    mine.delete()
