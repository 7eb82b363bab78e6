"""Which requests the door refuses, and what it says: see tests/deploy/test_door.py for how it is said."""

import json

import pytest
from django.test import RequestFactory, override_settings

from annotations import admission as places
from stickersnap.api import admission


@pytest.fixture(autouse=True)
def nobody_here(monkeypatch):
    monkeypatch.setattr(places, "photos", places.Places("PHOTOS_AT_WORK"))


def let_in(head: bytes) -> bool:
    """Whether it would be; then it goes away again."""
    with places.photos.on_the_way():
        return admission.refusal(head) is None


def test_photos_are_refused_while_there_is_no_place():
    begins = [b"POST / HTTP/1.1\r\n", b"POST /?target=whatsapp HTTP/1.1\r\n", b"POST /api/v1/photos/ HTTP/1.1\r\n"]
    begins += [b"POST /v1.0/removebg HTTP/1.1\r\n", b"POST /api/remove?bgc=0,0,0,255 HTTP/1.1\r\n"]
    others = [b"", b"GET / HTTP/1.1\r\n", b"POST /api/v1/stickers/ HTTP/1.1\r\n", b"PUT /api/v1/photos/ HTTP/1.1\r\n"]
    with override_settings(PHOTOS_AT_WORK=1):
        assert all(let_in(head) for head in begins + others)
        with places.photos.place():
            answers = [admission.refusal(head) for head in begins]
            assert [admission.refusal(head) for head in others] == [None] * 4
    head, _, body = (answers[0] or b"").partition(b"\r\n\r\n")
    said = admission.Refusal(RequestFactory().post("/"))
    assert answers == [answers[0]] * 5
    assert head.startswith(b"HTTP/1.1 503 ")
    assert f"Retry-After: {said['Retry-After']}".encode() in head
    assert f"Content-Length: {len(body)}".encode() in head
    assert json.loads(body) == json.loads(said.content), "the same as Django's own refusal"


BEGINS = b"POST / HTTP/1.1\r\n"


def test_no_more_are_let_in_than_will_find_a_place():
    with override_settings(PHOTOS_AT_WORK=2):
        assert [admission.refusal(BEGINS) is None for _ in range(3)] == [True, True, False]
        with places.photos.on_the_way(), places.photos.place():
            assert admission.refusal(BEGINS), "one is at work, one on the way"
        assert admission.refusal(BEGINS) is None, "one has gone"


def test_who_was_let_in_and_never_came_is_forgotten(monkeypatch):
    with override_settings(PHOTOS_AT_WORK=1):
        assert admission.refusal(BEGINS) is None
        assert admission.refusal(BEGINS)
        later = places.time.monotonic() + 2
        monkeypatch.setattr(places.time, "monotonic", lambda: later)
        assert admission.refusal(BEGINS) is None


def test_a_photo_that_cannot_be_read_leaves_its_place_to_the_next(client):
    with override_settings(PHOTOS_AT_WORK=1):
        for _ in range(2):
            assert admission.refusal(BEGINS) is None
            assert client.post("/", {"data": "no file"}).status_code == 400
