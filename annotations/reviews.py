"""Taking a verdict back: a slip of the finger stays without consequence as long as nothing was made of it."""

import uuid
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef

from annotations import selectors
from annotations.exceptions import AlreadyFrozen, NotFound
from annotations.holding import photo_hold
from annotations.models import Correction, DatasetItem, Review

IMPORTED = "Imported."  # the reason of an approval by import: the mask was made elsewhere


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


def own_approvals_withdraw(*, author: uuid.UUID) -> int:
    """Takes back approvals by whom the corrections turn out to be; answers how many.

    What somebody drew before logging in they could approve from another browser. A dataset version that holds it keeps
    its verdict, which lineage tells of.
    """
    if settings.OWN_APPROVAL:
        return 0
    held = DatasetItem.objects.filter(correction=OuterRef("correction"), correction_version=OuterRef("version"))
    own = Review.objects.filter(correction__author=author, reviewer__owner=author, verdict=Review.Verdict.APPROVE)
    return own.exclude(Exists(held)).exclude(reason=IMPORTED).delete()[0]
