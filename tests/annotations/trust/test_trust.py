"""Whom to learn from, in the database and over HTTP."""

import uuid

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from annotations import services
from annotations.exceptions import AlreadyQuarantined, NotFound, ReasonRequired
from annotations.models import Correction, Quarantine
from annotations.trust import sketch, trust

pytestmark = pytest.mark.django_db
ALICE, BOB = uuid.uuid4(), uuid.uuid4()


@pytest.fixture
def fixes(photo_of, submit, disc, cat):
    """fixes(author, count, alpha=…): corrections of as many different consented photos."""
    random = np.random.default_rng(0)

    def make(author, count: int, share: float = 0.33, wrong: bool = False) -> list[Correction]:
        made = []
        for _ in range(count):
            picture = np.ascontiguousarray(random.integers(0, 255, (6, 6, 3), np.uint8).repeat(16, 0).repeat(16, 1))
            photo = photo_of(author, picture, consented_at=timezone.now())
            alpha = disc(96, 96, share)
            made.append(submit(photo, author, 255 - alpha if wrong else alpha)[0])
        return made

    return make


def review(corrections, reviewer, reject: bool = False) -> None:
    for correction in corrections:
        write = services.correction_reject if reject else services.correction_approve
        write(correction=correction, version=correction.version, reviewer=reviewer, reason="no subject")


def test_a_submission_keeps_its_small_copy_and_an_edit_draws_it_anew(fixes, submit, disc):
    (correction,) = fixes(ALICE, 1)
    before = bytes(Correction.objects.get(id=correction.id).sketch)
    assert len(before) == sketch.BYTES
    submit(correction.photo, ALICE, disc(96, 96, 0.1), correction_id=correction.id, if_match=1)
    assert bytes(Correction.objects.get(id=correction.id).sketch) != before


def test_masks_from_before_there_were_small_copies_are_drawn_when_asked_for(fixes):
    corrections = fixes(ALICE, 3)
    kept = bytes(Correction.objects.get(id=corrections[0].id).sketch)
    Correction.objects.update(sketch=None)
    assert trust.draw_missing() == 3
    assert bytes(Correction.objects.get(id=corrections[0].id).sketch) == kept
    assert trust.draw_missing() == 0


def test_a_mask_damaged_in_the_database_stops_nobody(fixes):
    bad = fixes(ALICE, 2)[0]
    Correction.objects.update(sketch=None)
    Correction.objects.filter(id=bad.id).update(mask=b"nothing")
    assert trust.author_weights() == {ALICE: 1.0}
    assert [person.corrections for person in trust.trust_list()] == [1]


def test_an_attacker_counts_less_and_is_left_out_in_the_end(fixes, people):
    honest, inverted = fixes(ALICE, 6), fixes(BOB, 6, wrong=True)
    review(honest, people.rita)
    review(inverted[:3], people.rita)
    review(inverted[3:], people.rita, reject=True)
    weights = trust.author_weights()
    assert weights[ALICE] == 1
    assert weights[BOB] <= 0.25
    out = trust.left_out([*honest, *inverted[:3]])
    assert set(out) == {c.id for c in inverted[:3]}
    assert all("trust" in reason for reason in out.values())


def test_without_consent_nothing_is_looked_at(fixes):
    fixes(ALICE, 2)
    services.consent_apply(owner=ALICE, consented_at=None)
    assert trust.trust_list() == []
    assert trust.author_weights() == {}


def test_nobody_has_more_than_a_fifth_of_a_version():
    authors = [uuid.UUID(int=i) for i in range(12)]
    counts = dict.fromkeys(authors, 10) | {authors[0]: 1000, authors[1]: 300}
    weights = trust.capped(dict.fromkeys(authors, 1.0), counts)
    total = sum(weights[a] * counts[a] for a in authors)
    assert max(weights[a] * counts[a] for a in authors) <= 0.23 * total
    assert all(0 < weight <= 1 for weight in weights.values())
    assert [weights[a] for a in authors[2:]] == [1] * 10


def test_one_or_two_people_alone_are_not_held_back():
    assert trust.capped({ALICE: 1.0}, {ALICE: 50}) == {ALICE: 1.0}
    assert trust.capped({ALICE: 1.0, BOB: 1.0}, {ALICE: 50, BOB: 2}) == {ALICE: 1.0, BOB: 1.0}


