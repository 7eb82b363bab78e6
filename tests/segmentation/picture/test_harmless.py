"""What browsers show is taken, whatever is wrong with it beside its pixels; what can't be read is called what it is."""

import io
import re
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from segmentation import picture

PIXELS = np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8)
SMOOTH = np.linspace(0, 255, 32 * 24).reshape(24, 32).repeat(8, 0).repeat(8, 1).astype(np.uint8)
SCANS = b"\xff\xda\x00\x08" * 101


def saved(pixels, kind, **options):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(name, data, wrong=0):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data) ^ wrong)


PNG = saved(PIXELS, "PNG")
HEAD, REST, END = PNG[:33], PNG[33:-12], PNG[-12:]
ICC = chunk(b"iCCP", b"x\0\0" + zlib.compress(bytes(3000)))


def packed(ending):
    """A PNG whose pixels' own checksum is changed."""
    at = PNG.index(b"IDAT")
    length = int.from_bytes(PNG[at - 4 : at])
    return HEAD + chunk(b"IDAT", PNG[at + 4 : at + length] + ending) + END


PNGS = {
    "text": HEAD + chunk(b"tEXt", b"Title\0ball", 1) + REST + END,
    "text behind the pixels": HEAD + REST + chunk(b"tEXt", b"Title\0ball", 1) + END,
    "private": HEAD + chunk(b"prVt", b"abc", 1) + REST + END,
    "time of three bytes": HEAD + chunk(b"tIME", b"abc") + REST + END,
    "resolution of three bytes": HEAD + chunk(b"pHYs", b"abc") + REST + END,
    "gamma of two bytes": HEAD + chunk(b"gAMA", b"ab") + REST + END,
    "gamma with a wrong checksum": HEAD + chunk(b"gAMA", struct.pack(">I", 100_000), 1) + REST + END,
    "gamma behind the pixels": HEAD + REST + chunk(b"gAMA", struct.pack(">I", 100_000)) + END,
    "transparency with a wrong checksum": HEAD + chunk(b"tRNS", PIXELS[0, 0].astype(">u2").tobytes(), 1) + REST + END,
    "transparency of one byte": HEAD + chunk(b"tRNS", b"a") + REST + END,
    "profile of nothing": HEAD + ICC + REST + END,
    "profile that does not unpack": HEAD + chunk(b"iCCP", b"x\0\0no zlib") + REST + END,
    "text that unpacks to too much": HEAD + chunk(b"zTXt", b"x\0\0" + zlib.compress(bytes(9_000_000))) + REST + END,
    "text that is none": HEAD + chunk(b"iTXt", b"\xff\xfe") + REST + END,
    "animation of one frame too few": HEAD + chunk(b"acTL", bytes(8)) + chunk(b"fcTL", b"ab") + REST + END,
    "two gammas": HEAD + chunk(b"gAMA", struct.pack(">I", 45_455)) + chunk(b"gAMA", bytes(4)) + REST + END,
    "exif of noise": HEAD + chunk(b"eXIf", b"II*\0" + bytes(3)) + REST + END,
    "no end": HEAD + REST,
    "end with a wrong checksum": HEAD + REST + chunk(b"IEND", b"", 1),
    "something appended": PNG + b"\0abc" * 999,
    "wrong sum of pixels": packed(b"\0\0\0\0"),
    "no sum of pixels": packed(b""),
}


@pytest.mark.parametrize("fault", PNGS)
def test_a_png_whose_pixels_are_whole_is_taken(fault):
    assert (picture.decode(PNGS[fault]).rgb == PIXELS).all()


def idat(data):
    return data.index(b"IDAT")


@pytest.mark.parametrize("data", [
    PNG[:16] + b"\0\0\0\x21" + PNG[20:],  # another width than the header's checksum knows
    PNG[: idat(PNG) + 40] + bytes(40) + PNG[idat(PNG) + 80 :],
    HEAD + END,
    PNG[:-60],
])  # fmt: skip
def test_a_png_whose_pixels_are_not_whole_is_damaged(data):
    with pytest.raises(picture.TruncatedImageError):
        picture.decode(data)


