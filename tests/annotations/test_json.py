"""JSON that no database can keep and no program can walk is refused, wherever it is sent."""

import gzip
import json
import uuid

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from annotations.api import parsers

pytestmark = pytest.mark.django_db
BAD = {
    "deep lists": "[" * 2000,
    "deep and whole": "[" * 40 + "]" * 40,
    "very deep and whole": "[" * 100_000 + "]" * 100_000,
    "deep objects": '{"a":' * 2000 + "1" + "}" * 2000,
    "half a character": '{"a": "\\ud800"}',
    "half a character as a name": '{"\\uDC00": 1}',
    "past the end of numbers": '{"a": 1e400}',
    "a long integer": '{"a": ' + "9" * 30 + "}",
    "a very long integer": '{"a": ' + "9" * 5000 + "}",
    "no number": '{"a": NaN}',
    "no end": '{"a": Infinity}',
    "no text": b"\xff\xfe{}",
}
FINE = ['{"a": "\\ud83d\\ude00"}', '{"a": [[[[1.5e300]]]]}', "[]", '{"a": 9007199254740993}', '{"a": "\\\\ud800"}']
ADDRESSES = [
    ("put", "/api/v1/session/consent/"),
    ("post", "/api/v1/session/login/"),
    ("post", "/api/v1/stickers/"),
    ("put", f"/api/v1/corrections/{uuid.UUID(int=1)}/"),
]
OPERATORS = [
    ("post", f"/api/v1/corrections/{uuid.UUID(int=1)}/review/"),
    ("post", f"/api/v1/trust/{uuid.UUID(int=1)}/quarantine/"),
    ("post", "/api/v1/releases/retrain/"),
    ("patch", "/api/v1/releases/policy/"),
]


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
def test_refused_wherever_a_body_is_read(client, people, text):
    answers = [getattr(client, method)(address, text, content_type="application/json") for method, address in ADDRESSES]
    client.force_login(people.olga)
    answers += [getattr(client, how)(address, text, content_type="application/json") for how, address in OPERATORS]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(400, "parse_error")}


@pytest.mark.parametrize("text", FINE)
def test_what_is_odd_and_whole_is_read_as_it_is(text):
    assert parsers.load(text) == json.loads(text)


@pytest.mark.parametrize("text", [text for why, text in BAD.items() if why != "a long integer"])
@pytest.mark.parametrize("packed", [False, True])
def test_refused_within_a_form_too(client, people, photo_of, fill, form, cat, text, packed):
    client.force_login(people.alice)
    photo = photo_of(people.alice.owner, cat)
    raw = text if isinstance(text, bytes) else f"[{text}]".encode()
    strokes = SimpleUploadedFile("strokes.json", gzip.compress(raw) if packed else raw)
    body = form(photo, fill(photo), {"strokes": strokes})
    answer = client.generic("PUT", f"/api/v1/corrections/{uuid.uuid4()}/", *multipart(body))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def multipart(fields: dict) -> tuple[bytes, str]:
    from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

    return encode_multipart(BOUNDARY, fields), MULTIPART_CONTENT


def test_more_json_than_a_body_may_have_is_refused_before_it_is_read(client, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    body = json.dumps({"consent": True, "padding": "x" * 1000})
    answer = client.put("/api/v1/session/consent/", body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large")


def test_a_subject_of_200_digits_is_none_and_nothing_is_written(client, people, photo_of, cat):
    client.force_login(people.alice)
    prediction = photo_of(people.alice.owner, cat).predictions.get()
    for subject in ("0." + "5" * 200 + ",0.5", "0.5," + "0" * 60 + ".5"):
        answer = client.get(f"/api/v1/predictions/{prediction.id}/mask.png?refined=1&subject={subject}")
        assert (answer.status_code, answer.json()["code"]) == (400, "not_a_subject")
    assert not hasattr(type(prediction).objects.get(), "refined")


@pytest.mark.parametrize(
    ("method", "address", "body"),
    [
        ("put", "/api/v1/session/consent/", {"consent": True}),
        ("post", "/api/v1/stickers/", {"photo": str(uuid.UUID(int=1))}),
        ("post", f"/api/v1/corrections/{uuid.UUID(int=1)}/review/", {"verdict": "approve", "version": 1}),
        ("post", "/api/v1/releases/retrain/", {"minutes": 5}),
        ("patch", "/api/v1/releases/policy/", {"minutes": 5}),
    ],
)
def test_a_misspelt_field_says_so(client, people, method, address, body):
    client.force_login(people.olga)
    answer = getattr(client, method)(address, {**body, "oulines": 1}, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert "oulines" in answer.json()["detail"]
