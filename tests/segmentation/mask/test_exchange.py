"""Masks made elsewhere are read by one reader, and what is doubtful is refused where nobody looks any more."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from segmentation import mask as masks
from segmentation.mask import MaskError, exchange, rle

SIZE = (48, 32)


@pytest.fixture
def soft(disc):
    return disc(SIZE[1], SIZE[0])


def png(image: Image.Image, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", **options)
    return out.getvalue()


def palette(indices: np.ndarray, colours: list[tuple[int, int, int]]) -> Image.Image:
    image = Image.fromarray(indices.astype(np.uint8), "P")
    image.putpalette([part for colour in colours for part in colour])
    return image


def coloured(alpha: np.ndarray, colour: tuple[int, int, int]) -> Image.Image:
    return Image.fromarray(np.dstack([np.full((*alpha.shape, 3), colour, np.uint8), alpha]))


def kinds(soft: np.ndarray) -> dict[str, tuple[bytes, np.ndarray]]:
    """Files that all mean this mask, or it cut at one half."""
    cut = (soft >= 128) * np.uint8(255)
    white = np.full_like(soft, 255)
    return {
        "grey": (masks.encode_png(soft), soft),
        "grey of 16 bits": (png(Image.fromarray(soft.astype(np.uint16) * 257)), soft),
        "one bit": (png(Image.fromarray(cut).convert("1")), cut),
        "white, transparent around": (png(coloured(soft, (255, 255, 255))), soft),
        "black, transparent around": (png(coloured(soft, (0, 0, 0))), soft),
        "grey with alpha": (png(Image.fromarray(np.dstack([white, soft]), "LA")), soft),
        "grey with alpha, opaque": (png(Image.fromarray(np.dstack([soft, white]), "LA")), soft),
        "colours that are grey": (png(Image.fromarray(np.dstack([soft] * 3))), soft),
        "palette of grey": (png(palette(cut // 255, [(0, 0, 0), (255, 255, 255)])), cut),
        "palette with transparency": (png(palette(cut // 255, [(9, 9, 9), (200, 0, 0)]), transparency=0), cut),
    }


@pytest.mark.parametrize("kind", kinds(np.zeros((32, 48), np.uint8)))
def test_every_kind_of_mask_is_taken_pixel_for_pixel(kind, soft):
    data, truth = kinds(soft)[kind]
    assert (exchange.read(data) == truth).all()
    for read in (exchange.as_grey_png, exchange.certain):
        assert np.array_equal(masks.decode_png(read(data, SIZE)), truth)


def doubtful(soft: np.ndarray) -> dict[str, bytes]:
    inside = soft >= 128
    return {
        "label colour 38": png(Image.fromarray(inside * np.uint8(38))),
        "label colour 76": png(Image.fromarray(inside * np.uint8(76))),
        "half of it": png(Image.fromarray(inside * np.uint8(150))),
        "numbers of labels": png(Image.fromarray(np.where(inside, 15, np.eye(32, 48) * 255).astype(np.uint8))),
        "coloured palette": png(palette(inside, [(0, 0, 0), (128, 0, 0)])),
        "red": png(Image.fromarray(np.dstack([inside * np.uint8(255), *[np.zeros_like(soft)] * 2]))),
        "JPEG": jpeg(soft),
        "nothing": b"",
    }


def jpeg(soft: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(soft).save(out, "JPEG")
    return out.getvalue()


@pytest.mark.parametrize("kind", doubtful(np.zeros((32, 48), np.uint8)))
def test_what_may_mean_something_else_is_refused(kind, soft):
    with pytest.raises(MaskError) as refused:
        exchange.certain(doubtful(soft)[kind], SIZE)
    assert refused.value.code == "not_a_mask"


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def two_headers(second: tuple[int, int], colour: int = 0, *, late: bool = False) -> bytes:
    """A grey PNG of SIZE with a second header, before its pixels or after them, that names another size or kind."""
    first = chunk(b"IHDR", struct.pack(">IIBBBBB", *SIZE, 8, 0, 0, 0, 0))
    other = chunk(b"IHDR", struct.pack(">IIBBBBB", *second, 8, colour, 0, 0, 0))
    bytes_each = {0: 1, 2: 3, 6: 4}[colour]
    width, height = SIZE if late else second
    rows = (b"\0" + b"\xff" * width * bytes_each) * height
    pixels = chunk(b"IDAT", zlib.compress(rows))
    return masks.PNG + first + (pixels + other if late else other + pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize("second", [(10, 10), (9000, 9000), (48, 33), (0, 0)])
def test_a_second_header_with_another_size_is_refused_before_decoding(second):
    data = two_headers(second)
    for read in (lambda: masks.decode_png(data), lambda: masks.decode_png(data, SIZE)):
        with pytest.raises(MaskError) as refused:
            read()
        assert refused.value.code == "not_a_mask"


@pytest.mark.parametrize("colour", [2, 6])
def test_a_second_header_with_other_channels_is_refused(colour):
    with pytest.raises(MaskError):
        masks.decode_png(two_headers(SIZE, colour), SIZE)


def test_a_late_second_header_changes_nothing():
    assert masks.decode_png(two_headers((10, 10), late=True), SIZE).shape == (32, 48)


@pytest.mark.parametrize("keys", [{}, {"a": 1, "b": 2}, {"size": [32, 48], "b": 2}, {"counts": [1], "a": 0, "b": 1}])
def test_run_lengths_without_their_keys_are_refused(keys):
    with pytest.raises(MaskError) as refused:
        rle.decode(keys, SIZE)
    assert refused.value.code == "bad_rle"
