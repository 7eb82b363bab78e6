"""Stickers over HTTP, cut by the shipped weights."""

import io
import json
import uuid
from urllib.parse import urlencode

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from django.test.utils import CaptureQueriesContext
from PIL import Image

from annotations import recent
from annotations.models import Photo, Prediction
from annotations.recent import Recent
from segmentation import mask as masks
from stickersnap.stickers.models import Sticker
from stickersnap.stickers.style import Style

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def served(monkeypatch, starter):
    monkeypatch.setattr("stickersnap.releases.serving.predictor_current", lambda *_: starter)


def upload(client, data: bytes) -> dict:
    return client.post("/api/v1/photos/", {"image": SimpleUploadedFile("my cat (1).png", data)}).json()


def make(client, photo: dict, **wanted):
    return client.post("/api/v1/stickers/", {"photo": photo["id"]} | wanted, content_type="application/json")


def test_a_photo_becomes_a_sticker_for_each_target(client, as_png, cat):
    photo = upload(client, as_png(cat))
    assert photo["prediction"]["subject_found"]
    for target, media_type in (("png", "image/png"), ("whatsapp", "image/webp"), ("telegram", "image/webp")):
        answer = make(client, photo, target=target)
        assert answer.status_code == 201
        assert answer["X-Weights"] == photo["prediction"]["weights"]
        sticker = answer.json()
        file = client.get(sticker["file_url"] + "?download=1")
        assert file["Content-Type"] == media_type
        assert file["Content-Disposition"] == f'attachment; filename="{sticker["filename"]}"'
        assert len(file.content) == sticker["bytes"]
        assert Image.open(io.BytesIO(file.content)).size == (sticker["width"], sticker["height"])
    assert sticker["filename"] == "my-cat-1-telegram.webp"


def test_the_same_sticker_asked_for_twice_is_made_once(client, as_png, cat):
    photo = upload(client, as_png(cat))
    assert make(client, photo).json()["id"] == make(client, photo).json()["id"]
    assert Sticker.objects.count() == 1


def test_a_style_comes_back_and_each_look_is_made_once(client, as_png, cat):
    photo = upload(client, as_png(cat))
    look = {"outline": 20, "colour": "#FF0000", "shape": "circle"}
    red = make(client, photo, target="signal", style=look).json()
    assert red["style"] == Style(outline=20, colour="#ff0000", shape="circle").as_dict()
    assert (red["outline"], red["target"], red["ssim"] <= 1) == (True, "signal", True)
    assert make(client, photo, target="signal", style={**look, "outline": 20.0}).json()["id"] == red["id"]
    assert make(client, photo, target="signal", style={}).json()["id"] != red["id"]
    assert make(client, photo, style={"outline": 0}).json()["id"] == make(client, photo, outline=False).json()["id"]
    corner = pixels(client.get(red["file_url"]).content)[256, 20]
    assert corner[0] > 240 > 20 > corner[1]


def test_a_style_in_the_address_is_the_same_style(client, as_png, cat):
    look = json.dumps({"outline": 0, "shape": "stamp", "colour": "#00ff00"})
    answer = client.post(
        f"/?target=slack&{urlencode({'style': look})}", {"data": SimpleUploadedFile("c.png", as_png(cat))}
    )
    assert (answer.status_code, answer["Content-Type"]) == (200, "image/png")
    assert Image.open(io.BytesIO(answer.content)).size == (128, 128)
    answer = client.post("/?target=slack&style={", {"data": SimpleUploadedFile("c.png", as_png(cat))})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_a_style_out_of_bounds_says_which_field(client, as_png, cat):
    photo = upload(client, as_png(cat))
    for wrong in ({"outline": 99}, {"glitter": True}, [], "plain", {"colour": "white"}):
        answer = make(client, photo, style=wrong)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
        assert answer.json()["detail"].startswith("style: ")
    assert not Sticker.objects.exists()


@pytest.fixture
def two(client, as_png, cat) -> dict:
    """A photo of two cats, as the network might see it: one on the left, a smaller one on the right."""
    photo = upload(client, as_png(cat))
    alpha = np.zeros(cat.shape[:2], np.uint8)
    alpha[60:260, 30:200] = alpha[100:220, 300:400] = 255
    Prediction.objects.filter(photo=photo["id"]).update(mask=masks.encode_png(alpha), subject_found=True)
    return photo


