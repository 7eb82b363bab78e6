"""Whom to learn from: how much each author's corrections count, whose are left out, and why."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from django.db import IntegrityError, transaction
from django.db.models import OuterRef, Subquery
from django.utils import timezone

from annotations import selectors
from annotations.exceptions import AlreadyQuarantined, NotFound, ReasonRequired
from annotations.models import Correction, Quarantine, Review
from annotations.trust import sketch, suspicion
from segmentation import mask as masks

SHARE_AT_MOST = 0.2  # of a version's whole weight that one person may have


def trust_list() -> list[suspicion.Trust]:
    """Every author of a correction that may be learned from, worst first."""
    return suspicion.judge(_evidence())


def author_weights(people: Sequence[suspicion.Trust] | None = None) -> Mapping[uuid.UUID, float]:
    """What a correction of each author counts in training, 0 < weight ≤ 1.

    1 for newcomers. Nobody's approved corrections count for more than a fifth of all, or two persons' fair shares
    where there are fewer than ten. `people`: the trust list, where it is known already.
    """
    weights = {person.author: person.weight for person in (trust_list() if people is None else people)}
    counts = Counter(selectors.corrections_approved().order_by().values_list("author", flat=True))
    return capped(weights, counts)


def capped(weights: Mapping[uuid.UUID, float], counts: Mapping[uuid.UUID, int]) -> dict[uuid.UUID, float]:
    """Weights made smaller, in steps of 1/64, until no author has more than their share of the whole."""
    made = dict(weights)
    active = [author for author in made if counts.get(author, 0)]
    share = max(SHARE_AT_MOST, 2 / len(active)) if active else 1.0
    for _ in range(len(active) if share < 1 else 0):
        total = sum(made[author] * counts[author] for author in active)
        largest = max(active, key=lambda author: made[author] * counts[author])
        rest = total - made[largest] * counts[largest]
        if made[largest] * counts[largest] <= total * share * 1.02:
            break
        made[largest] = max(1, int(rest * share / (1 - share) / counts[largest] * 64)) / 64
    return made


class Authored(Protocol):
    """A correction, or what is needed of one here."""

    @property
    def id(self) -> uuid.UUID: ...

    @property
    def author(self) -> uuid.UUID: ...


def left_out(corrections: Sequence[Authored], people: Sequence[suspicion.Trust] | None = None) -> dict[uuid.UUID, str]:
    """Which of these approved corrections must not be learned from, each with the reason in words.

    Those of authors in quarantine, those of authors hardly anything of whom can be trusted, and masks that look wrong
    on their face, or are odd, by authors of whom there are other doubts: reviewers, too, look away for a moment.
    `people`: the trust list, where it is known already.
    """
    quarantined = set(Quarantine.objects.filter(lifted_at=None).values_list("author", flat=True))
    trusted = {person.author: person for person in (trust_list() if people is None else people)}
    out = {}
    for correction in corrections:
        person = trusted.get(correction.author)
        if correction.author in quarantined:
            out[correction.id] = "Its author is in quarantine."
        elif person and (reason := person.refuses(correction.id)):
            out[correction.id] = reason
    return out


def corrections_of(author: uuid.UUID) -> list[Correction]:
    """An author's corrections that may be looked at, newest first. Raises NotFound where there are none."""
    found = list(
        selectors.corrections().filter(author=author, photo__consented_at__isnull=False).order_by("-updated_at")
    )
    if not found:
        raise NotFound
    return found


def marks_of(author: uuid.UUID | None) -> dict[uuid.UUID, str]:
    """What is wrong on their face with an author's masks: empty, full, inverted, copied or shifted, by correction."""
    people = trust_list() if author else []
    return next((person.marks for person in people if person.author == author), {})


def quarantines_open() -> dict[uuid.UUID, Quarantine]:
    """Who is in quarantine now."""
    return {row.author: row for row in Quarantine.objects.filter(lifted_at=None).select_related("placed_by")}


def quarantine_place(*, author: uuid.UUID, operator: Any, reason: str) -> Quarantine:
    """Leaves an author's corrections out of every version from the next one on.

    Raises NotFound, ReasonRequired, AlreadyQuarantined.
    """
    if not reason.strip():
        raise ReasonRequired("Say why: a few words are enough.")
    corrections_of(author)
    try:
        with transaction.atomic():
            return Quarantine.objects.create(author=author, placed_by=operator, reason=reason.strip())
    except IntegrityError as error:
        raise AlreadyQuarantined from error


@transaction.atomic
def quarantine_lift(*, author: uuid.UUID, operator: Any) -> Quarantine:
    """Lets an author's corrections in again. Raises NotFound where they are in no quarantine."""
    row = Quarantine.objects.select_for_update().filter(author=author, lifted_at=None).first()
    if row is None:
        raise NotFound
    row.lifted_at, row.lifted_by = timezone.now(), operator
    row.save(update_fields=["lifted_at", "lifted_by"])
    return row


def _evidence() -> list[suspicion.Evidence]:
    draw_missing()
    verdict = Review.objects.filter(correction=OuterRef("pk"), version=OuterRef("version")).values("verdict")[:1]
    rows = Correction.objects.filter(photo__consented_at__isnull=False).annotate(verdict=Subquery(verdict))
    names = ("id", "author", "photo_id", "photo__group", "created_at", "mask_sha256", "sketch", "verdict")
    drawn_rows = rows.exclude(sketch=None)
    return [
        suspicion.Evidence(
            correction=correction,
            author=author,
            photo=photo,
            group=group,
            saved=saved,
            mask_sha256=sha256,
            drawn=bytes(drawn),
            approved=None if verdict is None else verdict == Review.Verdict.APPROVE,
        )
        for correction, author, photo, group, saved, sha256, drawn, verdict in drawn_rows.values_list(*names)
    ]


def draw_missing() -> int:
    """Draws the small copies of masks that were saved before there were any; answers how many."""
    missing = list(
        Correction.objects.filter(sketch=None, photo__consented_at__isnull=False).values_list("id", flat=True)
    )
    for start in range(0, len(missing), 200):
        part = Correction.objects.filter(id__in=missing[start : start + 200]).select_related("prediction__photo")
        drawn = [_drawn(correction) for correction in part.defer("strokes", "photo__image")]
        Correction.objects.bulk_update([correction for correction in drawn if correction], ["sketch"])
    return len(missing)


def _drawn(correction: Correction) -> Correction | None:
    try:
        mask = masks.decode_png(bytes(correction.mask), empty=True)
        correction.sketch = sketch.draw(mask, selectors.mask_kept(correction.prediction))
    except masks.MaskError:
        return None  # a damaged row is the freeze's to report
    return correction