@pytest.mark.parametrize(("name", "words"), [(b"CgBI", "iOS"), (b"ABCD", "unknown kind")])
def test_a_png_that_needs_an_unknown_part_is_called_so(name, words):
    with pytest.raises(picture.UnknownFormatError, match=words):
        picture.decode(HEAD + chunk(name, bytes(4)) + REST + END)


JPEG = saved(SMOOTH, "JPEG", quality=95)


def segment(marker, content):
    return bytes([0xFF, marker]) + struct.pack(">H", len(content) + 2) + content


MOVIE = struct.pack(">I", 24) + b"ftypmp42" + bytes(12) + np.random.default_rng(1).bytes(300_000) + SCANS
JPEGS = {
    "motion photo": JPEG + MOVIE,
    "comment": JPEG[:2] + segment(0xFE, SCANS) + JPEG[2:],
    "maker's segment": JPEG[:2] + segment(0xEF, SCANS) + JPEG[2:],
    "exif of noise": JPEG[:2] + segment(0xE1, b"Exif\0\0II*\0" + bytes(2)) + JPEG[2:],
    "profile of noise": JPEG[:2] + segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(500)) + JPEG[2:],
    "half a profile": JPEG[:2] + segment(0xE2, b"ICC_PROFILE\0\1\2" + bytes(500)) + JPEG[2:],
    "several pictures, one of them": JPEG[:2] + segment(0xE2, b"MPF\0" + bytes(30)) + JPEG[2:],
    "bytes between segments": JPEG[:20] + b"junk" + JPEG[20:],
    "fill bytes": JPEG[:20] + b"\xff" * 9 + JPEG[20:],
    "empty segment": JPEG[:2] + segment(0xEC, b"") + JPEG[2:],
    "photoshop's of nothing": JPEG[:2] + segment(0xED, b"Photoshop 3.0\08BIM") + JPEG[2:],
    "adobe's cut short": JPEG[:2] + segment(0xEE, b"Adobe") + JPEG[2:],
    "no end": JPEG[:-2],
    "half an end": JPEG[:-1],
}


@pytest.mark.parametrize("fault", JPEGS)
def test_a_jpeg_whose_scans_are_whole_is_taken(fault):
    assert np.abs(picture.decode(JPEGS[fault]).rgb[..., 0].astype(int) - SMOOTH).max() < 6


@pytest.mark.parametrize("kind", ["WEBP", "GIF", "AVIF", "HEIF"])
def test_what_is_appended_to_a_picture_is_passed_over(kind):
    import pillow_heif

    pillow_heif.register_heif_opener()
    data = saved(SMOOTH, kind)
    film = struct.pack(">I", len(MOVIE) + 8) + b"mpvd" + MOVIE  # as Samsung appends it to HEIC
    assert (picture.decode(data + film).rgb == picture.decode(data).rgb).all()


def frame_of(marker, depth=8):
    """The JPEG as if of another kind."""
    return re.sub(rb"\xff\xc0(..).", bytes([0xFF, marker]) + rb"\1" + bytes([depth]), JPEG, count=1, flags=re.DOTALL)


@pytest.mark.parametrize(("data", "words"), [
    (frame_of(0xC3), "a lossless JPEG"), (frame_of(0xC1, 12), "a 12-bit JPEG"), (frame_of(0xC5), "a hierarchical JPEG"),
    (b"FUJIFILMCCD-RAW 0201", "raw"), (b"RIFF\0\0\0\0AVI LIST", "a video"), (b"\x1a\x45\xdf\xa3", "a video"),
    (b"gimp xcf v011", "GIMP"), (b"qoif" + bytes(10), "QOI"),
])  # fmt: skip
def test_what_cannot_be_read_is_called_what_it_is(data, words):
    with pytest.raises(picture.UnknownFormatError, match=words):
        picture.decode(data)
