"""remove.bg's call, as its clients make it: photographs cut by the shipped weights."""

import base64
import io
import zipfile

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import override_settings
from PIL import Image

from annotations import admission
from annotations.models import Photo

pytestmark = pytest.mark.django_db
ADDRESS = "/v1.0/removebg"


@pytest.fixture(autouse=True)
def served(monkeypatch, starter):
    monkeypatch.setattr("stickersnap.releases.serving.predictor_current", lambda *_: starter)


@pytest.fixture
def remove(client, as_png, cat):
    """The call with a photograph of 451×300 as a file, and these fields."""

    def call(headers=None, **fields):
        file = SimpleUploadedFile("cat.png", as_png(cat))
        return client.post(ADDRESS, {"image_file": file} | fields, headers=headers)

    return call


def opened(answer) -> Image.Image:
    assert answer.status_code == 200, answer.content
    return Image.open(io.BytesIO(answer.content))


def error(answer) -> dict:
    (line,) = answer.json()["errors"]
    assert set(line) == {"title", "code", "detail"}
    return {"status": answer.status_code, **line}


def test_a_file_comes_back_without_its_background(remove, starter):
    answer = remove()
    image = opened(answer)
    assert (answer["Content-Type"], image.mode, image.size) == ("image/png", "RGBA", (451, 300))
    assert image.getchannel("A").getextrema() == (0, 255)
    places = {name: int(answer[f"X-Foreground-{name}"]) for name in ("Top", "Left", "Width", "Height")}
    left, top, right, bottom = image.getchannel("A").getbbox()
    assert abs(places["Left"] - left) <= 2
    assert abs(places["Top"] - top) <= 2
    assert abs(places["Left"] + places["Width"] - right) <= 3
    assert abs(places["Top"] + places["Height"] - bottom) <= 3
    assert (answer["X-Width"], answer["X-Height"], answer["X-Type"]) == ("451", "300", "other")
    assert (answer["X-Credits-Charged"], answer["X-Weights"]) == ("0", starter.weights)
    assert not Photo.objects.exists()


def test_base64_in_a_form_and_in_json_answer_alike(client, remove, as_png, cat):
    text = base64.b64encode(as_png(cat)).decode()
    form = client.post(ADDRESS, {"image_file_b64": text})
    body = {"image_file_b64": f"data:image/png;base64,{text}", "size": "auto"}
    as_json = client.post(ADDRESS, body, content_type="application/json", headers={"Accept": "application/json"})
    found = as_json.json()["data"]
    assert base64.b64decode(found["result_b64"]) == form.content == remove().content
    assert found["foreground_width"] == int(form["X-Foreground-Width"])


def test_libraries_that_accept_anything_get_the_file(remove):
    answer = remove(headers={"Accept": "application/json, text/plain, */*"})
    assert answer["Content-Type"] == "image/png"


def test_a_large_photo_is_answered_at_the_size_asked_for(remove, as_png, cat):
    large = as_png(np.asarray(Image.fromarray(cat).resize((1804, 1200))))
    small = remove(image_file=SimpleUploadedFile("a.png", large))
    full = remove(image_file=SimpleUploadedFile("a.png", large), size="full")
    assert opened(small).size == (613, 407)
    assert opened(full).size == (1804, 1200)
    for answer in (small, full):
        assert (answer["X-Max-Width"], answer["X-Max-Height"]) == ("1804", "1200")
    assert abs(int(small["X-Foreground-Width"]) - int(full["X-Foreground-Width"])) < 30


def test_cropped_with_a_margin(remove):
    bare, wide = remove(crop="true"), remove(crop="true", crop_margin="10px 20px")
    width, height = opened(bare).size
    assert opened(wide).size == (width + 40, height + 20)
    assert opened(wide).getchannel("A").getbbox()[0] >= 20


def test_only_what_lies_in_the_region_is_subject(remove):
    alpha = np.asarray(opened(remove(roi="50% 0% 100% 100%")).getchannel("A"))
    assert alpha.shape == (300, 451)
    assert not alpha[:, :225].any()
    assert alpha[:, 226:].any()


def test_scaled_the_subject_comes_to_the_middle(remove):
    left, top, right, bottom = opened(remove(scale="50%")).getchannel("A").getbbox()
    assert max((right - left) / 451, (bottom - top) / 300) <= 0.51
    assert abs(left + right - 451) <= 6
    assert abs(top + bottom - 300) <= 6
    assert opened(remove(scale="50%", position="0%")).getchannel("A").getbbox()[0] <= 3


def test_a_colour_or_a_picture_behind_it(remove, as_png):
    coloured = remove(bg_color="81d4fa")
    assert (coloured["Content-Type"], opened(coloured).size) == ("image/jpeg", (451, 300))
    corner = np.asarray(opened(remove(bg_color="81d4fa", format="png")))[0, 0]
    assert corner.tolist() == [0x81, 0xD4, 0xFA, 255]
    red = SimpleUploadedFile("red.png", as_png(np.full((50, 50, 3), (255, 0, 0), np.uint8)))
    assert np.asarray(opened(remove(bg_image_file=red, format="png")))[0, 0].tolist() == [255, 0, 0, 255]


