"""Which side of the split a photo is on: decided once, for its owner, its near-duplicates and itself.

The rule: who or what was learned from judges no more. A held-out photo is in a version only while nothing it is tied to
was ever trained on: its owner under every name they ever had, its group, and each photo it, turned, mirrored or
cropped, resembles. A new photo that is tied to both sides is left out of both.
See docs/decisions/2026-11-23-splits.md and 2026-11-30-crops.md.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from django.conf import settings

from annotations import fingerprints
from annotations.fingerprints import Side
from annotations.models import GroupSplit, OwnerAlias, OwnerSplit, PhotoSplit
from segmentation import manifest

Person = frozenset[uuid.UUID]
"""Every name of one person."""
TRAIN: frozenset[Side] = frozenset({"train"})
HOLDOUT: frozenset[Side] = frozenset({"holdout"})
BOTH = TRAIN | HOLDOUT
SLACK = 0.05
BATCH = 2000


@dataclass(frozen=True, slots=True)
class Candidate:
    """A photo that may enter a version, with what ties it to others."""

    photo: uuid.UUID
    owner: uuid.UUID
    group: uuid.UUID
    phash: int
    crops: Sequence[int] = ()


@dataclass
class Splits:
    """What was decided before, and what is decided now and not yet recorded."""

    owners: dict[uuid.UUID, frozenset[Side]]
    groups: dict[uuid.UUID, Side]
    photos: dict[uuid.UUID, Side]
    first_owner: dict[uuid.UUID, uuid.UUID | None]
    names: dict[uuid.UUID, Person]
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
        rows = PhotoSplit.objects.values_list("photo", "split", "owner", "phash", "crops")
        for photo, split, owner, phash, crops in rows.iterator():
            photos[photo], first[photo] = cast(Side, split), owner
            if phash is not None:
                near.add(phash, crops, photos[photo])
        return cls(
            owners={owner: frozenset(found) for owner, found in sides.items()},
            groups={g: cast(Side, split) for g, split in GroupSplit.objects.values_list("group", "split").iterator()},
            photos=photos,
            first_owner=first,
            names=names_joined(),
            near=near,
        )

    def side(self, candidate: Candidate) -> Side | None:
        """The side this photo is on, decided now if it was not; None where it must neither teach nor judge.

        Owners must have been decided (see `decide_owners`).
        """
        known = self.photos.get(candidate.photo)
        if known == "train":
            return known  # weights have seen it: what is tied to it judges no more
        ties = self._ties(candidate)
        if known == "holdout":
            return None if "train" in ties else known
        ties |= self.near.sides(candidate.phash, candidate.crops)
        if len(ties) > 1:
            return None
        return next(iter(ties)) if ties else _by_name(candidate.group)

    def place(self, candidate: Candidate, side: Side) -> None:
        """Keeps what `side` answered, for this photo and all that will resemble it."""
        if candidate.photo in self.photos:
            return
        self.photos[candidate.photo], self.first_owner[candidate.photo] = side, self._name(candidate.owner, side)
        self.near.add(candidate.phash, candidate.crops, side)
        self.new_photos.append((candidate, side))
        if candidate.group not in self.groups:
            self.groups[candidate.group] = self.new_groups[candidate.group] = side

    def allowed(self, owner: uuid.UUID) -> frozenset[Side]:
        """Where photos of this person may be, under whatever name; empty while nobody decided.

        One who is split by picture under one name is so under all. One who is trained on under one judges under none.
        """
        found = {self.owners[name] for name in self._names_of(owner) if name in self.owners}
        return next((sides for sides in (BOTH, TRAIN) if sides in found), HOLDOUT if found else frozenset())

    def decide_owners(self, labelled: Sequence[Candidate], unlabelled: Sequence[Candidate] = ()) -> None:
        """Decides new people: the whole of each on one side, a fifth of the labelled photos held out.

        Those are held out first who lose the fewest photos by it to what they are tied to. Where there are fewer than
        SPLIT_OWNERS_MINIMUM people, each of their groups of near-duplicates goes where its own name says: one person
        alone can be learned from, too. Who has only photos without a mask waits if their name is in the held-out fifth.
        """
        people: dict[Person, list[Candidate]] = defaultdict(list)
        waiting: set[Person] = set()
        held = 0
        for candidate in labelled:
            if sides := self._known(candidate.owner):
                held += self.side(candidate) == "holdout" if candidate.photo in self.photos else sides == HOLDOUT
            else:
                people[self._names_of(candidate.owner)].append(candidate)
        for candidate in unlabelled:
            if not self._known(candidate.owner) and (person := self._names_of(candidate.owner)) not in people:
                waiting.add(person)
        few = len(self.owners) + len(people) + len(waiting) < settings.SPLIT_OWNERS_MINIMUM
        for person in waiting:
            self._decide(person, BOTH if few else HOLDOUT if _share(person) < manifest.HOLDOUT_SHARE else TRAIN)
        wanted, slack = manifest.HOLDOUT_SHARE * len(labelled), max(1, SLACK * len(labelled))
        for some in sorted(acquainted(people, slack), key=lambda some: self._cost(some, people)):
            photos = sum(len(people[person]) for person in some)
            out = held < wanted and held + photos <= wanted + slack
            held += photos if out else 0
            for person in some:
                self._decide(person, BOTH if few else HOLDOUT if out else TRAIN)

    def record(self) -> None:
        """Writes what was decided for the photos that were placed. Call it in the version's transaction."""
        needed = {self.first_owner[candidate.photo] for candidate, _ in self.new_photos}
        owners = [
            OwnerSplit(owner=owner, split=side, whole=len(sides) == 1)
            for owner, sides in self.new_owners.items()
            if owner in needed
            for side in sides
        ]
        OwnerSplit.objects.bulk_create(owners, batch_size=BATCH)
        groups = [GroupSplit(group=group, split=side) for group, side in self.new_groups.items()]
        GroupSplit.objects.bulk_create(groups, batch_size=BATCH)
        for start in range(0, len(self.new_photos), BATCH):
            PhotoSplit.objects.bulk_create(
                PhotoSplit(
                    photo=c.photo,
                    split=side,
                    owner=self.first_owner[c.photo],
                    group=c.group,
                    phash=c.phash,
                    crops=list(c.crops),
                )
                for c, side in self.new_photos[start : start + BATCH]
            )

    def _names_of(self, owner: uuid.UUID) -> Person:
        return self.names.get(owner) or frozenset({owner})

    def _name(self, owner: uuid.UUID, side: Side) -> uuid.UUID:
        """A name of this person's that was decided for this side: their present one, if it was."""
        names = sorted(self._names_of(owner), key=lambda name: (name != owner, name))
        return next(name for name in names if side in self.owners.get(name, ()))

    def _known(self, owner: uuid.UUID) -> frozenset[Side]:
        """What was decided for this person; a new name of theirs takes part in it."""
        sides = self.allowed(owner)
        if sides and owner not in self.owners:
            self._decide(frozenset({owner}), sides)
        return sides

    def _decide(self, person: Person, sides: frozenset[Side]) -> None:
        for name in person:
            self.owners[name] = self.new_owners[name] = sides

    def _cost(self, some: Iterable[Person], people: Mapping[Person, Sequence[Candidate]]) -> tuple[int, float]:
        """How many more photos are lost if these people are held out than if they are trained on; then by name."""
        lost = 0
        for candidate in (candidate for person in some for candidate in people[person]):
            sides = self.near.sides(candidate.phash, candidate.crops) | {
                self.groups[g] for g in (candidate.group,) if g in self.groups
            }
            lost += ("train" in sides) - ("holdout" in sides)
        return lost, min(_share(person) for person in some)

    def _ties(self, candidate: Candidate) -> set[Side]:
        """The sides of its owner, where they are not split by picture, and of its group."""
        ties: set[Side] = set()
        for owner in {candidate.owner, self.first_owner.get(candidate.photo) or candidate.owner}:
            sides = self.allowed(owner)
            ties |= sides if len(sides) == 1 else set()
        if candidate.group in self.groups:
            ties.add(self.groups[candidate.group])
        return ties


def acquainted(people: Mapping[Person, Sequence[Candidate]], most: float) -> list[frozenset[Person]]:
    """People who share a picture, as long as together they have at most so many: they are best on one side.

    A picture that everybody has joins nobody, so that nobody can put all people on one side by it.
    """
    groups: dict[uuid.UUID, set[Person]] = defaultdict(set)
    for person, candidates in people.items():
        for candidate in candidates:
            groups[candidate.group].add(person)
    joined = {person: frozenset({person}) for person in people}
    for _, some in sorted(groups.items()):
        all_of_them = frozenset(other for person in some for other in joined[person])
        if sum(len(people[person]) for person in all_of_them) <= most:
            joined.update(dict.fromkeys(all_of_them, all_of_them))
    return list(dict.fromkeys(joined.values()))


def _share(person: Person) -> float:
    return manifest.share_of(str(min(person)))


def _by_name(group: uuid.UUID) -> Side:
    return "holdout" if manifest.split_of(str(group)) == "holdout" else "train"


def names_joined() -> dict[uuid.UUID, Person]:
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