def test_a_sticker_asked_for_at_once_reads_no_photo_and_is_the_same_later(client, as_png, cat, monkeypatch):
    photo = upload(client, as_png(cat))
    with CaptureQueriesContext(connection) as asked:
        at_once = make(client, photo, target="telegram").json()
    assert not [query for query in asked.captured_queries if '"annotations_photo"."image"' in query["sql"]]
    first = client.get(at_once["file_url"]).content
    Sticker.objects.all().delete()
    monkeypatch.setattr("annotations.recent.photos", Recent())
    with CaptureQueriesContext(connection) as asked:
        later = make(client, photo, target="telegram").json()
    assert [query for query in asked.captured_queries if '"annotations_photo"."image"' in query["sql"]]
    assert client.get(later["file_url"]).content == first  # a PNG's pixels are kept as they came


def test_the_pixels_of_a_deleted_photo_are_let_go(client, as_png, cat):
    photo = upload(client, as_png(cat))
    sha256 = Photo.objects.get().sha256
    assert recent.photos.get(sha256) is not None
    assert client.delete(f"/api/v1/photos/{photo['id']}/").status_code == 200
    assert recent.photos.get(sha256) is None


def test_of_two_subjects_all_the_largest_or_the_one_pointed_at(client, two):
    widths = {}
    for subject in ("all", "largest", "0.75,0.5", "0.25,0.5"):
        sticker = make(client, two, subject=subject, outline=False).json()
        widths[subject] = sticker["width"]
        assert len(sticker["subjects"]) == 2
    assert widths["all"] > 340
    assert widths["largest"] == widths["0.25,0.5"] < 220
    assert widths["0.75,0.5"] < 140


def test_one_subject_pointed_at_in_two_places_is_one_sticker(client, two):
    first, second = make(client, two, subject="0.75,0.5").json(), make(client, two, subject="0.8,0.6").json()
    assert first["id"] == second["id"]
    x, y = map(float, first["subject"].split(","))
    assert [x, y] == first["subjects"][1]


def test_a_point_without_a_subject_says_so(client, two):
    answer = make(client, two, subject="0.99,0.01")
    assert (answer.status_code, answer.json()["code"]) == (422, "no_subject_there")
    for strange in ("0.5", "left", "2,2"):
        answer = make(client, two, subject=strange)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
        assert "0.5,0.4" in answer.json()["detail"]


def test_the_sticker_shows_what_the_editor_opens_with(client, as_png, cat):
    photo = upload(client, as_png(cat))
    opened = masks.decode_png(client.get(photo["prediction"]["mask_url"]).content)
    sticker = Image.open(io.BytesIO(client.get(make(client, photo, outline=False).json()["file_url"]).content))
    left, top, right, bottom = masks.crop_box(opened, margin=2)
    shown = np.asarray(sticker.getchannel("A"))
    cropped = Image.fromarray(opened[top:bottom, left:right])
    assert np.array_equal(shown, np.asarray(cropped.crop(cropped.getbbox())))


def test_a_correction_is_taken_as_it_was_drawn_and_only_colours_are_estimated(client, as_png, cat):
    photo = upload(client, as_png(cat))
    drawn = np.random.default_rng(3).integers(0, 256, cat.shape[:2], dtype=np.uint8)
    drawn[50:200, 100:300] = 255
    form = {
        "photo": photo["id"],
        "prediction": photo["prediction"]["id"],
        "mask": SimpleUploadedFile("mask.png", masks.encode_png(drawn)),
    }
    put = client.put(f"/api/v1/corrections/{uuid.uuid4()}/", encode_multipart(BOUNDARY, form), MULTIPART_CONTENT)
    assert put.status_code == 201
    sticker = make(client, photo, outline=False, subject="largest").json()
    assert (sticker["subject"], sticker["subjects"]) == ("all", [])
    rgba = np.asarray(Image.open(io.BytesIO(client.get(sticker["file_url"]).content)))
    assert np.array_equal(rgba[..., 3], drawn)
    sure = drawn == 255
    assert np.array_equal(rgba[sure, :3], cat[sure])


def test_every_stage_is_timed_on_every_road(client, as_png, cat):
    answer = make(client, upload(client, as_png(cat)), target="whatsapp")
    assert stages(answer) == {"decode", "edge", "encode", "store"}
    for address in ("/", "/?target=telegram"):
        answer = client.post(address, {"data": SimpleUploadedFile("cat.png", as_png(cat))})
        assert stages(answer) == {"decode", "queue", "network", "edge", "encode"}


