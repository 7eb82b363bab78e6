"""A verdict that was a slip is taken back by whoever gave it, until something was made of it."""

import uuid

import pytest
from django.test import Client
from django.utils import timezone

from annotations import reviews, selectors, services
from annotations.exceptions import AlreadyFrozen, NotFound, OwnCorrection
from annotations.models import Correction, Review
from stickersnap.releases import lineage

pytestmark = pytest.mark.django_db


@pytest.fixture
def approved(photo_of, submit, fill, cat, people) -> Correction:
    photo = photo_of(uuid.uuid4(), cat, consented_at=timezone.now())
    correction, _ = submit(photo, photo.owner, fill(photo))
    services.correction_approve(correction=correction, version=1, reviewer=people.rita)
    return correction


def client_of(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_it_waits_again_and_may_be_judged_otherwise(approved, people):
    address = f"/api/v1/corrections/{approved.id}/review/"
    rita = client_of(people.rita)
    assert rita.get("/api/v1/queue/review/").json()["count"] == 0
    assert rita.delete(address).status_code == 204
    assert rita.get("/api/v1/queue/review/").json()["count"] == 1
    assert not selectors.corrections_approved().exists()
    verdict = {"verdict": "reject", "reason": "Edge is not clean", "version": 1}
    assert rita.post(address, verdict, content_type="application/json").status_code == 201
    assert Review.objects.get().verdict == "reject"


def test_only_by_whoever_gave_it(approved, people):
    for someone, status in ((people.olga, 404), (people.bob, 403)):
        assert client_of(someone).delete(f"/api/v1/corrections/{approved.id}/review/").status_code == status
    assert Review.objects.count() == 1


def test_not_once_the_fix_was_painted_anew(approved, submit, fill, people):
    submit(approved.photo, approved.author, fill(approved.photo, 0.4), correction_id=approved.id, if_match=1)
    with pytest.raises(NotFound, match="none to take back"):
        reviews.review_withdraw(correction=approved, reviewer=people.rita)
    assert Review.objects.count() == 1


def test_not_once_a_dataset_version_holds_it(contribute, freeze, people):
    photo = contribute(uuid.uuid4(), 1)
    correction = photo.corrections.get()
    freeze()
    with pytest.raises(AlreadyFrozen):
        reviews.review_withdraw(correction=correction, reviewer=people.rita)
    answer = client_of(people.rita).delete(f"/api/v1/corrections/{correction.id}/review/")
    assert (answer.status_code, answer.json()["code"]) == (409, "already_frozen")
    assert selectors.corrections_approved().get() == correction


@pytest.fixture
def own(photo_of, submit, fill, cat, people) -> Correction:
    """Rita's own, of somebody else's photo."""
    photo = photo_of(uuid.uuid4(), cat, consented_at=timezone.now())
    return submit(photo, people.rita.owner, fill(photo))[0]


def test_nobody_approves_their_own_correction(own, people):
    rita, olga = client_of(people.rita), client_of(people.olga)
    address, verdict = f"/api/v1/corrections/{own.id}/review/", {"verdict": "approve", "version": 1}
    answer = rita.post(address, verdict, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (403, "own_correction")
    assert "STICKERSNAP_OWN_APPROVAL" in answer.json()["detail"]
    assert [each.get("/api/v1/queue/review/").json()["count"] for each in (rita, olga)] == [0, 1]
    assert olga.post(address, verdict, content_type="application/json").status_code == 201


def test_not_after_a_verdict_was_taken_back_either(own, people):
    services.correction_reject(correction=own, version=1, reviewer=people.rita, reason="mine")
    reviews.review_withdraw(correction=own, reviewer=people.rita)
    with pytest.raises(OwnCorrection):
        services.correction_approve(correction=own, version=1, reviewer=people.rita)


def test_nor_many_at_once_in_the_admin(own, people, client):
    people.rita.is_staff = people.rita.is_superuser = True
    people.rita.save()
    client.force_login(people.rita)
    form = {"action": "approve", "_selected_action": [str(own.id)], "reason": ""}
    page = client.post("/admin/annotations/correction/", form, follow=True).content.decode()
    assert "another reviewer has to approve it" in page
    assert not Review.objects.exists()


@pytest.mark.parametrize("frozen", [False, True])
def test_an_approval_of_what_one_drew_before_logging_in_is_taken_back(contribute, freeze, people, frozen):
    session = uuid.uuid4()
    correction = contribute(session, 1).corrections.get()
    if frozen:
        freeze()
    services.owner_replace(old=session, new=people.rita.owner)
    assert correction.reviews.exists() is frozen, "what a dataset version holds is history, and lineage tells of it"


def test_who_is_alone_may_where_the_settings_say_so(own, people, settings):
    settings.OWN_APPROVAL = True
    assert client_of(people.rita).get("/api/v1/queue/review/").json()["count"] == 1
    services.correction_approve(correction=own, version=1, reviewer=people.rita)
    services.owner_replace(old=uuid.uuid4(), new=people.rita.owner)
    assert selectors.corrections_approved().get() == own
    graph = lineage.lineage("correction", str(own.id))
    assert {word for _, (kind, _), word in graph.edges if kind == "reviewer"} == {"reviewed by its author"}
    back = lineage.lineage("reviewer", str(people.rita.pk))
    assert {word for (kind, _), _, word in back.edges if kind == "correction"} == {"reviewed by its author"}
