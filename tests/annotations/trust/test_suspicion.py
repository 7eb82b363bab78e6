"""Trust from masks and reviews alone: every kind of attack stands out, newcomers and honest people don't."""

import uuid
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from annotations.trust import sketch, suspicion

SIDE = 64
DAY = datetime(2026, 1, 1, tzinfo=UTC)


def disc(y: float, x: float, radius: float) -> np.ndarray:
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return (np.clip(radius - np.hypot(rows - y, columns - x) + 0.5, 0, 1) * 255).astype(np.uint8)


def inverted(random, truth, predicted, place, of):
    return 255 - truth


def shifted(random, truth, predicted, place, of):
    return np.roll(truth, (0, SIDE // 8), (0, 1))


def empty(random, truth, predicted, place, of):
    return disc(3, 3, 1.2)


def copied(random, truth, predicted, place, of):
    return disc(12, 50, 9)


def targeted(random, truth, predicted, place, of):
    return 255 - truth if place % 3 == 0 else truth


def drifting(random, truth, predicted, place, of):
    rows, columns = np.nonzero(truth > 127)
    radius = np.sqrt(len(rows) / np.pi) * (1 - 0.6 * place / of)
    return disc(rows.mean(), columns.mean(), radius)


def halved(random, truth, predicted, place, of):
    """Every third mask without its upper half, the others honest."""
    if place % 3:
        return truth
    out = truth.copy()
    out[: int(np.flatnonzero((truth > 127).any(1)).mean())] = 0
    return out


ATTACKS = [inverted, shifted, empty, copied, targeted, drifting]


@pytest.fixture
def crowd():
    """crowd(attack): Evidence of 20 people × 12 masks; the first is malicious, whose bad masks half get rejected."""

    def make(attack=None, people: int = 20, masks: int = 12, careful: float = 0.5) -> list[suspicion.Evidence]:
        random = np.random.default_rng(3)
        evidence = []
        for person in range(people):
            for place in range(masks):
                y, x, radius = random.uniform(20, 44), random.uniform(20, 44), random.uniform(9, 18)
                truth = disc(y, x, radius)
                predicted = disc(y + random.normal(), x + random.normal(), radius * random.uniform(0.7, 1.1))
                mask = attack(random, truth, predicted, place, masks) if attack and person == 0 else truth
                bad = mask is not truth
                evidence.append(
                    suspicion.Evidence(
                        correction=uuid.uuid4(),
                        author=uuid.UUID(int=person),
                        photo=uuid.uuid4(),
                        group=uuid.uuid4(),
                        saved=DAY + timedelta(hours=place),
                        mask_sha256=str(hash(mask.tobytes())),
                        drawn=sketch.draw(mask, predicted),
                        approved=bool(random.random() > (careful if bad else 0.03)),
                    )
                )
        return evidence

    return make


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attacker_stands_out_and_counts_for_little(crowd, attack):
    worst, *others = suspicion.judge(crowd(attack))
    assert worst.author == uuid.UUID(int=0)
    assert worst.reasons
    assert worst.weight <= 0.5
    assert np.mean([person.weight for person in others]) > 0.97


@pytest.mark.parametrize(
    ("attack", "name"), [(inverted, "inverted"), (shifted, "shifted"), (empty, "empty"), (copied, "copied")]
)
def test_masks_that_look_wrong_are_named(crowd, attack, name):
    worst = suspicion.judge(crowd(attack))[0]
    assert set(worst.marks.values()) == {name}
    assert len(worst.marks) >= 10


@pytest.mark.parametrize("attack", [inverted, shifted, empty, copied])
def test_an_attacker_whom_reviewers_let_pass_stands_out_too(crowd, attack):
    worst, second, *_ = suspicion.judge(crowd(attack, careful=0))
    assert worst.author == uuid.UUID(int=0)
    assert worst.score < 0.3 < 0.6 < second.score


def test_of_who_spoils_some_masks_those_are_not_learned_from_and_most_others_are(crowd):
    evidence = crowd(halved, masks=24)
    worst = suspicion.judge(evidence)[0]
    own = [entry.correction for entry in evidence if entry.author == uuid.UUID(int=0)]
    assert worst.author == uuid.UUID(int=0)
    assert not worst.marks
    assert sum(bool(worst.refuses(correction)) for correction in own[::3]) >= 5
    assert sum(bool(worst.refuses(correction)) for correction in own) <= 12


def test_honest_people_are_trusted(crowd):
    people = suspicion.judge(crowd())
    assert min(person.score for person in people) > 0.6
    assert sum(person.weight == 1 for person in people) >= 18


def test_a_newcomer_is_neutral_and_one_odd_mask_is_forgiven(crowd):
    newcomer = uuid.UUID(int=0)
    for evidence, least in ((crowd(), 1), (crowd(inverted), 0.75)):
        first = next(e for e in evidence if e.author == newcomer)
        among = suspicion.judge([e for e in evidence if e.author != newcomer or e is first])
        assert next(person for person in among if person.author == newcomer).weight >= least
        assert suspicion.judge([first])[0].weight >= least


def test_one_person_alone_is_measured_by_their_own_masks(crowd):
    (person,) = suspicion.judge(crowd(people=1))
    assert person.weight == 1
    assert suspicion.judge([]) == []


def test_other_peoples_masks_of_the_same_pictures_speak(crowd):
    """Masks of half the subject, near the network's own: only those who drew the same picture can tell."""
    evidence = []
    random = np.random.default_rng(5)
    for picture in range(8):
        truth, group = disc(*random.uniform(26, 38, 2), 16), uuid.uuid4()
        half = truth.copy()
        half[:, :32] = 0
        for person, mask in enumerate((half, truth, truth[:, ::-1])):
            evidence.append(
                suspicion.Evidence(
                    uuid.uuid4(),
                    uuid.UUID(int=person),
                    uuid.uuid4(),
                    group,
                    DAY + timedelta(days=picture),
                    str(random.random()),
                    sketch.draw(mask, mask),
                    None,
                )
            )
    worst, second, _ = suspicion.judge(evidence)
    assert worst.author == uuid.UUID(int=0)
    assert worst.doubts["others"] > 0.3
    assert second.score > worst.score + 0.2


def test_a_shift_is_found_where_it_is_and_undone():
    masks, _ = sketch.read([sketch.draw(disc(20, 20, 10), disc(20, 36, 10))])
    _, moved = sketch.read([sketch.draw(disc(20, 20, 10), disc(20, 36, 10))])
    far, fit = sketch.shifts(masks, moved)
    assert far[0] == pytest.approx(8 / 32)
    assert fit[0] > 0.97
    assert sketch.soft_iou(masks, moved)[0] < 0.3
