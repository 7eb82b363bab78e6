"""A deleted photo is gone for everybody at once, and can be had back for a while."""

import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from annotations import selectors, services, trash
from annotations.exceptions import NotFound, PhotoDeleted
from annotations.models import Correction, DeletedPhoto, Photo, TrashedPhoto
from annotations.owners import SESSION_KEY

pytestmark = pytest.mark.django_db
ALICE, BOB = uuid.uuid4(), uuid.uuid4()


@pytest.fixture
def fixed(photo_of, submit, fill, cat):
    """A consented photo of Alice's, with a fix that waits for its review."""
    photo = photo_of(ALICE, cat, consented_at=timezone.now())
    correction, _ = submit(photo, ALICE, fill(photo))
    return photo, correction


def test_in_the_trash_nobody_finds_it_and_nothing_learns_from_it(fixed, people):
    photo, correction = fixed
    services.correction_approve(correction=correction, version=1, reviewer=people.rita)
    trash.photo_trash(photo=photo)
    assert not selectors.photos_of(ALICE).exists()
    for user in (None, people.rita):
        with pytest.raises(NotFound):
            selectors.photo_get(photo.id, ALICE, user)
        with pytest.raises(NotFound):
            selectors.correction_get(correction.id, ALICE, user)
        with pytest.raises(NotFound):
            selectors.prediction_get(photo.predictions.get().id, ALICE, user)
    with pytest.raises(PhotoDeleted):
        selectors.photo_to_correct(photo.id, ALICE, None)
    assert not selectors.corrections_approved().exists()
    assert not selectors.queue_review().exists()
    assert not selectors.queue_correct(BOB).exists()


def test_it_comes_back_as_it_was_and_to_its_owner_alone(fixed):
    photo, correction = fixed
    trash.photo_trash(photo=photo)
    with pytest.raises(NotFound):
        trash.photo_restore(photo_id=photo.id, owner=BOB)
    trash.photo_restore(photo_id=photo.id, owner=ALICE)
    again = selectors.photo_get(photo.id, ALICE, None)
    assert (again.owner, again.consented_at) == (ALICE, photo.consented_at)
    assert list(selectors.queue_review()) == [correction]
    assert not DeletedPhoto.objects.exists()
    assert not TrashedPhoto.objects.exists()


def test_consent_that_is_taken_back_meanwhile_stays_taken_back(fixed):
    photo, _ = fixed
    trash.photo_trash(photo=photo)
    services.consent_apply(owner=ALICE, consented_at=None)
    trash.photo_restore(photo_id=photo.id, owner=ALICE)
    assert Photo.objects.get(id=photo.id).consented_at is None


def test_who_logs_in_meanwhile_has_it_back(fixed):
    photo, _ = fixed
    trash.photo_trash(photo=photo)
    services.owner_replace(old=ALICE, new=BOB)
    trash.photo_restore(photo_id=photo.id, owner=BOB)
    assert Photo.objects.get(id=photo.id).owner == BOB


def test_after_the_grace_it_is_gone_with_all_that_was_made_of_it(fixed, photo_of, coffee):
    photo, _ = fixed
    young = photo_of(ALICE, coffee)
    trash.photo_trash(photo=photo)
    trash.photo_trash(photo=young)
    assert trash.trash_empty() == 0
    TrashedPhoto.objects.filter(photo=photo).update(trashed_at=timezone.now() - trash.GRACE - timedelta(seconds=1))
    assert trash.trash_empty() == 1
    assert list(Photo.objects.all()) == [young]
    assert not Correction.objects.exists()
    assert DeletedPhoto.objects.get(id=photo.id).owner == ALICE
    with pytest.raises(NotFound):
        trash.photo_restore(photo_id=photo.id, owner=ALICE)


def test_the_hourly_clearance_leaves_the_undo_its_time(fixed):
    photo, _ = fixed
    Photo.objects.filter(id=photo.id).update(created_at=timezone.now() - timedelta(days=30))
    trash.photo_trash(photo=photo)
    assert services.photos_expire(hours=48) == 0
    trash.photo_restore(photo_id=photo.id, owner=ALICE)


def test_only_the_delete_that_asks_for_it_can_be_undone(photo_of, cat, coffee):
    client = Client()
    client.get("/api/v1/session/")
    client.put("/api/v1/session/consent/", {"consent": False}, content_type="application/json")
    owner = uuid.UUID(client.session[SESSION_KEY])
    back, gone = photo_of(owner, cat), photo_of(owner, coffee)
    assert client.delete(f"/api/v1/photos/{back.id}/?undo=1").json() == {
        "deleted": str(back.id),
        "weights_that_saw_it": [],
    }
    assert client.get(f"/api/v1/photos/{back.id}/image/").status_code == 404
    assert client.delete(f"/api/v1/photos/{back.id}/?undo=1").status_code == 404
    assert Client().post(f"/api/v1/photos/{back.id}/restore/").status_code == 404
    restored = client.post(f"/api/v1/photos/{back.id}/restore/")
    assert (restored.status_code, restored.json()["id"]) == (200, str(back.id))
    assert client.get(f"/api/v1/photos/{back.id}/image/").status_code == 200

    assert client.delete(f"/api/v1/photos/{gone.id}/").status_code == 200
    assert not Photo.objects.filter(id=gone.id).exists()
    assert client.post(f"/api/v1/photos/{gone.id}/restore/").status_code == 404
