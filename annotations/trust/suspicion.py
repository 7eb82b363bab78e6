"""How far each author's masks can be trusted, from the masks and their reviews alone. No database, no network.

Six things are looked at; each gives a doubt of 0 to 1, and the score of an author is the product of what they leave:
reviews (a Beta prior around what reviewers say of everybody), masks that are wrong on their face (see `find_marks`), a
lean shared by all masks of the author, the share of masks that are odd for what the network had made of the picture
(see `annotations.trust.deviations`), other people's masks of the same picture, and drift.
Everything is measured against other people's masks, by medians and ranks, so that a few malicious people cannot move
the measure; and every doubt needs several masks, so that newcomers stay neutral.
"""

from __future__ import annotations

import itertools
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from annotations.trust import deviations, sketch

PRIOR_REVIEWS = 4.0  # a newcomer counts as if reviewers had seen so many of their masks
PRIOR_MASKS = 4.0
HONEST_MARKS = 0.03  # share of honest masks that look wrong on their face
ALIKE = 0.8  # soft IoU of two honest masks of one picture
LEAST_FOR_DRIFT = 8
ODD = (0.05, 0.1, 0.2)  # chances below which a mask counts as odd
STEPS = (1.0, 0.75, 0.5, 0.25)  # weights change in steps, so that a version frozen again is the same version
DISTRUSTED = 0.25  # below this score nothing of theirs is learned from
DOUBTED = 0.75  # below this one, nothing of theirs that looks wrong on its face
FORGIVEN = 0.4  # × (1 − weight): of a doubted author, masks that are odder than all but 10, 20, 30 % stay out
LEAST_TO_DISTRUST = 4  # masks


@dataclass(frozen=True)
class Evidence:
    """One correction as it is now. `drawn` is what `sketch.draw` made; `approved` is None while it waits."""

    correction: uuid.UUID
    author: uuid.UUID
    photo: uuid.UUID
    group: uuid.UUID
    saved: datetime
    mask_sha256: str
    drawn: bytes
    approved: bool | None


@dataclass
class Trust:
    """What is known of an author. `doubts` name what speaks against them, each 0..1; `marks` their wrong masks.

    `odd` says of their odder masks which share of other people's is as odd.
    """

    author: uuid.UUID
    corrections: int
    approved: int = 0
    rejected: int = 0
    iou: float = 1.0
    doubts: dict[str, float] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    marks: dict[uuid.UUID, str] = field(default_factory=dict)
    odd: dict[uuid.UUID, float] = field(default_factory=dict)

    @property
    def marked(self) -> int:
        """How many of the masks look wrong on their face."""
        return len(self.marks)

    @property
    def score(self) -> float:
        """0 (not to be trusted) to 1."""
        return float(np.prod([1 - doubt for doubt in self.doubts.values()]))

    @property
    def weight(self) -> float:
        """What a mask of theirs counts in training: 1, 0.75, 0.5 or 0.25."""
        return next((step for step in STEPS if self.score >= step - 0.125), STEPS[-1])

    def refuses(self, correction: uuid.UUID) -> str:
        """Why an approved mask of theirs must not be learned from, in words; empty where it may be."""
        if self.corrections < LEAST_TO_DISTRUST:
            return ""
        if self.score < DISTRUSTED:
            return f"Its author's trust is {self.score:.2f}. {' '.join(self.reasons)}"
        if self.score < DOUBTED and correction in self.marks:
            return f"It looks {self.marks[correction]}, and its author's trust is {self.score:.2f}."
        if self.odd.get(correction, 1.0) <= FORGIVEN * (1 - self.weight):
            said = f"Only {self.odd[correction]:.0%} of other people's masks of such pictures are as odd"
            return f"{said}, and its author's trust is {self.score:.2f}."
        return ""

    def doubt(self, name: str, amount: float, reason: str) -> None:
        amount = float(np.clip(amount, 0, 1))
        if amount >= 0.02:
            self.doubts[name] = amount
            self.reasons.append(reason)


