"""Files that only cost time are refused before they are decoded; files that are merely unusual are not."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from segmentation import mask, picture
from segmentation.mask import exchange
from segmentation.picture import PictureError, TookTooLongError, TruncatedImageError, structure

DRAWN = Image.fromarray(np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8))
FLAT = Image.new("RGB", (320, 240), (128, 128, 128))


def saved(image: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(name: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def behind(data: bytes, at: int, flood: bytes) -> bytes:
    return data[:at] + flood + data[at:]


def segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content


def box(name: bytes, content: bytes = b"") -> bytes:
    return struct.pack(">I", len(content) + 8) + name + content


def exif_of_copies(entries: int, length: int) -> bytes:
    """Exif whose entries all name the same bytes: a reader that copies each needs entries × length."""
    tags = b"".join(struct.pack("<HHLL", tag, 7, length, 0) for tag in range(1, entries + 1))
    return b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", entries) + tags


def webp_with(flood: bytes) -> bytes:
    data = saved(DRAWN, "WEBP")
    return b"RIFF" + struct.pack("<I", len(data) - 8 + len(flood)) + data[8:] + flood


JPEG, PNG, GIF = saved(DRAWN, "JPEG"), saved(DRAWN, "PNG"), saved(DRAWN, "GIF")
FIRST_BLOCK = 13 + 3 * 256  # behind a GIF's colours
FLOODS = {
    "png chunks": behind(PNG, 33, chunk(b"teSt") * 20_000),
    "png chunks behind the pixels": behind(PNG, len(PNG) - 12, chunk(b"teSt") * 20_000),
    "jpeg comments": behind(JPEG, 2, segment(0xFE, b"") * 20_000),
    "jpeg comments behind the pixels": behind(JPEG, len(JPEG) - 2, segment(0xFE, b"") * 20_000),
    "jpeg comments behind an early end": behind(JPEG, 2, b"\xff\xd9" + segment(0xFE, b"") * 20_000),
    "jpeg fill": behind(JPEG, 2, b"\xff" * 1_000_000),
    "jpeg junk": behind(JPEG, 4 + int.from_bytes(JPEG[4:6]), b"\x00" * 1_000_000),
    "jpeg scans": behind(JPEG, len(JPEG) - 2, segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") * 101),
    "jpeg Photoshop resources": behind(
        JPEG, 2, segment(0xED, b"Photoshop 3.0\0" + b"8BIM\4\4\0\0\0\0\0\0" * 5_000) * 3
    ),
    "jpeg Exif copies": behind(JPEG, 2, segment(0xE1, exif_of_copies(5_000, 60_000))),
    "gif comments": behind(GIF, FIRST_BLOCK, b"!\xfe\x01x\x00" * 20_000),
    "gif pieces": behind(GIF, FIRST_BLOCK, b"!\xfe" + b"\x01x" * 20_000 + b"\x00"),
    "gif stray bytes": behind(GIF, FIRST_BLOCK, b"\x01" * 20_000),
    "webp chunks": webp_with((b"abcd" + bytes(4)) * 20_000),
    "avif boxes": box(b"ftyp", b"avif\0\0\0\0avif") + box(b"meta", bytes(4) + box(b"free") * 20_000),
    "avif places": box(b"ftyp", b"avif\0\0\0\0avif") + box(b"meta", bytes(4) + box(b"iloc", b"\0\0\0\0\x44\0\xff\xff")),
    "avif Exif copies": box(b"ftyp", b"avif\0\0\0\0avif") + box(b"mdat", exif_of_copies(5_000, 60_000)),
    "heic boxes": box(b"ftyp", b"heic\0\0\0\0heic") + box(b"free") * 20_000,
}


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_is_refused_before_it_is_decoded(name, monkeypatch):
    monkeypatch.setattr(picture, "opened", lambda *_: pytest.fail("It was decoded."))
    with pytest.raises(TruncatedImageError):
        picture.decode(FLOODS[name])


def scans_of(pixels_wide: int, scans: int) -> bytes:
    frame = segment(0xC0, struct.pack(">BHHB", 8, pixels_wide, pixels_wide, 1) + b"\x01\x11\x00")
    return b"\xff\xd8" + frame + segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") * scans + b"\xff\xd9"


OVERSIZED = {
    "49 megapixels in 5 kB": ("jpeg", scans_of(7000, 1) + bytes(5_000), (7000, 7000)),
    "99 scans at 49 megapixels": ("jpeg", scans_of(7000, 99) + bytes(200_000), (7000, 7000)),
    "50 megapixels in 38 bytes": ("webp", bytes(38), (16_383, 3_051)),
}


@pytest.mark.parametrize("name", OVERSIZED)
def test_a_header_that_names_more_than_there_is_is_refused(name):
    kind, data, size = OVERSIZED[name]
    assert structure.Structure(data, kind).oversized(size)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 1}, {"optimize": True}])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_a_jpeg_whose_data_end_early_is_truncated_though_it_says_that_it_ends(options, mode):
    data = saved(DRAWN.convert(mode), "JPEG", **options)
    start = data.index(b"\xff\xda")
    picture.decode(data)
    with pytest.raises(TruncatedImageError):
        picture.decode(data[: start + 200] + b"\xff\xd9")


def test_a_jpeg_without_one_of_its_colours_is_truncated():
    data = bytearray(saved(DRAWN, "JPEG"))
    scan = data.index(b"\xff\xda")
    data[scan + 2 : scan + 2 + 12] = struct.pack(">H", 8) + b"\x01\x01\x00\x00\x3f\x00"
    with pytest.raises(PictureError):
        picture.decode(bytes(data))


HARMLESS = {
    "a motion photo's film": JPEG + b"\xff\xda" * 101 + b"\xff\xfe\0\2" * 20_000,
    "a comment about scans": behind(JPEG, 2, segment(0xFE, b"\xff\xda" * 101)),
    "three megabytes of metadata": behind(
        JPEG, 2, segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(65_000)) * 48
    ),
    "a thumbnail in Exif": behind(JPEG, 2, segment(0xE1, exif_of_copies(40, 30) + JPEG[:30_000])),
    "fill bytes": behind(JPEG, 2, b"\xff" * 100),
    "a restart after each block": saved(DRAWN.resize((1600, 1200)), "JPEG", restart_marker_blocks=1),
    "all grey": saved(FLAT, "JPEG"),
    "all grey, progressive": saved(FLAT, "JPEG", progressive=True),
    "grey all over": saved(FLAT.convert("L"), "JPEG"),
    "one pixel": saved(FLAT.resize((1, 1)), "JPEG"),
    "a grey corner": saved(
        Image.composite(
            DRAWN.resize((320, 240)),
            FLAT,
            Image.linear_gradient("L").resize((320, 240)).point(lambda v: 255 * (v < 128)),
        ),
        "JPEG",
    ),
    "small chunks": PNG[:33]
    + b"".join(chunk(b"IDAT", PNG[41:-16][at : at + 16]) for at in range(0, len(PNG) - 57, 16))
    + PNG[-12:],
    "a long comment": behind(GIF, FIRST_BLOCK, b"!\xfe" + (b"\xff" + b"x" * 255) * 4_000 + b"\x00"),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_what_is_merely_unusual_is_read(name):
    picture.decode(HARMLESS[name])


def test_a_large_drawing_that_packs_well_is_read():
    assert picture.decode(saved(Image.new("L", (5000, 4000), 200), "PNG")).size == (5000, 4000)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF"])
def test_a_photo_has_so_much_time_and_no_more(kind, monkeypatch):
    monkeypatch.setattr(structure, "DECODE_SECONDS", -1.0)
    with pytest.raises(TookTooLongError) as caught:
        picture.decode(saved(DRAWN, kind))
    assert caught.value.code == "took_too_long"


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "I;16"])
def test_in_bands_a_picture_is_the_same(mode, monkeypatch):
    fading = DRAWN.convert("RGBA")
    fading.putalpha(Image.linear_gradient("L").resize(DRAWN.size))
    image = Image.fromarray(np.arange(120 * 160, dtype=np.uint16).reshape(120, 160) * 3) if mode == "I;16" else fading
    image = image if image.mode == mode else image.quantize(64) if mode == "P" else image.convert(mode)
    data = saved(image, "PNG")
    whole = picture.decode(data).rgb
    monkeypatch.setattr(picture, "BAND_PIXELS", 1_000)
    assert (picture.decode(data).rgb == whole).all()


@pytest.mark.parametrize("mode", ["L", "I;16"])
def test_a_mask_is_counted_like_a_photo(mode):
    data = saved(DRAWN.convert("L").convert(mode), "PNG")
    flooded = behind(data, 33, chunk(b"teSt") * 20_000)
    with pytest.raises(mask.MaskError) as caught:
        mask.decode_png(exchange.as_grey_png(flooded, DRAWN.size))
    assert caught.value.code == "not_a_mask"


@pytest.mark.parametrize(("depth", "kind", "row"), [(8, 2, 300), (8, 0, 100), (16, 6, 800), (1, 0, 13)])
def test_a_png_whose_data_end_early_is_truncated_not_black(depth, kind, row):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 100, 100, depth, kind, 0, 0, 0))

    def png(rows: int) -> bytes:
        pixels = zlib.compress((b"\0" + bytes([170]) * row) * 10 + (b"\0" + bytes(row)) * (rows - 10))
        return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", pixels) + chunk(b"IEND")

    picture.decode(png(100))  # black below, and whole
    with pytest.raises(TruncatedImageError):
        picture.decode(png(10))
