"""The validator over HTTP."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from made_stickers import dot, saved, wastickers, zipped
from rest_framework.test import APIClient

pytestmark = pytest.mark.django_db


def post(name, data, **fields):
    return APIClient().post("/api/v1/validate/", {"file": SimpleUploadedFile(name, data), **fields}, format="multipart")


def test_a_valid_sticker():
    answer = post("cat.webp", saved(dot()))
    assert answer.status_code == 200
    assert answer.json() == {"target": "whatsapp", "valid": True, "findings": []}


def test_a_refused_one_says_what_and_where():
    answer = post("cat.webp", saved(dot((500, 500))), target="telegram").json()
    assert answer["valid"] is False
    assert answer["findings"][0]["rule"] == "size"
    assert answer["findings"][0]["file"] == "cat.webp"


def test_a_pack_is_called_by_its_own_name():
    answer = post("dots.wastickers", zipped(wastickers(2))).json()
    assert [finding["file"] for finding in answer["findings"]] == ["dots.wastickers"]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"name": "x.webp", "data": b"x", "target": "icq"}, "invalid_choice"),
        ({"name": "x.zip", "data": b"PK\x03\x04" + bytes(50)}, "bad_pack"),
        ({"name": "x.zip", "data": zipped({"../x.webp": b""})}, "bad_pack"),
    ],
)
def test_bad_input_has_the_one_error_shape(fields, code):
    answer = post(**fields)
    assert answer.status_code == 400
    assert set(answer.json()) == {"code", "detail"}
    assert answer.json()["code"] in (code, "invalid")


def test_the_targets_are_listed():
    names = [target["name"] for target in APIClient().get("/api/v1/validate/").json()]
    assert {"whatsapp", "telegram", "signal", "discord"} <= set(names)