def judge(evidence: Sequence[Evidence]) -> list[Trust]:
    """Everybody's trust, worst first."""
    if not evidence:
        return []
    ordered = sorted(evidence, key=lambda e: (e.saved, e.correction.int))
    masks, predictions = sketch.read([e.drawn for e in ordered])
    iou = sketch.soft_iou(masks, predictions)
    lean = np.log((sketch.area(masks) + 0.01) / (sketch.area(predictions) + 0.01))
    marks = find_marks(ordered, masks, predictions, iou)
    by_author: dict[uuid.UUID, list[int]] = defaultdict(list)
    for index, entry in enumerate(ordered):
        by_author[entry.author].append(index)
    shared = everybodys_approval(ordered)
    leans, distances = robust(lean, 0.05), robust(1 - iou, 0.05)
    chances = deviations.chances(masks, predictions, numbered([e.author for e in ordered]))
    people = {}
    for author, places in by_author.items():
        person = people[author] = Trust(author, len(places), iou=round(float(np.mean(iou[places])), 3))
        person.marks = {ordered[i].correction: marks[i] for i in places if i in marks}
        person.odd = {ordered[i].correction: float(chances[i]) for i in places if chances[i] <= FORGIVEN}
        weigh_reviews(person, [ordered[i].approved for i in places], shared)
        weigh_marks(person, usual_marks(len(marks), len(ordered), person))
        weigh_lean(person, leans[places])
        weigh_odd(person, chances[places])
        weigh_drift(person, leans[places], distances[places])
    weigh_others(people, ordered, masks)
    return sorted(people.values(), key=lambda person: (person.score, -person.corrections, person.author.int))


def numbered(authors: Sequence[uuid.UUID]) -> NDArray[np.int64]:
    """Small numbers instead of the authors, the same for the same one."""
    known: dict[uuid.UUID, int] = {}
    return np.array([known.setdefault(author, len(known)) for author in authors])


def robust(values: NDArray[np.float32], floor: float) -> NDArray[np.float32]:
    """Distances from the median in (floored) standard deviations as the median deviation tells them, within ±5."""
    middle = np.median(values)
    spread = max(1.4826 * float(np.median(np.abs(values - middle))), floor)
    return np.clip((values - middle) / spread, -5, 5).astype(np.float32)


def everybodys_approval(evidence: Sequence[Evidence]) -> float:
    """The share of reviewed masks that reviewers approve, drawn towards 0.9 while there are few."""
    verdicts = [e.approved for e in evidence if e.approved is not None]
    return (sum(verdicts) + 9) / (len(verdicts) + 10)


def find_marks(
    evidence: Sequence[Evidence],
    masks: sketch.Sketches,
    predictions: sketch.Sketches,
    iou: NDArray[np.float32],
) -> dict[int, str]:
    """Masks that are wrong on their face, by place: nearly empty, nearly full, inverted, shifted or copied.

    Shifted: moved back by at least two cells of 32 it fits its prediction, and where it is it does not.
    Copied: the same author's mask of another picture, that fits its own prediction badly.
    """
    area = sketch.area(masks)
    opposite = sketch.in_parts(lambda mask, predicted: sketch.soft_iou(mask, 1 - predicted), masks, predictions)
    inverted = (opposite > 0.6) & (iou < 0.2)
    far, fit = sketch.shifts(masks, predictions)
    shifted = (far >= 2 / sketch.SIDE) & (fit > 0.7) & (fit - iou > 0.15)
    copied = find_copies(evidence, masks, iou)
    found = {}
    for i in range(len(evidence)):
        for hit, name in (
            (area[i] < 0.003, "empty"),
            (area[i] > 0.985, "full"),
            (inverted[i], "inverted"),
            (i in copied, "copied"),
            (shifted[i], "shifted"),
        ):
            if hit:
                found[i] = name
                break
    return found


def find_copies(evidence: Sequence[Evidence], masks: sketch.Sketches, iou: NDArray[np.float32]) -> set[int]:
    cells = (masks.reshape(-1, 16, 2, 16, 2).mean((2, 4)) > 0.5).reshape(len(masks), -1)
    seen: dict[tuple[uuid.UUID, bytes], list[int]] = defaultdict(list)
    for i, entry in enumerate(evidence):
        seen[entry.author, np.packbits(cells[i]).tobytes()].append(i)
    copies = set()
    for places in seen.values():
        if len({evidence[i].group for i in places}) > 1:
            copies |= {i for i in places if iou[i] < 0.3}
    return copies


def weigh_reviews(person: Trust, verdicts: Sequence[bool | None], shared: float) -> None:
    """Doubt where even one standard deviation above the Beta posterior's mean is less than what others reach."""
    person.approved, person.rejected = sum(v is True for v in verdicts), sum(v is False for v in verdicts)
    a, b = PRIOR_REVIEWS * shared + person.approved, PRIOR_REVIEWS * (1 - shared) + person.rejected
    mean = a / (a + b)
    most = mean + np.sqrt(mean * (1 - mean) / (a + b + 1))
    reviewed = person.approved + person.rejected
    reason = f"Reviewers rejected {person.rejected} of {reviewed} ({1 - shared:.0%} of everybody's)."
    person.doubt("reviews", (shared - most) / 0.5, reason)


def usual_marks(marked: int, corrections: int, person: Trust) -> float:
    """The share of other people's masks that is marked: large where the predictions are at fault. Who is alone is
    compared with nobody."""
    others = corrections - person.corrections
    return max(HONEST_MARKS, (marked - len(person.marks)) / others if others else marked / corrections)


