"""Which side of the split a photo is on: decided once, for its owner, its near-duplicates and itself.

The rule: a photo enters a version only where everything it is tied to is on one side: its owner under every name they
ever had, its group, and each photo that was ever in a version and that it, or its mirror image, resembles. Whatever is
tied to both sides is left out of both. See docs/decisions/2026-11-23-splits.md.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import cast

from django.conf import settings

from annotations import fingerprints
from annotations.fingerprints import Side
from annotations.models import GroupSplit, OwnerAlias, OwnerSplit, PhotoSplit
from segmentation import manifest

BOTH: frozenset[Side] = frozenset({"train", "holdout"})
SLACK = 0.05
BATCH = 2000


@dataclass(frozen=True, slots=True)
class Candidate:
    """A photo that may enter a version, with what ties it to others."""

    photo: uuid.UUID
    owner: uuid.UUID
    group: uuid.UUID
    phash: int


@dataclass
class Splits:
    """What was decided before, and what is decided now and not yet recorded."""

    owners: dict[uuid.UUID, frozenset[Side]]
    groups: dict[uuid.UUID, Side]
    photos: dict[uuid.UUID, Side]
    first_owner: dict[uuid.UUID, uuid.UUID | None]
    names: dict[uuid.UUID, frozenset[uuid.UUID]]
    near: fingerprints.Near
    new_owners: dict[uuid.UUID, frozenset[Side]] = field(default_factory=dict)
    new_groups: dict[uuid.UUID, Side] = field(default_factory=dict)
    new_photos: list[tuple[Candidate, Side]] = field(default_factory=list)

    @classmethod
    def load(cls) -> Splits:
        """Reads what was decided."""
        sides: dict[uuid.UUID, set[Side]] = defaultdict(set)
        for person, split in OwnerSplit.objects.values_list("owner", "split").iterator():
            sides[person].add(cast(Side, split))
        photos: dict[uuid.UUID, Side] = {}
        first: dict[uuid.UUID, uuid.UUID | None] = {}
        near = fingerprints.Near()
        rows = PhotoSplit.objects.values_list("photo", "split", "owner", "phash")
        for photo, split, owner, phash in rows.iterator():
            photos[photo], first[photo] = cast(Side, split), owner
            if phash is not None:
                near.add(phash, photos[photo])
        return cls(
            owners={owner: frozenset(found) for owner, found in sides.items()},
            groups={g: cast(Side, split) for g, split in GroupSplit.objects.values_list("group", "split").iterator()},
            photos=photos,
            first_owner=first,
            names=_names(),
            near=near,
        )

    def side(self, candidate: Candidate) -> Side | None:
        """The side this photo is on, decided now if it was not; None where it is tied to both.

        Owners must have been decided (see `decide_owners`).
        """
        ties = self._ties(candidate)
        if len(ties) > 1:
            return None
        known = self.photos.get(candidate.photo)
        if known is not None:
            return known if ties <= {known} else None
        return next(iter(ties)) if ties else _by_name(candidate.group)

    def place(self, candidate: Candidate, side: Side) -> None:
        """Keeps what `side` answered, for this photo and all that will resemble it."""
        if candidate.photo in self.photos:
            return
        self.photos[candidate.photo], self.first_owner[candidate.photo] = side, candidate.owner
        self.near.add(candidate.phash, side)
        self.new_photos.append((candidate, side))
        if candidate.group not in self.groups:
            self.groups[candidate.group] = self.new_groups[candidate.group] = side

    def decide_owners(self, candidates: Sequence[Candidate]) -> None:
        """Decides new owners: the whole of each on one side, a fifth of the photos held out.

        Where there are fewer than SPLIT_OWNERS_MINIMUM people, each of their groups of near-duplicates goes where its
        own name says: one person alone can be learned from, too.
        """
        photos: dict[uuid.UUID, int] = defaultdict(int)
        held = 0
        for candidate in candidates:
            photos[candidate.owner] += 1
            held += self.photos.get(candidate.photo) == "holdout"
        undecided = [owner for owner in photos if not self._sides_of(owner)]
        for owner in photos:
            if owner not in self.owners and (sides := self._sides_of(owner)):
                self._decide(owner, sides)
        few = len(self.owners) + len(undecided) < settings.SPLIT_OWNERS_MINIMUM
        wanted = manifest.HOLDOUT_SHARE * len(candidates)
        for owner in sorted(undecided, key=lambda owner: manifest.share_of(str(owner))):
            if few:
                self._decide(owner, BOTH)
            elif held < wanted and held + photos[owner] <= wanted + max(1, SLACK * len(candidates)):
                self._decide(owner, frozenset({"holdout"}))
                held += photos[owner]
            else:
                self._decide(owner, frozenset({"train"}))

    def record(self) -> None:
        """Writes what was decided for the photos that were placed. Call it in the version's transaction."""
        needed = {candidate.owner for candidate, _ in self.new_photos} & set(self.new_owners)
        owners = [
            OwnerSplit(owner=owner, split=side, whole=len(self.new_owners[owner]) == 1)
            for owner in needed
            for side in self.new_owners[owner]
        ]
        OwnerSplit.objects.bulk_create(owners, batch_size=BATCH)
        groups = [GroupSplit(group=group, split=side) for group, side in self.new_groups.items()]
        GroupSplit.objects.bulk_create(groups, batch_size=BATCH)
        for start in range(0, len(self.new_photos), BATCH):
            PhotoSplit.objects.bulk_create(
                PhotoSplit(photo=c.photo, split=side, owner=c.owner, group=c.group, phash=c.phash)
                for c, side in self.new_photos[start : start + BATCH]
            )

    def _decide(self, owner: uuid.UUID, sides: frozenset[Side]) -> None:
        self.owners[owner] = self.new_owners[owner] = sides

    def _sides_of(self, owner: uuid.UUID) -> frozenset[Side]:
        """Where photos of this person may be: what all decided names of theirs allow alike, BOTH where they differ."""
        found = {self.owners[name] for name in self.names.get(owner, frozenset({owner})) if name in self.owners}
        return next(iter(found)) if len(found) == 1 else (BOTH if found else frozenset())

    def _ties(self, candidate: Candidate) -> set[Side]:
        ties: set[Side] = set()
        people = {candidate.owner, self.first_owner.get(candidate.photo) or candidate.owner}
        for owner in people:
            names = self.names.get(owner, frozenset({owner}))
            decided = {self.owners[name] for name in names if name in self.owners}
            if len(decided) > 1:
                return set(BOTH)
            ties |= {side for sides in decided if len(sides) == 1 for side in sides}
        if candidate.group in self.groups:
            ties.add(self.groups[candidate.group])
        if candidate.photo not in self.photos:
            ties |= self.near.sides(candidate.phash)
        return ties


def _by_name(group: uuid.UUID) -> Side:
    return "holdout" if manifest.split_of(str(group)) == "holdout" else "train"


def _names() -> dict[uuid.UUID, frozenset[uuid.UUID]]:
    """Everyone who had several names, with all of them."""
    joined: dict[uuid.UUID, set[uuid.UUID]] = {}
    for old, new in OwnerAlias.objects.values_list("old", "new"):
        both = joined.get(old, {old}) | joined.get(new, {new})
        for name in both:
            joined[name] = both
    return {name: frozenset(both) for name, both in joined.items()}


def owner_by_group(owner: uuid.UUID) -> None:
    """Says that this owner's photos are not one person's: those an operator imports come from everywhere.

    One who was decided before stays as they are.
    """
    if not OwnerSplit.objects.filter(owner=owner).exists():
        rows: Iterable[OwnerSplit] = [OwnerSplit(owner=owner, split=side, whole=False) for side in sorted(BOTH)]
        OwnerSplit.objects.bulk_create(rows, ignore_conflicts=True)
