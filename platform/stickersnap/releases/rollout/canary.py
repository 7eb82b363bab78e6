"""Some people are served by the challenger: who, and whether they correct it more often than others the champion."""

import hashlib
import math
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from django.db.models import Count, Exists, OuterRef, Q

from annotations.models import Correction, Prediction
from stickersnap.releases.models import Rollout

ERROR = 0.05
"""Chance, over all looks together, that a challenger no worse is taken back."""
PERMUTATIONS = 10_000
CHUNK = 500
LEAST_PHOTOS, LEAST_OWNERS = 30, 5
"""On each side: with fewer, nothing is concluded."""
GROWTH = 1.25
"""A new look needs so many times the photos of the last: each look costs some of ERROR."""


@dataclass(frozen=True)
class Arm:
    """Photos and how many of them were corrected, one entry an owner."""

    photos: list[int]
    corrected: list[int]

    @property
    def rate(self) -> float | None:
        """Share of photos that were corrected."""
        return sum(self.corrected) / sum(self.photos) if sum(self.photos) else None


@dataclass(frozen=True)
class Figures:
    """What is known of a canary; `p` of "no worse" at the last look, `limit` what it must not fall below."""

    canary_owners: int = 0
    canary_photos: int = 0
    canary_rate: float | None = None
    others_owners: int = 0
    others_photos: int = 0
    others_rate: float | None = None
    looks: int = 0
    photos_at_look: int = 0
    p: float | None = None
    limit: float | None = None
    worse: bool = False

    def as_dict(self) -> dict[str, float | int | bool | None]:
        return asdict(self)


def in_canary(owner: uuid.UUID, rollout: uuid.UUID, share: float) -> bool:
    """Whether this person is among those the challenger serves: always the same answer for the same rollout."""
    digest = hashlib.sha256(f"{rollout} {owner}".encode()).digest()
    return int.from_bytes(digest[:8]) < share * 2**64


def look(rollout: Rollout) -> Figures:
    """The figures by now; with enough new photos since the last look, a new look at whether it is worse."""
    ours, others = arms(rollout)
    before = Figures(**rollout.figures) if rollout.figures else Figures()
    photos = sum(ours.photos)
    counted = {
        "canary_owners": len(ours.photos),
        "canary_photos": photos,
        "canary_rate": ours.rate,
        "others_owners": len(others.photos),
        "others_photos": sum(others.photos),
        "others_rate": others.rate,
    }
    enough = all(sum(arm.photos) >= LEAST_PHOTOS and len(arm.photos) >= LEAST_OWNERS for arm in (ours, others))
    if not enough or photos < before.photos_at_look * GROWTH:
        return Figures(**{**before.as_dict(), **counted})  # type: ignore[arg-type]
    looks = before.looks + 1
    p, limit = chance_of_no_worse(ours, others, seed=looks), limit_at(looks)
    found = {"looks": looks, "photos_at_look": photos, "p": p, "limit": limit, "worse": p < limit}
    return Figures(**{**counted, **found})  # type: ignore[arg-type]


def limit_at(looks: int) -> float:
    """What p must stay above at this look: the limits of all looks, however many, add up to ERROR (Σ 6/π²k² = 1)."""
    return ERROR * 6 / (math.pi * looks) ** 2


def chance_of_no_worse(ours: Arm, others: Arm, seed: int = 0) -> float:
    """p of "our people correct no more often", by a permutation test of whole owners.

    Who is a canary was drawn by hash, so any other draw was as likely (Fisher, The Design of Experiments, 1935). One
    who corrects everything counts as one person, not as all their photos.
    """
    photos = np.array([*ours.photos, *others.photos], dtype=np.float64)
    corrected = np.array([*ours.corrected, *others.corrected], dtype=np.float64)
    mine = np.arange(len(photos)) < len(ours.photos)
    seen = _difference(mine[None], photos, corrected)[0]
    random = np.random.default_rng(seed)
    least = 0
    for _ in range(0, PERMUTATIONS, CHUNK):
        drawn = random.permuted(np.broadcast_to(mine, (CHUNK, len(mine))), axis=1)
        least += int(np.count_nonzero(_difference(drawn, photos, corrected) >= seen - 1e-12))
    return (least + 1) / (PERMUTATIONS + 1)


def _difference(mine: np.ndarray, photos: np.ndarray, corrected: np.ndarray) -> np.ndarray:
    """Rate of the drawn owners less the rate of the others, for each row of N×owners bool."""
    rates = [(side * corrected).sum(1) / np.maximum(1, (side * photos).sum(1)) for side in (mine, ~mine)]
    return np.asarray(rates[0] - rates[1])


def arms(rollout: Rollout) -> tuple[Arm, Arm]:
    """Canary and others: photos each owner brought since the stage began, as answered by what served them."""
    champion = rollout.decision.champion_id
    corrected = Exists(Correction.objects.filter(prediction=OuterRef("pk"), author=OuterRef("photo__owner")))
    brought = Prediction.objects.filter(
        created_at__gte=rollout.stage_at,
        photo__created_at__gte=rollout.stage_at,
        weights__in=[rollout.weights_id, champion],
    ).annotate(corrected=corrected)
    rows = (
        brought.order_by()
        .values_list("photo__owner", "weights")
        .annotate(photos=Count("pk"), fixed=Count("pk", filter=Q(corrected=True)))
    )
    sides: dict[bool, tuple[list[int], list[int]]] = {True: ([], []), False: ([], [])}
    for owner, weights, photos, fixed in rows:
        canary = in_canary(owner, rollout.id, rollout.canary_share)
        if weights == (rollout.weights_id if canary else champion):
            sides[canary][0].append(photos)
            sides[canary][1].append(fixed)
    return Arm(*sides[True]), Arm(*sides[False])


def describe(figures: Figures) -> str:
    """The figures in a sentence."""
    if figures.canary_rate is None or figures.others_rate is None:
        return "Too few photos to compare."
    return (
        f"{100 * figures.canary_rate:.1f} % of {figures.canary_photos} photos were corrected where it served "
        f"({figures.canary_owners} people), {100 * figures.others_rate:.1f} % of {figures.others_photos} elsewhere."
    )


def simulated(owners: Sequence[int], rate: float, random: np.random.Generator) -> Arm:
    """An arm of people who bring so many photos each and correct each with this chance."""
    return Arm(list(owners), [int(random.binomial(count, rate)) for count in owners])
