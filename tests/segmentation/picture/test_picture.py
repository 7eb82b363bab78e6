import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from segmentation import picture
from segmentation.picture import formats


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


@pytest.fixture
def quarters() -> Image.Image:
    """Red, green, blue and white quarters, 48 wide and 32 high."""
    image = Image.new("RGB", (48, 32), "white")
    for box, colour in (((0, 0, 24, 16), "red"), ((24, 0, 48, 16), "lime"), ((0, 16, 24, 32), "blue")):
        image.paste(colour, box)
    return image


@pytest.fixture(scope="module", autouse=True)
def heif() -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()


CODES = {"truncated_image", "too_many_pixels", "unknown_format", "not_an_image"}
KINDS = {"JPEG": "jpeg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "AVIF": "avif", "HEIF": "heic"}


@pytest.mark.parametrize(("kind", "name"), KINDS.items())
def test_every_allowed_format_is_decoded(photo: np.ndarray, kind: str, name: str) -> None:
    decoded = picture.decode(saved(Image.fromarray(photo), kind))
    assert decoded.format == name
    assert decoded.rgb.shape == photo.shape
    assert decoded.rgb.dtype == np.uint8
    assert np.abs(decoded.rgb.astype(int) - photo).mean() < 12


@pytest.mark.parametrize(("kind", "options", "lossless"), [
    ("PNG", {}, True), ("GIF", {}, True), ("WEBP", {"lossless": True}, True), ("WEBP", {}, False), ("JPEG", {}, False),
])  # fmt: skip
def test_lossless_formats_are_told_apart(quarters: Image.Image, kind: str, options: dict, lossless: bool) -> None:
    assert picture.decode(saved(quarters, kind, **options)).lossless is lossless


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_a_file_cut_short_is_refused(photo: np.ndarray, kind: str, share: float) -> None:
    data = saved(Image.fromarray(photo), kind)
    with pytest.raises(picture.TruncatedImageError) as caught:
        picture.decode(data[: int(len(data) * share)])
    assert caught.value.code == "truncated_image"


@pytest.mark.parametrize("kind", KINDS)
def test_bytes_of_noise_in_a_file_never_raise_anything_else(quarters: Image.Image, kind: str) -> None:
    random = np.random.default_rng(0)
    data = np.frombuffer(saved(quarters, kind), np.uint8)
    outcomes = []
    for _ in range(60):
        spoilt = data.copy()
        spoilt[random.integers(12, len(data), 6)] = random.integers(0, 256, 6)
        try:
            outcomes.append(picture.decode(spoilt.tobytes()).rgb.dtype == np.uint8)
        except picture.PictureError as error:
            outcomes.append(error.code in CODES)
    assert len(outcomes) == 60
    assert all(outcomes)


@pytest.mark.parametrize("kind", ["TIFF", "ICO", "BMP", "JPEG2000"])
def test_another_picture_format_is_named_and_refused(quarters: Image.Image, kind: str) -> None:
    with pytest.raises(picture.UnknownFormatError, match="send a JPEG"):
        picture.decode(saved(quarters, kind))


@pytest.mark.parametrize(("data", "code"), [
    (b"", "empty_upload"),
    (b"<!doctype html><html><body>not found</body></html>", "not_an_image"),
    (b"hello", "not_an_image"),
    (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "unknown_format"),
    (b"%PDF-1.7 ...", "unknown_format"),
    (b"8BPS\x00\x01", "unknown_format"),
    (b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00isommp42", "unknown_format"),
    (b"\xff\xd8\xff" + b"<html><script>alert(1)</script></html>", "truncated_image"),
    (b"\xff\xd8\xff\xe0" + bytes(picture.MAX_BYTES), "file_too_large"),
])  # fmt: skip
def test_what_is_no_photo_is_refused_with_its_code(data: bytes, code: str) -> None:
    with pytest.raises(picture.PictureError) as caught:
        picture.decode(data)
    assert caught.value.code == code


def header(width: int, height: int) -> bytes:
    return formats.PNG + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))


@pytest.mark.parametrize("size", [(100_000, 100_000), (20_000, 10), (10, 16_385), (10_000, 5_001)])
def test_a_header_that_claims_too_much_is_refused_without_memory(size: tuple[int, int]) -> None:
    data = header(*size) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")
    tracemalloc.start()
    try:
        with pytest.raises(picture.TooManyPixelsError):
            picture.decode(data)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_a_huge_gif_canvas_is_refused(quarters: Image.Image) -> None:
    data = bytearray(saved(quarters, "GIF"))
    data[6:10] = struct.pack("<HH", 16_000, 16_000)
    with pytest.raises(picture.TooManyPixelsError):
        picture.decode(bytes(data))


