"""Masks in and out over HTTP: made elsewhere, or to be used there."""

import io
import json
import uuid

import numpy as np
import pytest
from django.test import Client
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from PIL import Image
from pycocotools import mask as coco

from annotations import services
from annotations.models import Correction
from annotations.owners import SESSION_KEY
from segmentation import mask as masks

pytestmark = pytest.mark.django_db


@pytest.fixture
def photo(client, photo_of, cat):
    """A cat in this browser session."""
    owner = uuid.uuid4()
    session = client.session
    session[SESSION_KEY] = str(owner)
    session.save()
    return photo_of(owner, cat, name="Größe, my cat.jpg")


@pytest.fixture
def soft(photo):
    return np.random.default_rng(5).integers(0, 256, (photo.height, photo.width), dtype=np.uint8)


def put(client, fields, correction_id=None, **headers):
    form = encode_multipart(BOUNDARY, fields)
    address = f"/api/v1/corrections/{correction_id or uuid.uuid4()}/"
    return client.put(address, form, content_type=MULTIPART_CONTENT, headers=headers)


def file_of(image: Image.Image) -> io.BytesIO:
    out = io.BytesIO()
    image.save(out, "PNG")
    out.seek(0)
    out.name = "mask.png"
    return out


def kept() -> np.ndarray:
    return masks.decode_png(bytes(Correction.objects.get().mask))


def test_a_mask_as_transparency_is_taken_pixel_for_pixel(client, photo, soft, cat):
    for image in (Image.fromarray(np.dstack([cat, soft])), Image.fromarray(np.dstack([cat[..., 0], soft]))):
        Correction.objects.all().delete()
        answer = put(client, {"photo": str(photo.id), "mask": file_of(image)})
        assert answer.status_code == 201, answer.content
        assert np.array_equal(kept(), soft)


@pytest.mark.parametrize("kind", ["1", "I;16", "palette"])
def test_grey_of_any_depth_is_taken(client, photo, soft, kind):
    cut = (soft >= 128) * np.uint8(255)
    image = {
        "1": lambda: Image.fromarray(cut).convert("1"),
        "I;16": lambda: Image.fromarray(soft.astype(np.uint16) * 257),
        "palette": lambda: Image.fromarray(np.dstack([cut] * 3 + [cut])).quantize(2),
    }[kind]()
    answer = put(client, {"photo": str(photo.id), "mask": file_of(image)})
    assert answer.status_code == 201, answer.content
    assert np.array_equal(kept(), soft if kind == "I;16" else cut)


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("as_json", [True, False])
def test_coco_run_lengths_are_taken(client, photo, soft, compressed, as_json):
    lengths = coco.encode(np.asfortranarray((soft >= 128).astype(np.uint8)))
    lengths = {"size": list(lengths["size"]), "counts": lengths["counts"].decode()}
    if not compressed:
        flat = (soft >= 128).ravel(order="F")
        edges = np.flatnonzero(np.diff(flat.astype(int))) + 1
        counts = np.diff([0, *edges, flat.size]).tolist()
        lengths["counts"] = [0, *counts] if flat[0] else counts
    address = f"/api/v1/corrections/{uuid.uuid4()}/"
    if as_json:
        fields = {"photo": str(photo.id), "rle": lengths, "strokes": [{"tool": "elsewhere"}], "seconds": 2}
        answer = client.put(address, fields, content_type="application/json")
    else:
        answer = put(client, {"photo": str(photo.id), "rle": json.dumps(lengths)})
    assert answer.status_code == 201, answer.content
    assert np.array_equal(kept(), (soft >= 128) * np.uint8(255))


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "invalid"),
        ({"rle": "{"}, "invalid"),
        ({"rle": "[]"}, "bad_rle"),
        ({"rle": '{"size": [300, 451], "counts": [1]}'}, "bad_rle"),
        ({"rle": '{"size": [300, 451], "counts": [135300]}'}, "empty_mask"),
        ({"rle": '{"size": [451, 300], "counts": [0, 135300]}'}, "wrong_size"),
        ({"rle": '{"size": [300, 451], "counts": "' + "o" * 500 + '"}'}, "bad_rle"),
    ],
)
def test_bad_run_lengths_each_have_their_answer(client, photo, fields, code):
    answer = put(client, {"photo": str(photo.id)} | fields)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert not Correction.objects.exists()


