"""A photo is deleted while others add to it: real threads and transactions on a real PostgreSQL, many rounds."""

import threading
import uuid
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import numpy as np
import pytest
from django.apps import apps
from django.db import connection, transaction
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.utils import timezone

from annotations import services
from annotations.exceptions import PhotoDeleted
from annotations.holding import photo_hold
from annotations.models import DeletedPhoto, Photo

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 5
SETTLED = {200, 201, 204, 404, 410}


def browser(user) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


@pytest.fixture
def shared(photo_of, submit, disc, people, cat):
    """Alice's consented photo with a correction that waits for its review."""

    def make():
        photo = photo_of(people.alice.owner, np.ascontiguousarray(cat[::4, ::4]), consented_at=timezone.now())
        correction, _ = submit(photo, people.alice.owner, disc(photo.height, photo.width, 0.2))
        return photo, correction

    return make


def sticker(client, photo, correction, form):
    return client.post("/api/v1/stickers/", {"photo": str(photo.id)}, content_type="application/json")


def fix(client, photo, correction, form, **headers):
    body = encode_multipart(BOUNDARY, form)
    address = f"/api/v1/corrections/{uuid.uuid4()}/"
    return client.put(address, body, content_type=MULTIPART_CONTENT, headers=headers)


def only_fix(client, photo, correction, form):
    return fix(client, photo, correction, form, **{"If-None-Match": "*"})


def approve(client, photo, correction, form):
    given = {"verdict": "approve", "version": 1}
    return client.post(f"/api/v1/corrections/{correction.id}/review/", given, content_type="application/json")


def withdraw(client, photo, correction, form):
    approve(client, photo, correction, form)
    return client.delete(f"/api/v1/corrections/{correction.id}/review/")


def refined(client, photo, correction, form):
    return client.get(f"/api/v1/predictions/{correction.prediction_id}/mask.png?refined=1")


def cut_out(client, photo, correction, form):
    return client.get(f"/api/v1/corrections/{correction.id}/cutout.png")


ADDERS = {f.__name__: f for f in (sticker, fix, only_fix, approve, withdraw, refined, cut_out)}


def at_once(*calls: Callable[[], object]) -> list[object]:
    """The answers of calls that begin together, each in a thread and with a connection of its own."""
    answers: list[object] = [None] * len(calls)
    gate = threading.Barrier(len(calls))

    def run(place: int, call: Callable[[], object]) -> None:
        try:
            gate.wait()
            answers[place] = call()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


@pytest.mark.parametrize("name", ADDERS)
def test_deleting_beside_someone_who_adds_deletes_all_and_breaks_nobody(name, shared, people, form, fill):
    seen = set()
    for _ in range(ROUNDS):
        photo, correction = shared()
        owner, rita = browser(people.alice), browser(people.rita)
        adder = rita if name in ("approve", "withdraw") else owner
        forms = [form(photo, fill(photo, share)) for share in (0.25, 0.3)]
        adding = [
            partial(ADDERS[name], client, photo, correction, fields)
            for client, fields in zip((adder, rita), forms, strict=True)
        ]
        deleted, *added = at_once(partial(owner.delete, f"/api/v1/photos/{photo.id}/"), *adding)
        assert deleted.status_code == 200, deleted.content
        seen |= {answer.status_code for answer in added}
        assert not Photo.objects.filter(id=photo.id).exists()
        assert DeletedPhoto.objects.filter(id=photo.id).exists()
        left = [m for m in apps.get_models() if m.__name__ in DERIVED and m.objects.exists()]
        assert left == []
    assert seen <= SETTLED | {409}, seen


DERIVED = {"Prediction", "Correction", "Review", "RefinedMask", "Sticker", "ShadowAnswer"}


def test_of_two_who_delete_one_hears_that_it_is_gone(shared, people):
    for _ in range(ROUNDS):
        photo, _ = shared()
        owners = [browser(people.alice), browser(people.alice)]
        answers = at_once(*(partial(owner.delete, f"/api/v1/photos/{photo.id}/") for owner in owners))
        assert sorted(answer.status_code for answer in answers) == [200, 404]
        assert DeletedPhoto.objects.filter(id=photo.id).count() == 1


def test_what_is_added_to_is_not_deleted_before_it_is_there(shared, people):
    """The order is forced: the deletion begins while an addition is under way, and ends after it."""
    photo, _ = shared()
    deletion = threading.Thread(target=lambda: (services.photo_delete(photo=photo), connection.close()))
    with transaction.atomic():
        photo_hold(photo.id)
        deletion.start()
        deletion.join(0.3)
        assert deletion.is_alive()
    deletion.join()
    with pytest.raises(PhotoDeleted), transaction.atomic():
        photo_hold(photo.id)


def test_what_is_added_to_does_not_expire_at_this_moment(shared, people):
    photo, _ = shared()
    Photo.objects.update(consented_at=None, created_at=timezone.now() - timedelta(hours=3))
    counts: list[int] = []
    sweep = threading.Thread(target=lambda: (counts.append(services.photos_expire(hours=1)), connection.close()))
    with transaction.atomic():
        photo_hold(photo.id)
        sweep.start()
        sweep.join()
    assert counts == [0]
    assert services.photos_expire(hours=1) == 1
