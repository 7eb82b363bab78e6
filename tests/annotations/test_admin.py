"""Reviewing in Django's admin, with pictures, through the same services."""

import uuid

import pytest
from django.utils import timezone

from annotations import selectors
from stickersnap.accounts.services import operator_create

pytestmark = pytest.mark.django_db
OWNER = uuid.uuid4()


@pytest.fixture
def operator(client):
    user = operator_create(username="olga", password="a-long-secret-phrase")
    client.force_login(user)
    return user


@pytest.fixture
def correction(photo_of, submit, fill, cat):
    photo = photo_of(OWNER, cat, name="chelsea.png", consented_at=timezone.now())
    return submit(photo, OWNER, fill(photo))[0]


def act(client, action: str, correction, reason: str = "") -> str:
    fields = {"action": action, "_selected_action": [str(correction.id)], "reason": reason}
    return client.post("/admin/annotations/correction/", fields, follow=True).content.decode()


def test_the_list_shows_photo_both_masks_and_their_difference(client, operator, correction):
    page = client.get("/admin/annotations/correction/?review=waiting").content.decode()
    assert f"/api/v1/photos/{correction.photo_id}/image/" in page
    assert f"/api/v1/predictions/{correction.prediction_id}/mask.png" in page
    assert f"/api/v1/corrections/{correction.id}/mask.png" in page
    assert f"/api/v1/corrections/{correction.id}/difference.png" in page


def test_approving_in_the_admin_lets_it_into_the_next_dataset(client, operator, correction):
    act(client, "approve", correction)
    assert list(selectors.corrections_approved()) == [correction]
    assert correction.reviews.get().reviewer == operator
    assert "already reviewed" in act(client, "approve", correction)


def test_rejecting_in_the_admin_keeps_it_out(client, operator, correction):
    assert "Say why" in act(client, "reject", correction)
    assert selectors.correction_state(correction) == ("waiting", "")
    act(client, "reject", correction, "an ear is missing")
    correction = selectors.corrections().get()
    assert selectors.correction_state(correction) == ("rejected", "an ear is missing")


def test_pictures_without_consent_are_not_shown(client, operator, photo_of, coffee):
    photo = photo_of(OWNER, coffee, name="private.png")
    assert "private.png" not in client.get("/admin/annotations/photo/").content.decode()
    assert client.get(f"/admin/annotations/photo/{photo.id}/change/").status_code == 302


@pytest.mark.parametrize("model", ["photo", "prediction", "correction", "review", "datasetversion"])
def test_nothing_is_written_past_the_services(client, operator, correction, model):
    assert client.get(f"/admin/annotations/{model}/").status_code == 200
    assert client.get(f"/admin/annotations/{model}/add/").status_code == 403


def test_someone_who_does_not_review_has_no_such_buttons(client, people, correction):
    people.alice.is_staff = True
    people.alice.save()
    client.force_login(people.alice)
    assert client.get("/admin/annotations/correction/").status_code == 403
