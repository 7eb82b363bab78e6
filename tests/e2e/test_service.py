"""The service as a program sees it: `POST /`, answers to bad uploads, headers, addresses."""

import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
import requests
from PIL import Image

pytestmark = pytest.mark.e2e


def post(stack: Any, data: bytes | None, field: str = "data") -> requests.Response:
    files = None if data is None else {field: ("photo.jpg", data)}
    return requests.post(stack.url + "/", files=files, timeout=60)


def test_a_posted_photo_comes_back_cut_out(stack, photographs) -> None:
    answer = post(stack, (photographs / "astronaut.jpg").read_bytes())
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["X-Weights"] == requests.get(stack.url + "/readyz", timeout=60).json()["weights"]
    assert answer.headers["X-Device"] == "cpu"
    assert "network;dur=" in answer.headers["Server-Timing"]
    sticker = Image.open(io.BytesIO(answer.content))
    assert sticker.mode == "RGBA"
    alpha = np.asarray(sticker.getchannel("A"))
    assert all(edge.any() for edge in (alpha[0], alpha[-1], alpha[:, 0], alpha[:, -1])), "it is not cropped"


def test_a_sideways_photo_is_turned_before_it_is_cut(stack, photographs) -> None:
    upright = Image.open(photographs / "astronaut.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned a quarter clockwise
    out = io.BytesIO()
    upright.rotate(90, expand=True).save(out, "JPEG", quality=95, exif=exif)
    turned, straight = (
        Image.open(io.BytesIO(post(stack, data).content))
        for data in (out.getvalue(), (photographs / "astronaut.jpg").read_bytes())
    )
    assert abs(turned.width - straight.width) < 0.1 * straight.width
    assert abs(turned.height - straight.height) < 0.1 * straight.height


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "I;16", "RGBA", "LA"])
def test_every_kind_of_picture_is_taken(stack, photographs, mode) -> None:
    picture = Image.open(photographs / "astronaut.jpg")
    out = io.BytesIO()
    if mode == "I;16":
        Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257).save(out, "PNG")
    else:
        picture.convert(mode).save(out, "JPEG" if mode == "CMYK" else "PNG")
    answer = post(stack, out.getvalue())
    assert answer.status_code == 200, answer.text
    assert Image.open(io.BytesIO(answer.content)).mode == "RGBA"


def gigantic_png() -> bytes:
    """A few bytes that claim to be 60,000 × 60,000 pixels."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b""))
    body = b"".join(struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + body


def test_what_can_not_be_cut_has_a_code_and_a_sentence(stack, photographs) -> None:
    jpeg = (photographs / "coffee.jpg").read_bytes()
    bad = {
        "empty_upload": b"",
        "not_an_image": b"just words",
        "truncated_image": jpeg[: len(jpeg) // 2],
        "too_many_pixels": gigantic_png(),
        "file_too_large": jpeg + b"\0" * 21_000_000,
        "no_subject_found": (photographs / "grey.png").read_bytes(),
    }
    for code, data in bad.items():
        answer = post(stack, data)
        assert answer.status_code in {400, 413, 415, 422}, f"{code}: {answer.status_code}"
        body = answer.json()
        assert sorted(body) == ["code", "detail"]
        assert body["code"] == code or (code == "not_an_image" and body["code"] == "unknown_format"), body
        assert len(body["detail"].split()) > 3
    assert post(stack, None).json()["code"] == "empty_upload"
    assert post(stack, jpeg).status_code == 200, "a bad upload disturbed the service"


def test_addresses(stack) -> None:
    def get(path: str) -> requests.Response:
        return requests.get(stack.url + path, timeout=60)

    assert get("/healthz").json() == {"status": "ok"}
    assert get("/readyz").json()["status"] == "ok"
    for path in ("/", "/review", "/queue", "/releases", "/login"):
        page = get(path)
        assert page.status_code == 200
        assert '<div id="app"' in page.text
        assert "default-src 'self'" in page.headers["Content-Security-Policy"]
        assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert get("/api/schema/").status_code == 200
    assert get("/api/docs/").status_code == 200
    assert b"http" in get("/metrics").content or b"python_info" in get("/metrics").content
    lost = get("/api/v1/nothing/")
    assert (lost.status_code, lost.json()["code"]) == (404, "not_found")
