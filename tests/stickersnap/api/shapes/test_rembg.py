"""rembg's call, as `rembg s` takes it."""

import io

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

pytestmark = pytest.mark.django_db
ADDRESS = "/api/remove"


@pytest.fixture
def remove(client, as_png, cat, monkeypatch, starter):
    monkeypatch.setattr("stickersnap.releases.serving.predictor_current", lambda *_: starter)

    def call(query="", **fields):
        return client.post(ADDRESS + query, {"file": SimpleUploadedFile("cat.png", as_png(cat))} | fields)

    return call


def opened(answer) -> Image.Image:
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/png"), answer.content
    return Image.open(io.BytesIO(answer.content))


def test_the_background_goes_and_the_size_stays(remove, starter):
    answer = remove(model="isnet-general-use", a="true", af="240", ab="10", ae="40")
    image = opened(answer)
    assert (image.mode, image.size, answer["X-Weights"]) == ("RGBA", (451, 300), starter.weights)
    assert image.getchannel("A").getextrema() == (0, 255)


def test_the_mask_alone_soft_or_hard(remove):
    soft, hard = opened(remove(om="true")), opened(remove(om="true", ppm="true"))
    assert soft.mode == hard.mode == "L"
    assert set(np.unique(np.asarray(hard))) == {0, 255}
    assert np.array_equal(np.asarray(hard) > 0, np.asarray(soft) >= 128)
    assert np.array_equal(np.asarray(soft), np.asarray(opened(remove()).getchannel("A")))


def test_a_colour_behind_it_from_the_form_or_the_address(remove):
    for answer in (remove(bgc="10,20,30,255"), remove("?bgc=10,20,30,255")):
        assert np.asarray(opened(answer))[0, 0].tolist() == [10, 20, 30, 255]


@pytest.mark.parametrize(
    "fields",
    [{"af": "256"}, {"ab": "-1"}, {"ae": "100000"}, {"om": "maybe"}, {"bgc": "1,2,3"}, {"bgc": "1,2,3,256"},
     {"model": "../x"}, {"extras": "{}"}],
    ids=str,
)  # fmt: skip
def test_a_value_out_of_bounds_is_named(remove, fields):
    answer = remove(**fields)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert next(iter(fields)) in answer.json()["detail"]


def test_no_address_is_fetched(client):
    answer = client.get(ADDRESS + "?url=http://127.0.0.1:1/cat.png")
    assert (answer.status_code, answer.json()["code"]) == (400, "no_addresses")


def test_without_a_file_it_says_which_field(client):
    answer = client.post(ADDRESS, {})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert "file" in answer.json()["detail"]
