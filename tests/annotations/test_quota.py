"""Nobody keeps more than their share, whatever it is made of and however it comes."""

import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from annotations import ports, services, trash
from annotations.models import Photo
from annotations.owners import SESSION_KEY
from stickersnap.stickers.services import Wish, sticker_render
from stickersnap.stickers.style import Style

pytestmark = pytest.mark.django_db
OWNER = uuid.uuid4()
WISH = {"target": "png", "outline": False, "subject": "all"}


@pytest.fixture
def photo(client, photo_of, cat):
    session = client.session
    session[SESSION_KEY] = str(OWNER)
    session.save()
    return photo_of(OWNER, cat)


@pytest.fixture
def full(photo, settings):
    """This browser session has kept all that it may: its photo alone has more than 0 MB."""
    settings.MEGABYTES_PER_PERSON = 1
    Photo.objects.filter(id=photo.id).update(image=bytes(1_000_000))


def test_all_that_somebody_brings_and_makes_counts(photo, photo_of, submit, fill, cat):
    kept = [ports.bytes_kept(OWNER)]
    assert kept[0] >= len(photo.image)
    submit(photo, OWNER, fill(photo))
    kept.append(ports.bytes_kept(OWNER))
    sticker = sticker_render(photo=photo, author=OWNER, wish=Wish(target="png", style=Style(), subject="all"))
    kept.append(ports.bytes_kept(OWNER))
    assert kept[2] >= kept[1] + len(sticker.file)
    assert kept[0] < kept[1]
    photo_of(uuid.uuid4(), cat)
    trash.photo_trash(photo=photo)
    assert ports.bytes_kept(OWNER) == kept[2]  # in the trash it is here still
    services.photos_bury([(photo.id, OWNER)])
    assert ports.bytes_kept(OWNER) == 0


@pytest.mark.usefixtures("full")
def test_beyond_it_nothing_more_is_kept(client, photo, as_png, cat):
    image = SimpleUploadedFile("cat.png", as_png(cat))
    answers = [
        client.post("/api/v1/photos/", {"image": image}),
        client.post("/api/v1/stickers/", {"photo": photo.id, **WISH}, content_type="application/json"),
        client.put(
            f"/api/v1/corrections/{uuid.uuid4()}/",
            {"photo": str(photo.id), "rle": {"size": [1, 1], "counts": [1]}},
            content_type="application/json",
        ),
    ]
    assert [(a.status_code, a.json()["code"]) for a in answers] == [(403, "quota_exceeded")] * 3
    assert "delete photos" in answers[0].json()["detail"]


@pytest.mark.usefixtures("full")
def test_who_deletes_has_room_again_and_operators_always_have(client, photo, people, as_png, cat, monkeypatch, starter):
    monkeypatch.setattr("stickersnap.releases.serving.predictor_current", lambda *_: starter)

    def brought():
        return client.post("/api/v1/photos/", {"image": SimpleUploadedFile("cat.png", as_png(cat))}).status_code

    assert client.delete(f"/api/v1/photos/{photo.id}/").status_code == 200
    assert brought() == 201
    Photo.objects.update(image=bytes(1_000_000))
    assert brought() == 403
    client.force_login(people.olga)
    Photo.objects.update(owner=people.olga.owner)
    assert brought() == 201


@pytest.mark.usefixtures("photo")
def test_without_a_number_there_is_no_end(client, photo, settings, as_png, cat, monkeypatch, starter):
    monkeypatch.setattr("stickersnap.releases.serving.predictor_current", lambda *_: starter)
    settings.MEGABYTES_PER_PERSON = 0
    Photo.objects.filter(id=photo.id).update(image=bytes(1_000_000))
    assert client.post("/api/v1/photos/", {"image": SimpleUploadedFile("cat.png", as_png(cat))}).status_code == 201