def test_every_format(remove):
    assert opened(remove(format="jpg")).getpixel((0, 0)) == (255, 255, 255)
    assert opened(remove(format="webp")).mode == "RGBA"
    mask = opened(remove(channels="alpha"))
    assert (mask.mode, mask.size) == ("L", (451, 300))
    packed = remove(format="zip")
    with zipfile.ZipFile(io.BytesIO(packed.content)) as archive:
        assert sorted(archive.namelist()) == ["alpha.png", "color.jpg"]
        assert np.array_equal(np.asarray(Image.open(archive.open("alpha.png"))), np.asarray(mask))


def test_a_shadow_falls_below_the_subject(remove):
    bare, shaded = (np.asarray(opened(remove(**one)))[..., 3].astype(int) for one in ({}, {"add_shadow": "true"}))
    assert (shaded >= bare).all()
    assert (shaded[bare == 0] > 0).any()


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"size": "huge"}, "size"),
        ({"format": "bmp"}, "format"),
        ({"roi": "1% 2%"}, "roi"),
        ({"crop": "maybe"}, "crop"),
        ({"crop_margin": "900px"}, "crop_margin"),
        ({"scale": "5%"}, "scale"),
        ({"position": "left"}, "position"),
        ({"channels": "rgb"}, "channels"),
        ({"bg_color": "nocolour"}, "bg_color"),
        ({"colour": "red"}, "Unknown"),
        ({"image_file_b64": "AAAA"}, "one photo"),
    ],
    ids=str,
)
def test_a_bad_wish_is_named(remove, fields, word):
    said = error(remove(**fields))
    assert (said["status"], said["code"]) == (400, "invalid")
    assert word in said["detail"]


@pytest.mark.parametrize("field", ["image_url", "bg_image_url"])
def test_no_address_is_fetched(client, remove, field):
    here = "http://127.0.0.1:1/cat.png"
    assert error(remove(**{field: here}))["code"] == "no_addresses"
    answer = client.post(ADDRESS, {field: here}, content_type="application/json")
    assert error(answer)["code"] == "no_addresses"


def test_refusals_have_its_words_whoever_refuses(client, remove):
    nothing = error(client.post(ADDRESS, {}))
    assert (nothing["status"], nothing["code"]) == (400, "invalid")
    bad = error(remove(image_file=SimpleUploadedFile("a.png", b"no picture")))
    assert (bad["status"], bad["code"]) == (400, "not_an_image")
    assert error(client.post(ADDRESS, {"image_file_b64": "?"}))["detail"].startswith("image_file_b64: ")
    assert error(client.post(ADDRESS, "[]", content_type="application/json"))["status"] == 400
    foreign = error(remove(headers={"Origin": "https://elsewhere.example"}))
    assert (foreign["status"], foreign["code"]) == (403, "foreign_origin")
    assert error(client.get("/v1.0/nothing"))["status"] == 404
    assert error(client.get(ADDRESS))["status"] == 405


def test_no_subject_is_its_unknown_foreground(remove, as_png):
    grey = SimpleUploadedFile("grey.png", as_png(np.full((80, 80, 3), 127, np.uint8)))
    answer = remove(image_file=grey)
    assert (error(answer)["status"], error(answer)["code"]) == (400, "unknown_foreground")
    assert answer["X-Weights"]


def test_who_sends_too_many_is_told_when_again(remove, settings):
    settings.UPLOADS_PER_MINUTE = 2
    first = remove()
    assert (first["X-RateLimit-Limit"], first["X-RateLimit-Remaining"]) == ("2", "1")
    assert remove()["X-RateLimit-Remaining"] == "0"
    refused = remove()
    assert (error(refused)["status"], error(refused)["code"]) == (429, "rate_limit_exceeded")
    assert int(refused["Retry-After"]) <= 61
    assert int(refused["X-RateLimit-Reset"]) > 1_700_000_000


def test_without_a_place_it_is_refused_at_the_door(remove, monkeypatch):
    monkeypatch.setattr(admission, "photos", admission.Places("PHOTOS_AT_WORK"))
    with override_settings(PHOTOS_AT_WORK=0):
        answer = remove()
    assert (error(answer)["status"], error(answer)["code"]) == (503, "busy")
    assert answer["Retry-After"]


def test_the_account_needs_no_credits(client, settings):
    settings.UPLOADS_PER_MINUTE = 77
    attributes = client.get("/v1.0/account", headers={"X-Api-Key": "any"}).json()["data"]["attributes"]
    assert attributes["credits"] == {"total": 0, "subscription": 0, "payg": 0, "enterprise": 0}
    assert attributes["api"] == {"free_calls": 77, "sizes": "all"}