@pytest.mark.parametrize("name", [b"iCCP", b"zTXt"])
def test_a_chunk_that_unpacks_to_hundreds_of_megabytes_is_not_unpacked(quarters: Image.Image, name: bytes) -> None:
    data = saved(quarters, "PNG")
    bomb = chunk(name, b"x\0\0" + zlib.compress(bytes(200_000_000)))
    tracemalloc.start()
    try:
        assert (picture.decode(data[:33] + bomb + data[33:]).rgb == np.asarray(quarters)).all()
        assert tracemalloc.get_traced_memory()[1] < 50_000_000
    finally:
        tracemalloc.stop()


def test_a_jpeg_of_thousands_of_scans_is_refused(quarters: Image.Image) -> None:
    data = saved(quarters, "JPEG")
    with pytest.raises(picture.TruncatedImageError, match="scans"):
        picture.decode(data[:-2] + b"\xff\xda\x00\x08" * 2000 + data[-2:])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "PNG"])
def test_every_orientation_comes_out_upright(quarters: Image.Image, orientation: int, kind: str) -> None:
    undo = {2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}
    stored = quarters.transpose(picture.TURNS[undo[orientation]]) if orientation > 1 else quarters
    exif = Image.Exif()
    exif[picture.ORIENTATION] = orientation
    decoded = picture.decode(saved(stored, kind, exif=exif)).rgb
    assert decoded.shape == (32, 48, 3)
    assert np.abs(decoded.astype(int) - np.asarray(quarters))[4:12, 4:20].max() < 30
    assert np.abs(decoded.astype(int) - np.asarray(quarters))[20:28, 28:44].max() < 30


def test_broken_exif_is_ignored(quarters: Image.Image) -> None:
    data = saved(quarters, "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\xff" * 40)
    assert picture.decode(data).rgb.shape == (32, 48, 3)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "CMYK", "I;16"])
def test_every_opaque_mode_becomes_rgb(quarters: Image.Image, mode: str) -> None:
    if mode == "I;16":
        image = Image.fromarray(np.asarray(quarters.convert("L")).astype(np.uint16) * 257)
    else:
        image = quarters.convert(mode)
    decoded = picture.decode(saved(image, "JPEG" if mode == "CMYK" else "PNG")).rgb
    assert decoded.shape == (32, 48, 3)
    expected = np.asarray(quarters.convert("L" if mode in ("L", "I;16") else "RGB").convert("RGB"))
    assert mode == "1" or np.abs(decoded.astype(int) - expected)[4:12, 4:20].max() < 30


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_what_is_transparent_becomes_white(mode: str) -> None:
    image = Image.new(mode, (8, 8), (0,) * len(mode))
    image.paste((0,) * (len(mode) - 1) + (255,), (0, 0, 4, 8))
    rgb = picture.decode(saved(image, "PNG")).rgb
    assert (rgb[:, :4] == 0).all()
    assert (rgb[:, 4:] == 255).all()


def test_a_palette_with_transparency_becomes_white(quarters: Image.Image) -> None:
    image = quarters.convert("P", palette=Image.Palette.ADAPTIVE, colors=4)
    index = int(np.asarray(image)[0, 0])
    rgb = picture.decode(saved(image, "PNG", transparency=index)).rgb
    assert (rgb[2, 2] == 255).all()
    assert (rgb[2, 40] == (0, 255, 0)).all()


def test_the_first_frame_of_an_animation_counts() -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue", "lime")]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert (picture.decode(data).rgb == (255, 0, 0)).all()


def test_an_embedded_profile_is_converted_to_srgb(quarters: Image.Image) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ"))
    wrong = picture.decode(saved(quarters, "PNG", icc_profile=lab.tobytes()))
    assert wrong.rgb.shape == (32, 48, 3)
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    right = picture.decode(saved(quarters, "PNG", icc_profile=srgb.tobytes()))
    assert (right.rgb == np.asarray(quarters)).all()
    garbage = picture.decode(saved(quarters, "PNG", icc_profile=b"no profile" * 20))
    assert (garbage.rgb == np.asarray(quarters)).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 16_384), (16_384, 1)])
def test_thin_pictures_are_decoded(size: tuple[int, int]) -> None:
    assert picture.decode(saved(Image.new("RGB", size, "red"), "PNG")).rgb.shape == (size[1], size[0], 3)


