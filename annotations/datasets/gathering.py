"""What the next dataset version holds: approved corrections, each with its side and weight, and photos without any."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

from django.conf import settings
from django.db.models import F, TextField
from django.db.models.functions import MD5, Cast

from annotations import selectors
from annotations.datasets.splits import Candidate, Splits
from annotations.models import LeftOut, Photo
from annotations.trust import trust
from annotations.trust.suspicion import Trust
from segmentation.manifest import Sample

SOURCE, UNLABELLED = "corrections", "photos"
EXTENSIONS = {Photo.MediaType.JPEG: "jpg", Photo.MediaType.PNG: "png"}
BOTH_SIDES = (
    "Its photo is tied to both sides of the split: its owner, or one it resembles, was decided for training and "
    "another one for the held-out side. In neither it can teach or judge what it gave away."
)
JUDGES_NO_MORE = (
    "Its photo was held out, and then its owner turned out to be someone who is trained on under another name: it "
    "would judge what it gave away."
)


class Row(NamedTuple):
    """An approved correction with its photo, and none of their bytes."""

    correction: uuid.UUID
    version: int
    author: uuid.UUID
    mask_sha256: str
    photo: uuid.UUID
    owner: uuid.UUID
    group: uuid.UUID
    phash: int
    crops: list[int]
    sha256: str
    media_type: str

    @property
    def id(self) -> uuid.UUID:
        return self.correction

    @property
    def candidate(self) -> Candidate:
        return Candidate(self.photo, self.owner, self.group, self.phash, self.crops)


@dataclass(frozen=True, slots=True)
class Entry:
    """One sample of the next version, and which photo and correction it is made of."""

    sample: Sample
    photo: uuid.UUID
    correction: uuid.UUID | None = None
    version: int | None = None

    COLUMNS: ClassVar = (
        *("photo", "correction", "correction_version", "image_sha256", "mask_sha256"),
        *("group", "split", "source", "weight"),
    )

    def row(self) -> tuple[object, ...]:
        """Its values in a version's items, in the order of COLUMNS."""
        sample = self.sample
        return (
            *(self.photo, self.correction, self.version, sample.image_sha256, sample.mask_sha256 or ""),
            *(sample.group, sample.split, sample.source, sample.weight),
        )


@dataclass
class Gathered:
    """What goes in, what stays out and why, and what was decided about sides; nothing of it is recorded."""

    splits: Splits
    entries: list[Entry] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def leave_out(self, damaged: Mapping[uuid.UUID, str]) -> None:
        """Takes out the photos whose bytes, or whose correction's, turned out to be damaged."""
        for entry in self.entries:
            if entry.photo in damaged and entry.correction is not None and entry.version is not None:
                found = _left_out(entry.photo, entry.correction, entry.version, LeftOut.Why.DAMAGED)
                found.reason = damaged[entry.photo]
                self.left_out.append(found)
        self.entries = [entry for entry in self.entries if entry.photo not in damaged]


def gather() -> Gathered:
    """Everything that may be learned from now. Pictures stay in the database: memory holds a line for each."""
    gathered = Gathered(Splits.load())
    people = trust.trust_list()
    rows = _trusted(list(_approved()), people, gathered)
    unlabelled = list(_uncorrected())
    labelled = {row.photo: row.candidate for row in rows}.values()
    gathered.splits.decide_owners(list(labelled), [candidate for candidate, _, _ in unlabelled])
    _split(rows, trust.author_weights(people), gathered)
    _unlabelled(unlabelled, gathered)
    return gathered


def newest_per_picture(rows: Iterable[Row]) -> list[Row]:
    """Of each picture (by its bytes) the correction that was saved last; `rows` come in that order."""
    return list({row.sha256: row for row in rows}.values())


def approved() -> list[Row]:
    """Of each picture that may be learned from, the approved correction that was saved last."""
    return newest_per_picture(_approved())


