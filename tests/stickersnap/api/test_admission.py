"""Which requests the door refuses, and what it says: see tests/deploy/test_door.py for how it is said."""

import json

from django.test import RequestFactory, override_settings

from annotations import admission as places
from stickersnap.api import admission


def test_photos_are_refused_while_there_is_no_place():
    begins = [b"POST / HTTP/1.1\r\n", b"POST /?target=whatsapp HTTP/1.1\r\n", b"POST /api/v1/photos/ HTTP/1.1\r\n"]
    others = [b"", b"GET / HTTP/1.1\r\n", b"POST /api/v1/stickers/ HTTP/1.1\r\n", b"PUT /api/v1/photos/ HTTP/1.1\r\n"]
    with override_settings(PHOTOS_AT_WORK=1):
        assert [admission.refusal(head) for head in begins + others] == [None] * 7
        with places.photos.place():
            answers = [admission.refusal(head) for head in begins]
            assert [admission.refusal(head) for head in others] == [None] * 4
    head, _, body = (answers[0] or b"").partition(b"\r\n\r\n")
    said = admission.Refusal(RequestFactory().post("/"))
    assert answers == [answers[0]] * 3
    assert head.startswith(b"HTTP/1.1 503 ")
    assert f"Retry-After: {said['Retry-After']}".encode() in head
    assert f"Content-Length: {len(body)}".encode() in head
    assert json.loads(body) == json.loads(said.content), "the same as Django's own refusal"