def stages(answer):
    return {part.split(";dur=")[0] for part in answer["Server-Timing"].split(", ")}


def test_post_to_the_root_takes_a_subject_too(client, as_png, cat):
    for address in ("/?subject=largest", "/?target=png&subject=largest"):
        assert client.post(address, {"data": SimpleUploadedFile("cat.png", as_png(cat))}).status_code == 200
    answer = client.post("/?subject=left", {"data": SimpleUploadedFile("cat.png", as_png(cat))})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_a_strangers_sticker_is_not_found(client, as_png, cat):
    sticker = make(client, upload(client, as_png(cat))).json()
    assert Client().get(sticker["file_url"]).status_code == 404


@pytest.mark.parametrize("wrong", [{"target": "msn"}, {"outline": "maybe"}, {"target": None}])
def test_a_strange_wish_is_refused(client, as_png, cat, wrong):
    answer = make(client, upload(client, as_png(cat)), **wrong)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_a_photo_without_a_subject_says_so(client, as_png):
    flat = upload(client, as_png(np.full((240, 320, 3), 128, np.uint8)))
    assert flat["prediction"]["subject_found"] is False
    answer = make(client, flat)
    assert (answer.status_code, answer.json()["code"]) == (422, "no_subject_found")


def test_post_to_the_root_answers_a_cropped_transparent_png(client, as_png, cat):
    answer = client.post("/", {"data": SimpleUploadedFile("cat.png", as_png(cat))})
    assert answer.status_code == 200
    assert answer["Content-Type"] == "image/png"
    assert len(answer["X-Weights"]) == 64
    assert "network;dur=" in answer["Server-Timing"]
    image = Image.open(io.BytesIO(answer.content))
    assert image.mode == "RGBA"
    assert image.width <= cat.shape[1]
    assert image.getchannel("A").getextrema()[0] < 16
    assert image.getchannel("A").getextrema()[1] > 240
    assert "sessionid" not in answer.cookies


def test_post_to_the_root_answers_in_the_one_error_shape(client, as_png):
    flat = as_png(np.full((64, 64, 3), 200, np.uint8))
    for fields, status, code in (
        ({}, 400, "empty_upload"),
        ({"data": "text"}, 400, "empty_upload"),
        ({"data": SimpleUploadedFile("x.png", b"")}, 400, "empty_upload"),
        ({"data": SimpleUploadedFile("x.png", b"hello")}, 400, "not_an_image"),
        ({"data": SimpleUploadedFile("x.png", flat)}, 422, "no_subject_found"),
    ):
        answer = client.post("/", fields)
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.json()["detail"]
        assert ("X-Weights" in answer) == (code == "no_subject_found"), "said where a network was asked, and only there"


def test_that_there_is_no_subject_says_who_found_none(client, as_png):
    flat = as_png(np.full((64, 64, 3), 200, np.uint8))
    answer = client.post("/?target=whatsapp", {"data": SimpleUploadedFile("x.png", flat)})
    assert (answer.status_code, answer.json()["code"]) == (422, "no_subject_found")
    assert len(answer["X-Weights"]) == 64
    assert answer["X-Device"] == "cpu"
    assert {"decode", "queue", "network"} <= {stage.split(";")[0] for stage in answer["Server-Timing"].split(", ")}


@pytest.mark.parametrize(("target", "kind", "size"), [
    ("whatsapp", "WEBP", (512, 512)), ("telegram", "WEBP", None), ("png", "PNG", None),
])  # fmt: skip
def test_post_to_the_root_with_a_target_answers_the_sticker_itself(client, cat, target, kind, size):
    answer = client.post(f"/?target={target}", {"data": SimpleUploadedFile("cat.jpg", as_jpeg(cat, 4))})
    assert answer.status_code == 200
    image = Image.open(io.BytesIO(answer.content))
    assert image.format == kind
    assert image.size == (size or image.size)
    assert max(image.size) >= 512
    assert not Sticker.objects.exists()
    assert "sessionid" not in answer.cookies