def test_bad_masks_each_have_their_answer(client, photo, cat, fill):
    height, width = cat.shape[:2]
    other = Image.new("L", (width + 1, height), 255)
    bad = {
        "wrong_size": [file_of(other), file_of(other.convert("RGBA"))],
        "not_a_mask": [file_of(Image.fromarray(cat)), io.BytesIO(b"GIF89a"), io.BytesIO(file_of(other).read()[:60])],
        "empty_mask": [file_of(Image.new("L", (width, height))), file_of(Image.new("RGBA", (width, height)))],
    }
    for code, files in bad.items():
        for file in files:
            file.name = "mask.png"
            answer = put(client, {"photo": str(photo.id), "mask": file})
            expected = {code, "wrong_size"} if code == "not_a_mask" else {code}
            assert answer.status_code == 400
            assert answer.json()["code"] in expected
    assert not Correction.objects.exists()


def test_a_fix_of_a_deleted_photo_is_told_so_and_a_strangers_is_not(client, photo, form, fill):
    fields = form(photo, fill(photo))
    services.photo_delete(photo=photo)
    answer = put(client, fields)
    assert (answer.status_code, answer.json()["code"]) == (410, "photo_deleted")
    fields["mask"].seek(0)
    stranger = put(Client(), fields)
    assert (stranger.status_code, stranger.json()["code"]) == (404, "not_found")


def test_the_same_id_with_other_bytes_is_refused(client, photo, form, fill):
    correction_id = uuid.uuid4()
    assert put(client, form(photo, fill(photo)), correction_id).status_code == 201
    answer = put(client, form(photo, fill(photo, 0.3)), correction_id)
    assert (answer.status_code, answer.json()["code"]) == (409, "correction_exists")


def test_two_devices_first_fixes_of_one_photo_hear_of_each_other(client, photo, form, fill):
    first, second = uuid.uuid4(), uuid.uuid4()
    only = {"If-None-Match": "*"}
    assert put(client, form(photo, fill(photo)), first, **only).status_code == 201
    assert put(client, form(photo, fill(photo)), first, **only).status_code == 200, "sent again it is the same one"
    answer = put(client, form(photo, fill(photo, 0.3)), second, **only)
    assert (answer.status_code, answer.json()["code"]) == (409, "correction_exists")
    assert put(client, form(photo, fill(photo, 0.3)), second).status_code == 201


def test_a_correction_tells_what_led_to_it(client, photo, form, fill):
    correction_id = uuid.uuid4()
    put(client, form(photo, fill(photo)), correction_id)
    answer = client.get(f"/api/v1/corrections/{correction_id}/")
    told = answer.json()
    assert answer["ETag"] == '"1"'
    assert told["strokes"] == [{"tool": "brush", "size": 9, "points": [[1, 1]]}]
    assert told["seconds"] == 4.5
    assert told["prediction"] == str(photo.predictions.get().id)
    assert told["weights"] == "d" * 64
    assert Client().get(f"/api/v1/corrections/{correction_id}/").status_code == 404


def test_masks_go_out_as_png_cut_out_and_run_lengths_under_the_photos_name(client, photo, soft, form, cat):
    correction_id = uuid.uuid4()
    put(client, form(photo, soft), correction_id)
    address = f"/api/v1/corrections/{correction_id}"

    mask = client.get(f"{address}/mask.png?download=1")
    assert "filename*=utf-8''Gr%C3%B6%C3%9Fe%2C%20my%20cat_mask.png" in mask["Content-Disposition"]
    assert np.array_equal(masks.decode_png(mask.content), soft)

    cutout = client.get(f"{address}/cutout.png?download=1")
    assert "my%20cat_cutout.png" in cutout["Content-Disposition"]
    rgba = np.asarray(Image.open(io.BytesIO(cutout.content)))
    assert np.array_equal(rgba[..., 3], soft)
    assert np.array_equal(rgba[soft == 255, :3], cat[soft == 255])

    lengths = client.get(f"{address}/mask.json?download=1")
    assert "my%20cat_mask.json" in lengths["Content-Disposition"]
    assert np.array_equal(coco.decode(lengths.json()), soft >= 128)
    numbers = client.get(f"{address}/mask.json?uncompressed=1").json()
    assert sum(numbers["counts"]) == soft.size
    height, width = soft.shape
    assert np.array_equal(coco.decode(coco.frPyObjects(numbers, height, width)), soft >= 128)


def test_a_predictions_mask_goes_out_the_same_ways(client, photo):
    prediction = photo.predictions.get()
    address = f"/api/v1/predictions/{prediction.id}"
    shown = masks.decode_png(client.get(f"{address}/mask.png?refined=1").content)
    assert np.array_equal(coco.decode(client.get(f"{address}/mask.json").json()), shown >= 128)
    rgba = np.asarray(Image.open(io.BytesIO(client.get(f"{address}/cutout.png").content)))
    assert np.array_equal(rgba[..., 3], shown)
    for path in ("mask.json", "cutout.png"):
        assert Client().get(f"{address}/{path}").status_code == 404
