"""How often held-out photos have judged. Each look tells a little; many looks wear a group out (see `gate`)."""

from collections.abc import Iterable

from django.db.models import Count

from stickersnap.releases.models import HoldoutLook, PromotionDecision


def looks() -> dict[str, int]:
    """By group, how many decisions have judged by it."""
    return dict(HoldoutLook.objects.values_list("group").annotate(Count("id")))


def looks_record(decision: PromotionDecision, groups: Iterable[str]) -> None:
    """Writes that a decision judged by these groups. In the transaction in which the decision is written."""
    HoldoutLook.objects.bulk_create(
        [HoldoutLook(decision=decision, group=group) for group in sorted(set(groups))], batch_size=1000
    )