def test_a_quarantine_says_who_when_and_why_and_can_be_lifted(fixes, people):
    corrections = fixes(BOB, 2)
    with pytest.raises(ReasonRequired):
        trust.quarantine_place(author=BOB, operator=people.olga, reason="  ")
    with pytest.raises(NotFound):
        trust.quarantine_place(author=uuid.uuid4(), operator=people.olga, reason="who is that")
    row = trust.quarantine_place(author=BOB, operator=people.olga, reason="paints over faces")
    assert (row.placed_by, row.reason, row.lifted_at) == (people.olga, "paints over faces", None)
    assert set(trust.left_out(corrections).values()) == {"Its author is in quarantine."}
    with pytest.raises(AlreadyQuarantined):
        trust.quarantine_place(author=BOB, operator=people.olga, reason="again")
    lifted = trust.quarantine_lift(author=BOB, operator=people.olga)
    assert (lifted.lifted_by, lifted.lifted_at is None) == (people.olga, False)
    assert trust.left_out(corrections) == {}
    with pytest.raises(NotFound):
        trust.quarantine_lift(author=BOB, operator=people.olga)


@pytest.mark.parametrize("both", [False, True])
def test_nobody_leaves_a_quarantine_by_logging_in(fixes, people, both):
    fixes(BOB, 1)
    fixes(people.bob.owner, 1)
    trust.quarantine_place(author=BOB, operator=people.olga, reason="copied masks")
    if both:
        trust.quarantine_place(author=people.bob.owner, operator=people.olga, reason="copied masks")
    services.owner_replace(old=BOB, new=people.bob.owner)
    assert set(trust.quarantines_open()) == {people.bob.owner}
    assert Quarantine.objects.count() == 1 + both


def test_operators_read_the_list_and_place_a_quarantine_over_http(fixes, people):
    fixes(ALICE, 5)
    corrections = fixes(people.bob.owner, 5, wrong=True)
    client = Client()
    client.force_login(people.olga)
    worst, best = client.get(reverse("trust")).json()["results"]
    assert (worst["author"], worst["name"], best["name"]) == (str(people.bob.owner), "bob", "")
    assert worst["score"] < best["score"] == 1
    assert worst["marked"] == 5
    assert "5 inverted" in worst["reasons"][0]
    listed = client.get(worst["corrections_url"]).json()["results"]
    assert {entry["id"] for entry in listed} == {str(c.id) for c in corrections}
    assert {entry["mark"] for entry in listed} == {"inverted"}
    assert client.get(listed[0]["difference_url"]).status_code == 200

    address = reverse("trust-quarantine", args=[people.bob.owner])
    answer = client.post(address, {"reason": ""}, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "reason_required")
    answer = client.post(address, {"reason": "inverted masks"}, content_type="application/json")
    assert (answer.status_code, answer.json()["placed_by"]) == (201, "olga")
    again = client.post(address, {"reason": "inverted masks"}, content_type="application/json")
    assert (again.status_code, again.json()["code"]) == (409, "already_quarantined")
    assert client.get(reverse("trust")).json()["results"][0]["quarantine"]["reason"] == "inverted masks"
    lifted = client.delete(address)
    assert (lifted.status_code, lifted.json()["lifted_by"]) == (200, "olga")
    assert client.delete(address).status_code == 404
    assert client.get(reverse("trust-corrections", args=[uuid.uuid4()])).status_code == 404


def test_the_admin_puts_authors_in_quarantine_and_lifts_it(client, fixes, people):
    (correction,) = fixes(BOB, 1)
    people.olga.is_staff = people.olga.is_superuser = True
    people.olga.save()
    client.force_login(people.olga)
    chosen = {"_selected_action": [str(correction.id)], "action": "quarantine", "reason": ""}
    page = client.post("/admin/annotations/correction/", chosen, follow=True)
    assert "Say why" in page.content.decode()
    client.post("/admin/annotations/correction/", chosen | {"reason": "copies"}, follow=True)
    row = trust.quarantines_open()[BOB]
    client.post("/admin/annotations/quarantine/", {"_selected_action": [str(row.id)], "action": "lift"}, follow=True)
    assert trust.quarantines_open() == {}
