"""What dataset versions held, how two differ, and which of them saw a photo."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import yaml
from django.db.models import Count, Q, QuerySet

from annotations import ports
from annotations.datasets.splits import names_joined
from annotations.datasets.versions import version_get
from annotations.models import Correction, DatasetItem, DatasetVersion, DeletedPhoto, Photo, PhotoSplit


@dataclass(frozen=True)
class Summary:
    """One version in figures. `bytes` are those of its folder, 0 where the .dvc text does not say."""

    number: int
    splits: dict[str, int]
    sources: dict[str, int]
    owners: int
    groups: int
    left_out: dict[str, int]
    weights: dict[str, float]
    bytes: int
    purged: int
    trained: list[str]


@dataclass(frozen=True)
class Change:
    """A photo that two versions do not hold alike; None where one does not hold it."""

    photo: uuid.UUID
    before: dict[str, Any] | None
    after: dict[str, Any] | None

    @property
    def what(self) -> str:
        """added, removed, or what changed of it: mask, weight, split."""
        if self.before is None:
            return "added"
        if self.after is None:
            return "removed"
        names = {"mask_sha256": "mask", "split": "split", "weight": "weight"}
        return ", ".join(word for name, word in names.items() if self.before[name] != self.after[name])


@dataclass(frozen=True)
class Seen:
    """Everything that saw some photos. `runs` and `weights` also through the champions they began with."""

    photos: list[uuid.UUID]
    versions: list[int] = field(default_factory=list)
    weights: list[str] = field(default_factory=list)


def versions() -> QuerySet[DatasetVersion]:
    """Newest first, each with how many samples to `train`, held out as `holdout`, `unlabelled` and `purged`."""
    counts = {name: Count("items", filter=Q(items__split=name)) for name in DatasetItem.Split.values}
    return DatasetVersion.objects.annotate(**counts, purged=Count("items", filter=Q(items__purged_at__isnull=False)))


def summary(number: int) -> Summary:
    """Raises NotFound."""
    version = version_get(number)
    items = version.items.order_by()
    weights = list(items.exclude(split="unlabelled").values_list("weight", flat=True))
    owners = PhotoSplit.objects.filter(photo__in=items.values("photo"), owner__isnull=False).values("owner").distinct()
    return Summary(
        number=number,
        splits=dict(items.values_list("split").annotate(count=Count("*"))),
        sources=dict(items.values_list("source").annotate(count=Count("*"))),
        owners=owners.count(),
        groups=items.values("group").distinct().count(),
        left_out=dict(version.left_out.order_by().values_list("why").annotate(count=Count("*"))),
        weights={"least": min(weights, default=1.0), "mean": sum(weights) / len(weights) if weights else 1.0},
        bytes=_bytes(version.dvc_text),
        purged=items.exclude(purged_at=None).count(),
        trained=ports.weights_trained_on([number]),
    )


def _bytes(dvc_text: str) -> int:
    outs = (yaml.safe_load(dvc_text) or {}).get("outs") or [{}]
    return int(outs[0].get("size", 0))


def diff(before: int, after: int) -> Iterator[Change]:
    """Every photo that the two versions hold differently, by photo. Raises NotFound."""
    sides = [iter(_held(version_get(number))) for number in (before, after)]
    a, b = (next(side, None) for side in sides)
    while a or b:
        if b is None or (a is not None and a["photo"] < b["photo"]):
            assert a is not None
            yield Change(a["photo"], a, None)
            a = next(sides[0], None)
        elif a is None or b["photo"] < a["photo"]:
            yield Change(b["photo"], None, b)
            b = next(sides[1], None)
        else:
            if a != b:
                yield Change(a["photo"], a, b)
            a, b = next(sides[0], None), next(sides[1], None)


def _held(version: DatasetVersion) -> Iterable[dict[str, Any]]:
    names = ("photo", "correction", "split", "weight", "image_sha256", "mask_sha256")
    return version.items.order_by("photo", "id").values(*names).iterator()


def counted(changes: Iterable[Change]) -> dict[str, int]:
    """How many of each kind, and of each kind on each split."""
    kinds: Counter[str] = Counter()
    for change in changes:
        split = (change.after or change.before or {})["split"]
        kinds.update([change.what, f"{change.what}: {split}"])
    return dict(sorted(kinds.items()))


def seen_by(photos: Iterable[uuid.UUID]) -> Seen:
    """Which versions held these photos, and which weights learned from them, themselves or through a champion."""
    found = sorted(set(photos))
    items = DatasetItem.objects.filter(photo__in=found).order_by()
    numbers = sorted(items.values_list("dataset_id", flat=True).distinct())
    learned = items.exclude(split="holdout").values_list("dataset_id", flat=True).distinct()
    return Seen(found, numbers, ports.weights_trained_on(sorted(learned)))


def photos_named(name: uuid.UUID, *, owner: bool = False) -> list[uuid.UUID]:
    """The photos that an id names: a photo's own, a correction's, or, with `owner`, those of a person under every name.

    Deleted ones, too.
    """
    if owner:
        names = names_joined().get(name, frozenset({name}))
        tables = (Photo.objects, DeletedPhoto.objects)
        ids = [table.filter(owner__in=names).values_list("id", flat=True) for table in tables]
        return sorted(set(chain(*ids, PhotoSplit.objects.filter(owner__in=names).values_list("photo", flat=True))))
    corrected = [
        *Correction.objects.filter(id=name).values_list("photo_id", flat=True),
        *DatasetItem.objects.filter(correction=name).order_by().values_list("photo", flat=True).distinct(),
    ]
    known = Photo.objects.filter(id=name).exists() or DatasetItem.objects.filter(photo=name).exists()
    known = known or DeletedPhoto.objects.filter(id=name).exists()
    return sorted({*corrected, *([name] if known else [])})