def _approved() -> Iterator[Row]:
    names = ("id", "version", "author", "mask_sha256", "photo_id", "photo__owner", "photo__group")
    rows = selectors.corrections_approved().select_related(None).prefetch_related(None).order_by("updated_at", "id")
    for row in rows.values_list(
        *names, "photo__phash", "photo__crops", "photo__sha256", "photo__media_type"
    ).iterator():
        yield Row(*row)


def _trusted(rows: list[Row], people: list[Trust], gathered: Gathered) -> list[Row]:
    doubted = trust.left_out(rows, people)
    for row in rows:
        if row.correction in doubted:
            found = _left_out(row.photo, row.correction, row.version, LeftOut.Why.DISTRUSTED)
            found.reason = doubted[row.correction]
            gathered.left_out.append(found)
    return [row for row in rows if row.correction not in doubted]


def _split(rows: list[Row], weights: Mapping[uuid.UUID, float], gathered: Gathered) -> None:
    splits = gathered.splits
    votes = Counter((row.group, side) for row in rows for side in splits.allowed(row.owner))

    def turn(row: Row) -> tuple[bool, int]:
        """The decided ones first; then of each group the side that most of it are on, so that the fewest are lost."""
        return row.photo not in splits.photos, -max(votes[row.group, side] for side in splits.allowed(row.owner))

    sided = []
    for row in sorted(rows, key=turn):  # else by age
        side = splits.side(row.candidate)
        if side is None:
            found = _left_out(row.photo, row.correction, row.version, LeftOut.Why.BOTH_SIDES)
            found.reason = JUDGES_NO_MORE if row.photo in splits.photos else BOTH_SIDES
            gathered.left_out.append(found)
        else:
            splits.place(row.candidate, side)
            sided.append(row)
    order = {row.correction: place for place, row in enumerate(rows)}
    for row in newest_per_picture(sorted(sided, key=lambda row: order[row.correction])):
        sample = Sample(
            image=_image(row.sha256, row.media_type),
            mask=f"masks/{row.mask_sha256}.png",
            image_sha256=row.sha256,
            mask_sha256=row.mask_sha256,
            split=splits.photos[row.photo],
            group=str(row.group),
            source=SOURCE,
            correction=str(row.correction),
            weight=float(weights.get(row.author, 1.0)),
        )
        gathered.entries.append(Entry(sample, row.photo, row.correction, row.version))


def _uncorrected() -> Iterator[tuple[Candidate, str, str]]:
    """Consented photos that nobody corrected, twice as many as a version holds: the same ones while they last."""
    photos = Photo.objects.filter(consented_at__isnull=False, corrections=None)
    shuffled = photos.order_by(MD5(Cast(F("id"), TextField())))[: 2 * settings.UNLABELLED_LIMIT]
    for row in shuffled.values_list("id", "owner", "group", "phash", "crops", "sha256", "media_type"):
        yield Candidate(*row[:5]), row[5], row[6]


def _unlabelled(found: Iterable[tuple[Candidate, str, str]], gathered: Gathered) -> None:
    """Adds those of them that are on the training side."""
    splits, taken = gathered.splits, {entry.sample.image_sha256 for entry in gathered.entries}
    added = 0
    for candidate, sha256, media_type in found:
        if added == settings.UNLABELLED_LIMIT:
            return
        if sha256 in taken or splits.side(candidate) != "train":
            continue
        taken.add(sha256)
        splits.place(candidate, "train")
        image = _image(sha256, media_type)
        sample = Sample(image, None, sha256, None, "unlabelled", str(candidate.group), UNLABELLED)
        gathered.entries.append(Entry(sample, candidate.photo))
        added += 1


def _image(sha256: str, media_type: str) -> str:
    return f"images/{sha256}.{EXTENSIONS[Photo.MediaType(media_type)]}"


def _left_out(photo: uuid.UUID, correction: uuid.UUID, version: int, why: LeftOut.Why) -> LeftOut:
    return LeftOut(photo=photo, correction=correction, correction_version=version, why=why)
