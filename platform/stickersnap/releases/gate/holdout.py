"""What the gate asks of held-out photos: how often each has judged, and whether a person made its mask."""

from collections.abc import Iterable

from django.db.models import Count

from annotations.models import Correction, DatasetItem, DatasetVersion
from stickersnap.releases.models import HoldoutLook, PromotionDecision

UNCHANGED = 0.99
"""IoU of a mask with the one that was handed out, from which on nobody mended it."""


def looks() -> dict[str, int]:
    """By group, how many decisions have judged by it: each look tells a little, many wear a group out (see `gate`)."""
    return dict(HoldoutLook.objects.values_list("group").annotate(Count("id")))


def accepted(dataset: DatasetVersion) -> frozenset[str]:
    """image_sha256 of the held-out photos whose approved mask is the one that was handed out: nobody mended it."""
    held = DatasetItem.objects.filter(dataset=dataset, split=DatasetItem.Split.HOLDOUT)
    unchanged = Correction.objects.filter(shown_iou__gte=UNCHANGED, id__in=held.values("correction"))
    masks = set(unchanged.values_list("id", "mask_sha256"))
    rows = held.values_list("image_sha256", "correction", "mask_sha256")
    return frozenset(image for image, correction, mask in rows if (correction, mask) in masks)


def looks_record(decision: PromotionDecision, groups: Iterable[str]) -> None:
    """Writes that a decision judged by these groups. In the transaction in which the decision is written."""
    HoldoutLook.objects.bulk_create(
        [HoldoutLook(decision=decision, group=group) for group in sorted(set(groups))], batch_size=1000
    )