def weigh_marks(person: Trust, usual: float) -> None:
    """Doubt where surely more than the `usual` share is marked."""
    a, b = 0.2 + len(person.marks), PRIOR_MASKS - 0.2 + person.corrections - len(person.marks)
    share = a / (a + b)
    least = share - np.sqrt(share * (1 - share) / (a + b + 1))
    kinds = sorted(set(person.marks.values()))
    counted = ", ".join(f"{sum(m == kind for m in person.marks.values())} {kind}" for kind in kinds)
    person.doubt("marks", (least - usual) / 0.25, f"Masks that look wrong on their face: {counted}.")


def shrunk(values: NDArray[np.float32]) -> float:
    """The mean, drawn towards zero while there are few."""
    return float(values.sum() / (len(values) + PRIOR_MASKS))


def weigh_lean(person: Trust, leans: NDArray[np.float32]) -> None:
    lean = shrunk(leans)
    kind = "larger" if lean > 0 else "smaller"
    person.doubt("lean", min(0.8, (abs(lean) - 1.2) / 3), f"Masks are mostly {kind} than other people's fixes.")


def weigh_odd(person: Trust, chances: NDArray[np.float64]) -> None:
    """Doubt where surely more masks than other people's are odd for what the network had made of the picture.

    Though most may be honest: of one kind of picture alone perhaps. `chances`: see `annotations.trust.deviations`.
    """
    worst, kept = 0.0, (0, ODD[-1])
    for share in ODD:
        hits = int((chances <= share).sum())
        a, b = PRIOR_MASKS * share + hits, PRIOR_MASKS * (1 - share) + len(chances) - hits
        mean = a / (a + b)
        excess = mean - np.sqrt(mean * (1 - mean) / (a + b + 1)) - share
        if (doubt := max(2 * min(excess, 0.05), (excess - 0.05) / 0.3)) > worst:
            worst, kept = doubt, (hits, share)
    hits, share = kept
    reason = f"{hits} of {len(chances)} masks are odder than {1 - share:.0%} of other people's of such pictures."
    person.doubt("odd", min(0.8, worst), reason)


def weigh_drift(person: Trust, leans: NDArray[np.float32], distances: NDArray[np.float32]) -> None:
    """Spearman's rank correlation of area and distance with time, where the last third is also far from the first."""
    count = len(leans)
    if count < LEAST_FOR_DRIFT:
        return
    worst = 0.0
    for values in (leans, distances):
        ranks, order = np.argsort(np.argsort(values, kind="stable")), np.arange(count)
        sure = abs(float(np.corrcoef(ranks, order)[0, 1])) * np.sqrt(count - 1)
        third = count // 3
        change = abs(float(np.median(values[-third:]) - np.median(values[:third])))
        worst = max(worst, min((sure - 1.8) / 1.5, (change - 1.0) / 2))
    person.doubt("drift", min(0.7, worst), "Masks drift away from everybody's over time.")


def weigh_others(people: Mapping[uuid.UUID, Trust], evidence: Sequence[Evidence], masks: sketch.Sketches) -> None:
    """Doubt where trusted people's masks of near-duplicates (mirrored too) are unlike this author's."""
    groups: dict[uuid.UUID, list[int]] = defaultdict(list)
    for i, entry in enumerate(evidence):
        groups[entry.group].append(i)
    standing = {author: person.score for author, person in people.items()}
    agreed: dict[uuid.UUID, list[tuple[float, float]]] = defaultdict(list)
    together = itertools.chain.from_iterable(itertools.combinations(places[-20:], 2) for places in groups.values())
    pairs = [(i, j) for i, j in together if evidence[i].author != evidence[j].author]
    for (i, j), fit in zip(pairs, alike(masks, pairs), strict=True):
        one, other = evidence[i].author, evidence[j].author
        agreed[one].append((fit, standing[other]))
        agreed[other].append((fit, standing[one]))
    for author, fits in agreed.items():
        weights = np.array([weight for _, weight in fits])
        mean = (float(np.dot([fit for fit, _ in fits], weights)) + 2 * ALIKE) / (float(weights.sum()) + 2)
        reason = f"Other people's masks of the same pictures differ (mean overlap {mean:.0%})."
        people[author].doubt("others", min(0.8, (0.65 - mean) / 0.4), reason)


def alike(masks: sketch.Sketches, pairs: Sequence[tuple[int, int]]) -> list[float]:
    """The soft IoU of two masks each, or of one and the other's mirror image where that is more."""
    found: list[float] = []
    for start in range(0, len(pairs), sketch.PART):
        one, other = (masks[list(places)] for places in zip(*pairs[start : start + sketch.PART], strict=True))
        found += np.maximum(sketch.soft_iou(one, other), sketch.soft_iou(one, other[..., ::-1])).tolist()
    return found