def test_the_sticker_in_one_call_is_the_one_that_is_kept_in_two(client, cat):
    data = as_jpeg(cat, 4)
    at_once = client.post("/?target=whatsapp&outline=false", {"data": SimpleUploadedFile("cat.jpg", data)}).content
    kept = make(client, upload(client, data), target="whatsapp", outline=False).json()
    difference = pixels(at_once) - pixels(client.get(kept["file_url"]).content)
    assert np.abs(difference).mean() < 3  # the network saw it decoded small, and whole


def test_a_strange_wish_in_the_address_is_refused(client, cat):
    for wish in ("target=gif", "target=", "target=png&outline=perhaps"):
        answer = client.post(f"/?{wish}", {"data": SimpleUploadedFile("cat.jpg", as_jpeg(cat, 1))})
        assert (answer.status_code, bool(answer.json()["detail"])) == (400, True)


def as_jpeg(rgb: np.ndarray, times: int) -> bytes:
    """The picture, `times` larger, as a camera would save it."""
    out = io.BytesIO()
    Image.fromarray(rgb).resize((rgb.shape[1] * times, rgb.shape[0] * times)).save(out, "JPEG", quality=95)
    return out.getvalue()


def pixels(data: bytes) -> np.ndarray:
    """Premultiplied, so that the colour of what can't be seen does not count: H×W×4 int."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA").convert("RGBa")).astype(int)


def shown(client, *photos: dict, **wanted) -> list[dict]:
    answer = client.get("/api/v1/stickers/", {"photo": [photo["id"] for photo in photos]} | wanted)
    assert answer.status_code == 200
    return answer.json()


def test_a_gallery_hears_of_the_stickers_that_are_there(client, as_png, cat, coffee):
    first, second = upload(client, as_png(cat)), upload(client, as_png(coffee))
    assert shown(client, first, second) == []
    made = [make(client, photo, target="telegram").json() for photo in (first, second)]
    plain = make(client, first, target="telegram", outline=False).json()
    make(client, first, target="png")
    with CaptureQueriesContext(connection) as queries:
        there = shown(client, first, second, target="telegram")
    assert {sticker["id"] for sticker in there} == {plain["id"], *(sticker["id"] for sticker in made)}
    assert {sticker["bytes"] for sticker in there} == {plain["bytes"], *(sticker["bytes"] for sticker in made)}
    assert not any('"file",' in query["sql"] for query in queries), "a list reads no file"
    assert shown(Client(), first, second, target="telegram") == []


def test_a_sticker_of_an_older_mask_is_not_shown_as_the_present_one(client, as_png, cat):
    photo = upload(client, as_png(cat))
    make(client, photo)
    assert len(shown(client, photo)) == 1
    mask = SimpleUploadedFile("mask.png", masks.encode_png(np.full(cat.shape[:2], 255, np.uint8)))
    form = encode_multipart(BOUNDARY, {"photo": photo["id"], "mask": mask})
    assert client.put(f"/api/v1/corrections/{uuid.uuid4()}/", form, content_type=MULTIPART_CONTENT).status_code == 201
    assert shown(client, photo) == []
    fixed = make(client, photo).json()
    assert [sticker["id"] for sticker in shown(client, photo)] == [fixed["id"]]


def test_too_many_or_no_photos_are_said(client):
    for ids in ([], ["cat"], [str(uuid.uuid4())] * 101):
        answer = client.get("/api/v1/stickers/", {"photo": ids})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_the_preview_of_a_fix_is_the_file_that_the_fix_makes(client, as_png, cat, disc):
    photo = upload(client, as_png(cat))
    mask = masks.encode_png(disc(*cat.shape[:2]))

    def preview(client, **wish):
        form = {"photo": photo["id"], "mask": SimpleUploadedFile("mask.png", mask)} | wish
        return client.post("/api/v1/stickers/preview/", form)

    shown = [preview(client), preview(client, outline="false")]
    assert [answer["Cache-Control"] for answer in shown] == ["no-store"] * 2
    assert not Sticker.objects.exists()
    form = encode_multipart(BOUNDARY, {"photo": photo["id"], "mask": SimpleUploadedFile("mask.png", mask)})
    assert client.put(f"/api/v1/corrections/{uuid.uuid4()}/", form, content_type=MULTIPART_CONTENT).status_code == 201
    for answer, outline in zip(shown, (True, False), strict=True):
        made = make(client, photo, target="telegram", outline=outline).json()
        assert answer.content == client.get(made["file_url"]).content
    assert preview(Client()).status_code == 404
    mask = masks.encode_png(disc(5, 5))
    assert preview(client).status_code == 400
