"""Removing what dataset versions kept of a photo, for good."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from annotations import selectors
from annotations.datasets import versions
from annotations.dvc.workspace import DvcError, Workspace
from annotations.exceptions import DatasetError
from annotations.models import DatasetItem, Photo


@dataclass(frozen=True)
class Purged:
    """Files removed from the remote and from here, and the versions that can't come back whole any more.

    `left` says what a bucket keeps in older versions, and what was sent to another remote; empty for nothing.
    """

    files: int
    versions: list[int]
    left: str = ""


def dataset_purge(
    *, workspace: Path, photos: Iterable[uuid.UUID] = (), corrections: Iterable[uuid.UUID] = ()
) -> Purged:
    """Removes the bytes of these photos, or of these corrections' masks alone, from the DVC remote and the local cache.

    Files that another photo's sample needs as well stay. Versions that held what is removed can't be restored any
    more, and say so. Done again, it finishes what was begun. Raises DatasetError: also for what the next version would
    hold again.
    """
    photos, corrections = list(photos), list(corrections)
    _refuse_coming_back(photos, corrections)
    items = DatasetItem.objects.filter(Q(photo__in=photos) | Q(correction__in=corrections)).order_by()
    files = _files(items, images=bool(photos))
    numbers = sorted(items.values_list("dataset_id", flat=True).distinct())
    dvc = Workspace(workspace, settings.DVC_REMOTE)
    try:
        workspace.mkdir(parents=True, exist_ok=True)
        with versions.locked(workspace):
            dvc.ensure()
            texts = [versions.version_get(number).dvc_text for number in numbers]
            removed, left = dvc.purge(texts, sorted(files)) if files else (0, "")
            with transaction.atomic():
                items.filter(purged_at=None).update(purged_at=timezone.now())
    except (OSError, DvcError) as error:
        raise DatasetError(f"Not everything could be purged: {error} Mend that and start again.") from error
    return Purged(removed, numbers, left)


def _refuse_coming_back(photos: list[uuid.UUID], corrections: list[uuid.UUID]) -> None:
    if Photo.objects.filter(id__in=photos, consented_at__isnull=False).exists():
        raise DatasetError(
            "The next version would hold it again: its owner still allows learning from it. Delete the photo, or have "
            "the consent taken back, then purge."
        )
    if selectors.corrections_approved().filter(id__in=corrections).exists():
        raise DatasetError("The next version would hold this correction again: delete its photo first, then purge.")


def _files(items: QuerySet[DatasetItem], *, images: bool) -> set[str]:
    """Names (their sha256) of the files that these items have and no other photo's item needs."""
    columns = ("image_sha256", "mask_sha256") if images else ("mask_sha256",)
    mine = {name for row in items.values_list(*columns).distinct() for name in row if name}
    others = DatasetItem.objects.exclude(id__in=items.values("id")).filter(purged_at=None).order_by()
    for column in ("image_sha256", "mask_sha256"):
        needed = others.filter(**{f"{column}__in": mine}).values_list(column, flat=True).distinct()
        mine -= set(needed)
    return mine
