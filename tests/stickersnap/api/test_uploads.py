"""Every refused upload: one shape, a code, a sentence; nothing is kept and nothing else is disturbed."""

import io
import struct
import zlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from annotations import admission
from annotations.models import Photo

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def served(monkeypatch, starter):
    monkeypatch.setattr("stickersnap.releases.serving.predictor_current", lambda *_: starter)


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def huge_header(side: int) -> bytes:
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def tiff() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (8, 8)).save(out, "TIFF")
    return out.getvalue()


def jpeg(picture) -> bytes:
    out = io.BytesIO()
    Image.fromarray(picture).save(out, "JPEG")
    return out.getvalue()


@pytest.fixture
def bad(cat):
    return {
        "empty_upload": (b"", 400),
        "not_an_image": (b"<html>not a photo</html>", 400),
        "unknown_format": (tiff(), 415),
        "truncated_image": (jpeg(cat)[:4000], 400),
        "too_many_pixels": (huge_header(100_000), 400),
        "file_too_large": (b"\xff\xd8\xff" + bytes(20 * 1024 * 1024), 413),
    }


@pytest.mark.parametrize(
    "code",
    ["empty_upload", "not_an_image", "unknown_format", "truncated_image", "too_many_pixels", "file_too_large"],
)
@pytest.mark.parametrize(("address", "field"), [("/api/v1/photos/", "image"), ("/", "data")])
def test_a_bad_upload_says_what_to_do_and_leaves_nothing(client, bad, code, address, field):
    data, status = bad[code]
    answer = client.post(address, {field: SimpleUploadedFile("photo.png", data)})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert set(answer.json()) == {"code", "detail"}
    assert len(answer.json()["detail"]) > 20
    assert not Photo.objects.exists()


def test_a_body_that_declares_too_much_is_refused_before_it_is_read(client):
    body = io.BytesIO(b"--b\r\n")
    answer = client.generic(
        "POST",
        "/api/v1/photos/",
        body.getvalue(),
        content_type="multipart/form-data; boundary=b",
        CONTENT_LENGTH=str(200_000_000),
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "file_too_large")


@pytest.mark.parametrize("mode", ["L", "LA", "P", "CMYK", "I;16", "RGBA", "1"])
def test_every_ordinary_kind_of_picture_works(client, cat, mode):
    image = Image.fromarray(cat)
    image = Image.fromarray(cat[..., 0].astype("uint16") * 257) if mode == "I;16" else image.convert(mode)
    out = io.BytesIO()
    image.save(out, "JPEG" if mode == "CMYK" else "PNG")
    answer = client.post("/api/v1/photos/", {"image": SimpleUploadedFile("photo", out.getvalue())})
    assert answer.status_code == 201
    assert (answer.json()["width"], answer.json()["height"]) == (451, 300)


def test_orientation_is_applied_before_the_mask_exists(client, cat):
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    Image.fromarray(cat).save(out, "JPEG", exif=exif)
    photo = client.post("/api/v1/photos/", {"image": SimpleUploadedFile("photo.jpg", out.getvalue())}).json()
    assert (photo["width"], photo["height"]) == (300, 451)
    mask = Image.open(io.BytesIO(client.get(photo["prediction"]["mask_url"]).content))
    picture = Image.open(io.BytesIO(client.get(photo["image_url"]).content))
    assert mask.size == picture.size == (300, 451)
    assert not picture.getexif()


DOORS = [("/api/v1/photos/", "image"), ("/", "data")]


@pytest.mark.parametrize(("address", "field"), DOORS)
def test_past_the_bound_a_photo_is_refused_with_a_time_to_wait_and_nothing_is_kept(
    client, settings, as_png, cat, address, field
):
    settings.PHOTOS_AT_WORK = 2
    with admission.photos.place(), admission.photos.place():
        answer = client.post(address, {field: SimpleUploadedFile("cat.png", as_png(cat))})
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert int(answer["Retry-After"]) > 0
    assert not Photo.objects.exists()
    assert client.post(address, {field: SimpleUploadedFile("cat.png", as_png(cat))}).status_code in {200, 201}


@pytest.mark.parametrize(("address", "field"), DOORS)
def test_a_photo_that_finds_the_last_place_taken_meanwhile_is_refused_before_it_is_decoded(
    client, settings, monkeypatch, address, field
):
    monkeypatch.setattr(admission.Places, "full", lambda places, asked=[]: bool(asked) or asked.append(1))
    answer = client.post(address, {field: SimpleUploadedFile("page.png", b"<html>")})
    assert (answer.status_code, answer.json()["code"]) == (503, "busy"), "else it would be told that this is no picture"


def test_a_refusal_reads_what_is_still_sent_so_that_the_client_hears_it(client, settings, as_png, cat):
    settings.PHOTOS_AT_WORK = 0
    answer = client.post("/", {"data": SimpleUploadedFile("cat.png", as_png(cat))})
    assert answer.status_code == 503
    assert not answer.wsgi_request.read(1)


def test_reading_goes_on_while_no_photo_is_let_in(client, settings):
    settings.PHOTOS_AT_WORK = 0
    assert client.get("/api/v1/photos/").status_code == 200
    assert client.get("/healthz").status_code == 200


def test_the_times_of_each_stage_are_told(client, as_png, cat):
    kept = client.post("/api/v1/photos/", {"image": SimpleUploadedFile("cat.png", as_png(cat))})
    cut = client.post("/", {"data": SimpleUploadedFile("cat.png", as_png(cat))})
    for answer, last in ((kept, "store"), (cut, "encode")):
        stages = dict(stage.split(";dur=") for stage in answer["Server-Timing"].split(", "))
        assert {"decode", "network", last} <= stages.keys()
        assert all(float(ms) >= 0 for ms in stages.values())
    exposed = client.get("/metrics").content.decode()
    assert 'stickersnap_stage_seconds_count{stage="network"}' in exposed