def test_encoding_drops_metadata_and_keeps_pixels(photo: np.ndarray) -> None:
    assert (picture.decode(picture.encode_png(photo)).rgb == photo).all()
    jpeg = picture.encode_jpeg(Image.fromarray(photo))
    assert b"Exif" not in jpeg
    assert np.abs(picture.decode(jpeg).rgb.astype(int) - photo).mean() < 3


@pytest.mark.parametrize(
    ("shorter", "height", "width"), [(600, 600, 800), (299, 300, 400), (150, 150, 200), (1, 75, 100)]
)
def test_a_jpeg_is_decoded_no_larger_than_is_asked_for(shorter: int, height: int, width: int) -> None:
    gradient = np.linspace(0, 255, 800).astype(np.uint8)[None, :, None].repeat(600, 0).repeat(3, 2)
    decoded = picture.decode(saved(Image.fromarray(gradient), "JPEG", quality=95), shorter)
    assert decoded.rgb.shape == (height, width, 3)
    assert decoded.size == (800, 600)
    assert np.abs(decoded.rgb.astype(int) - np.asarray(Image.fromarray(gradient).reduce(600 // height))).max() < 6


def test_a_turned_jpeg_decoded_small_is_upright_and_knows_its_size(quarters: Image.Image) -> None:
    exif = Image.Exif()
    exif[picture.ORIENTATION] = 6
    turned = saved(quarters.resize((480, 320)), "JPEG", exif=exif)
    decoded = picture.decode(turned, 80)
    assert decoded.rgb.shape == (120, 80, 3)
    assert decoded.size == (320, 480)
    assert decoded.rgb[10, 10, 2] > 200  # blue, which was below on the left, is above on the left


def test_another_format_comes_whole_however_small_it_is_needed(quarters: Image.Image) -> None:
    decoded = picture.decode(saved(quarters, "PNG"), 4)
    assert decoded.rgb.shape == (32, 48, 3)
    assert decoded.size == (48, 32)


def test_a_jpeg_cut_short_is_refused_at_every_scale(photo: np.ndarray) -> None:
    data = saved(Image.fromarray(photo), "JPEG")
    with pytest.raises(picture.TruncatedImageError):
        picture.decode(data[: len(data) // 2], 16)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_small_copy_is_upright(quarters: Image.Image, orientation: int) -> None:
    found = picture.Picture(quarters.resize((1536, 1024)), True, "png", (0, 0), orientation=orientation)
    assert (np.asarray(found.reduced(512)) == np.asarray(found.image.reduce(2))).all()
    assert found.reduced(1024) is found.image


def test_a_small_copy_has_the_mean_of_its_squares() -> None:
    rgb = np.arange(1200 * 1600 * 3, dtype=np.uint32).reshape(1200, 1600, 3).astype(np.uint8)
    small = picture.Picture(Image.fromarray(rgb), True, "png", (1600, 1200)).small
    assert small.shape == (600, 800, 3)
    assert np.abs(small - rgb.reshape(600, 2, 800, 2, 3).mean((1, 3))).max() <= 0.5


@pytest.mark.parametrize(("subsampling", "halved"), [(0, False), (1, False), (2, True)])
def test_colours_that_came_halved_are_kept_so_and_no_others(photo: np.ndarray, subsampling: int, halved: bool) -> None:
    came = io.BytesIO()
    Image.fromarray(photo).save(came, "JPEG", quality=93, subsampling=subsampling)
    found = picture.decode(came.getvalue())
    assert found.halved == halved
    kept = picture.decode(picture.encode_jpeg(found.image, halved=found.halved))
    assert kept.halved == halved
    assert np.abs(kept.rgb.astype(int) - found.rgb).mean() < 1.5


def test_nothing_that_an_upload_says_of_itself_is_saved_with_its_pixels(photo: np.ndarray) -> None:
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    said = {"exif": exif, "comment": b"at home", "icc_profile": srgb, "dpi": (300, 300), "xmp": b"<x:xmpmeta/>"}
    found = picture.decode(saved(Image.fromarray(photo), "JPEG", **said))
    for kept in (picture.encode_jpeg(found.image), picture.encode_png(found.rgb)):
        for word in (b"Exif", b"camera", b"at home", b"ICC", b"xmpmeta", b"pHYs"):
            assert word not in kept
        assert Image.open(io.BytesIO(kept)).info.get("dpi", (1, 1)) == (1, 1)
