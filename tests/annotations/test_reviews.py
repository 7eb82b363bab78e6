"""A verdict that was a slip is taken back by whoever gave it, until something was made of it."""

import uuid

import pytest
from django.test import Client
from django.utils import timezone

from annotations import reviews, selectors, services
from annotations.exceptions import AlreadyFrozen, NotFound
from annotations.models import Correction, Review

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
