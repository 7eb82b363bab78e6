"""Every way a file says what its numbers mean, against numbers computed here from the specifications.

PNG (third edition, 4.3 and 11.3.2), ICC.1, H.273, BT.2100 and ST 2094-50, DCF 2.0. Tolerance: 2 levels of 255 for what
is stored without loss, 6 for what a lossy codec rounds.
"""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from segmentation import picture

LEVELS = [0, 9, 25, 60, 128, 200, 255]
SWATCHES = np.array([[*each] for each in ((200, 50, 50), (50, 200, 50), (60, 60, 200), (128, 128, 128), (30, 20, 10))])
# Linear RGB to linear sRGB, as published.
MATRICES = {
    "srgb": np.eye(3),
    "p3": np.array([[1.2249, -0.2247, 0], [-0.0420, 1.0419, 0], [-0.0197, -0.0786, 1.0979]]),
    "adobe": np.array([[1.39836, -0.39836, 0], [0, 1, 0], [0, -0.04290, 1.04290]]),
    "2020": np.array([[1.6605, -0.5877, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]]),
}
CHROMATICITIES = {
    "srgb": (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06),
    "adobe": (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06),
}
# The colorants of profiles, adapted to D50 (Lindbloom).
COLORANTS = {
    "srgb": ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410)),
    "adobe": ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)),
}
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6


def shown(light):
    """sRGB's levels for linear light, IEC 61966-2-1."""
    light = np.clip(light, 0, 1)
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def srgb_light(value):
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def right(levels, exponent=None, primaries="srgb"):
    """What RGB levels (…×3, 0..255, fractions too) look like under a power (None: sRGB's curve) and primaries."""
    value = np.asarray(levels) / 255
    light = srgb_light(value) if exponent is None else value**exponent
    return shown(light @ MATRICES[primaries].T)


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(samples, depth, kind, said=b""):
    """A PNG of samples, H×W×channels at their own depth, without filters; `said` are the chunks before its pixels."""
    height, width = samples.shape[:2]
    rows = samples.reshape(height, -1)
    if depth == 16:
        packed = [row.astype(">u2").tobytes() for row in rows]
    else:
        bits = np.unpackbits(rows.astype(np.uint8)[..., None], axis=-1)[..., 8 - depth :].reshape(height, -1)
        packed = [np.packbits(row).tobytes() for row in bits]
    body = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in packed)))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + said + body + chunk(b"IEND", b"")


def gamma(exponent):
    return chunk(b"gAMA", struct.pack(">I", round(100_000 / exponent)))


def chromaticities(name):
    return chunk(b"cHRM", struct.pack(">8I", *(round(100_000 * each) for each in CHROMATICITIES[name])))


def coded(primaries, transfer, full=1):
    return chunk(b"cICP", bytes([primaries, transfer, 0, full]))


def profile(space, exponent, primaries="srgb", name="mine", more=()):
    """An ICC profile, version 2.4: a power for grey, or a power and three colorants."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(exponent * 256)) + bytes(2)
    title = name.encode() + b"\0"
    tags = [(b"desc", b"desc" + bytes(4) + struct.pack(">I", len(title)) + title + bytes(78))]
    tags += [(b"wtpt", xyz(0.9642, 1, 0.8249)), *more]
    if space == b"GRAY":
        tags.append((b"kTRC", curve))
    else:
        tags += [
            (letter + b"XYZ", xyz(*each)) for letter, each in zip((b"r", b"g", b"b"), COLORANTS[primaries], strict=True)
        ]
        tags += [(letter + b"TRC", curve) for letter in (b"r", b"g", b"b")]
    table, body, start = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for tag, content in tags:
        content += bytes(-len(content) % 4)
        table += tag + struct.pack(">II", start + len(body), len(content))
        body += content
    head = struct.pack(">I4xI4s4s4s12x4s28x", start + len(body), 0x02400000, b"mntr", space, b"XYZ ", b"acsp")
    return head + xyz(0.9642, 1, 0.8249)[8:] + bytes(48) + table + body


def xyz(*values):
    return b"XYZ " + bytes(4) + struct.pack(">3i", *(round(65_536 * each) for each in values))


def packed(icc):
    return chunk(b"iCCP", b"name\0\0" + zlib.compress(icc))


def off(data, expected):
    """By how many levels a file's picture is off, at most."""
    return np.abs(picture.decode(data).rgb.astype(float) - expected).max()


def as_samples(levels, depth, kind):
    """RGB levels (N×3, 0..255) as a row of a PNG's samples, and what levels these are exactly."""
    most = (1 << depth) - 1
    samples = np.rint(levels / 255 * most).astype(int)[None]
    if kind in (GREY, GREY_ALPHA):
        samples = samples[..., :1]
    exact = samples / most * 255
    if kind in (GREY_ALPHA, RGBA):
        samples = np.concatenate([samples, np.full((*samples.shape[:2], 1), most)], -1)
    return samples, np.broadcast_to(exact, (*exact.shape[:2], 3))


SAYINGS = {
    "nothing": (b"", {}),
    "gAMA 1": (gamma(1), {"exponent": 1}),
    "gAMA 1.8": (gamma(1.8), {"exponent": 1.8}),
    "gAMA and cHRM": (gamma(2.2) + chromaticities("adobe"), {"exponent": 2.2, "primaries": "adobe"}),
    "sRGB before gAMA": (gamma(1) + chunk(b"sRGB", b"\0"), {}),
    "iCCP before sRGB": (packed(profile(b"RGB ", 1)) + chunk(b"sRGB", b"\0"), {"exponent": 1}),
    "iCCP before gAMA": (packed(profile(b"RGB ", 1.8, "adobe")) + gamma(1), {"exponent": 1.8, "primaries": "adobe"}),
    "cICP before iCCP": (packed(profile(b"RGB ", 1)) + coded(12, 13), {"primaries": "p3"}),
    "cICP, BT.2020 linear": (coded(9, 8), {"exponent": 1, "primaries": "2020"}),
    "cICP, BT.709's curve": (coded(1, 1), {"exponent": 2.4}),
    "cICP unspecified, then gAMA": (coded(2, 2) + gamma(1), {"exponent": 1}),
    "no profile, then gAMA": (packed(b"no profile" * 20) + gamma(1), {"exponent": 1}),
    "gAMA of nothing": (gamma(1e9), {}),
    "gAMA as sRGB's files have it": (chunk(b"gAMA", struct.pack(">I", 45_455)) + chromaticities("srgb"), {}),
}
TYPES = [(RGB, 8), (RGB, 16), (RGBA, 8), (RGBA, 16), (GREY, 1), (GREY, 2), (GREY, 4), (GREY, 8), (GREY, 16)]
TYPES += [(GREY_ALPHA, 8), (GREY_ALPHA, 16)]


@pytest.mark.parametrize("saying", SAYINGS)
@pytest.mark.parametrize(("kind", "depth"), TYPES)
def test_a_pngs_chunks_say_its_colours_at_every_depth(kind, depth, saying):
    said, meaning = SAYINGS[saying]
    levels = np.concatenate([np.repeat(LEVELS, 3).reshape(-1, 3), SWATCHES if kind in (RGB, RGBA) else SWATCHES[3:4]])
    samples, exact = as_samples(levels, depth, kind)
    expected = right(exact, **meaning)
    assert kind != RGB or not meaning or np.abs(expected - exact).max() > 10  # else this would prove nothing
    assert off(png(samples, depth, kind, said), expected) <= 2


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_a_palettes_colours_are_meant_as_the_chunks_say(depth):
    colours = np.concatenate([SWATCHES, np.repeat(LEVELS, 3).reshape(-1, 3)])[: 1 << depth]
    said = gamma(1.8) + chromaticities("adobe") + chunk(b"PLTE", colours.astype(np.uint8).tobytes())
    data = png(np.arange(len(colours))[None, :, None], depth, PALETTE, said)
    assert off(data, right(colours, 1.8, "adobe")[None]) <= 2


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("kind", [GREY, GREY_ALPHA])
@pytest.mark.parametrize("clear", [False, True])
def test_a_grey_profile_counts_for_every_kind_of_grey(kind, depth, clear):
    samples, exact = as_samples(np.repeat(LEVELS, 3).reshape(-1, 3), depth, kind)
    expected, said = right(exact, 1), packed(profile(b"GRAY", 1))
    if clear and kind == GREY:
        said += chunk(b"tRNS", struct.pack(">H", int(samples[0, 3, 0])))
        expected[0, 3] = 255
    assert off(png(samples, depth, kind, said), expected) <= 2


@pytest.mark.parametrize(("kind", "depth"), [(k, d) for k, d in TYPES if k in (GREY, RGB)])
@pytest.mark.parametrize("said", [b"", gamma(1.8)])
def test_the_transparent_colour_is_white_at_every_depth_and_no_other(kind, depth, said):
    most, channels = (1 << depth) - 1, 3 if kind == RGB else 1
    values = sorted({0, 1, most // 2, most - 1, most})[: most + 1]
    samples = np.repeat(values, channels).reshape(1, -1, channels)
    expected = right(np.broadcast_to(samples / most * 255, (1, len(values), 3)), 1.8 if said else None)
    expected[0, 1] = 255
    clear = chunk(b"tRNS", struct.pack(f">{channels}H", *samples[0, 1]))
    assert off(png(samples, depth, kind, said + clear), expected) <= 1


@pytest.mark.parametrize("kind", [GREY, RGB])
def test_colours_that_differ_in_the_lower_byte_alone_are_not_the_transparent_one(kind):
    channels = 3 if kind == RGB else 1
    samples = np.repeat([0x1234, 0x1235], channels).reshape(1, 2, channels)
    clear = chunk(b"tRNS", struct.pack(f">{channels}H", *[0x1234] * channels))
    assert picture.decode(png(samples, 16, kind, clear)).rgb[0, :, 0].tolist() == [255, 0x12]


def test_interlaced_pixels_of_16_bits_come_whole():
    samples = np.random.default_rng(0).integers(0, 1 << 16, (8, 8, 1))
    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    rows = [row for top, left, down, across in passes for row in samples[top::down, left::across]]
    body = zlib.compress(b"".join(b"\0" + row.astype(">u2").tobytes() for row in rows))
    head = struct.pack(">IIBBBBB", 8, 8, 16, GREY, 0, 0, 1)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    assert off(data, samples / 257) <= 0.5 + 1e-9


@pytest.mark.parametrize("kind", [GREY, RGB])
def test_a_large_photo_of_16_bits_is_rounded_to_the_nearest_in_every_band(kind):
    """Every one of the 65,536 levels, in a picture of several bands; its last row is black and there."""
    height, width, channels = 1800, 2500, {GREY: 1, RGB: 3}[kind]
    assert height * width > picture.BAND_PIXELS
    count = height * width * channels
    samples = (np.arange(count, dtype=np.uint64) * 65_536 // count).astype(np.uint32).reshape(height, width, channels)
    samples[-1] = 0
    assert (picture.decode(png(samples, 16, kind)).rgb == (samples + 128) // 257).all()


# White at 203 cd/m² comes at half its light (ST 2094-50), 1,000 cd/m² at all of it; codes by BT.2100's tables.
@pytest.mark.parametrize(("transfer", "code", "light"), [
    (16, 0.5807, 0.5), (16, 0.5081, 0.5 * 100 / 203), (16, 0.7518, 1.0), (16, 1.0, 1.0), (16, 0.0, 0.0),
    (18, 0.75, 0.5), (18, 1.0, 1.0), (18, 0.5, 0.5 * 1000 / 203 * (1 / 12) ** 1.2),
])  # fmt: skip
def test_hdr_comes_with_its_white_at_half_the_light(transfer, code, light):
    data = png(np.full((1, 1, 3), round(code * 65_535)), 16, RGB, coded(9, transfer))
    assert off(data, shown(light)) <= 2


def test_narrow_range_begins_at_16_and_ends_at_235():
    data = png(np.repeat([[16], [126], [235]], 3, 1)[None], 8, RGB, coded(1, 13, full=0))
    assert off(data, np.array([0, 110 / 219 * 255, 255])[None, :, None]) <= 1


def saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def fields(mode="RGB", side=16):
    """A field of `side` pixels for each swatch, so that no codec mixes them."""
    rgb = SWATCHES.astype(np.uint8)[:, None, None].repeat(side, 1).repeat(side, 2)
    return Image.fromarray(np.concatenate(rgb, 1)).convert(mode)


def off_in_the_middle(data, expected, side=16):
    rgb = picture.decode(data).rgb.astype(float)[side // 2, side // 2 :: side]
    return np.abs(rgb - expected).max()


LOSSLESS = {"PNG": {}, "WEBP": {"lossless": True}}
LOSSY = {"JPEG": {"quality": 98, "subsampling": 0}, "AVIF": {"quality": 98, "subsampling": "4:4:4"}}
LOSSY["HEIF"] = {"quality": 98, "chroma": 444}


@pytest.fixture(scope="module", autouse=True)
def heif():
    import pillow_heif

    pillow_heif.register_heif_opener()


@pytest.mark.parametrize("kind", [*LOSSLESS, *LOSSY])
@pytest.mark.parametrize("name", ["mine", "sRGB linear", "not sRGB at all"])
def test_a_profile_counts_in_every_format_and_under_every_name(kind, name):
    icc = profile(b"RGB ", 1.8, "adobe", name)
    data = saved(fields(), kind, icc_profile=icc, **{**LOSSLESS, **LOSSY}[kind])
    assert off_in_the_middle(data, right(SWATCHES, 1.8, "adobe")) <= (2 if kind in LOSSLESS else 9)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_profile_of_megabytes_counts(kind):
    noise = np.random.default_rng(0).bytes(5_000_000)
    icc = profile(b"RGB ", 1.8, "adobe", more=[(b"priv", b"data" + bytes(4) + noise)])
    data = saved(fields(), kind, icc_profile=icc, **{**LOSSLESS, **LOSSY}[kind])
    assert off_in_the_middle(data, right(SWATCHES, 1.8, "adobe")) <= 6


def test_a_profile_that_is_srgb_changes_no_pixel():
    icc = profile(b"RGB ", 2.2, name="other")
    own = png(SWATCHES[None], 8, RGB, packed(icc))
    assert 0 < off(own, SWATCHES[None]) < 12
    from PIL import ImageCms

    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    assert off(png(SWATCHES[None], 8, RGB, packed(srgb)), SWATCHES[None]) == 0


@pytest.mark.parametrize(("mode", "space", "counts"), [
    ("L", b"GRAY", True), ("L", b"RGB ", True), ("RGB", b"GRAY", False), ("CMYK", b"RGB ", False),
])  # fmt: skip
def test_a_profile_for_other_channels_is_passed_over_but_for_greys(mode, space, counts):
    image = fields(mode)
    data = saved(image, "JPEG", icc_profile=profile(space, 1.8), quality=98)
    plain = np.asarray(image.convert("RGB"))[8, 8::16]
    assert off_in_the_middle(data, right(plain, 1.8) if counts else plain) <= 6


def with_nclx(kind, primaries, transfer, **options):
    """A file whose colour box says these; HEIC files have one where one is asked for."""
    data = saved(fields(), kind, **LOSSY[kind], **options)
    at = data.index(b"colrnclx") + 8
    return data[:at] + struct.pack(">HH", primaries, transfer) + data[at + 4 :]


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
@pytest.mark.parametrize(("primaries", "transfer", "meaning"), [
    (1, 13, {}), (2, 2, {}), (12, 13, {"primaries": "p3"}), (9, 8, {"exponent": 1, "primaries": "2020"}),
    (1, 4, {"exponent": 2.2}), (12, 1, {"primaries": "p3"}),
])  # fmt: skip
def test_the_colour_box_of_heic_and_avif_counts(kind, primaries, transfer, meaning):
    expected = right(SWATCHES, **meaning)
    assert off_in_the_middle(with_nclx(kind, primaries, transfer), expected) <= (30 if transfer == 8 else 12)


def test_hlg_of_a_phone_is_shown():
    rgb = picture.decode(with_nclx("AVIF", 9, 18)).rgb
    assert np.abs(rgb[8, 8 + 3 * 16].astype(int) - 99).max() <= 3  # HLG's 128 is 49 cd/m²


def test_a_profile_comes_before_the_colour_box():
    data = with_nclx("AVIF", 12, 13, icc_profile=profile(b"RGB ", 1.8))
    assert off_in_the_middle(data, right(SWATCHES, 1.8)) <= 9


@pytest.mark.parametrize(("space", "index", "adobe"), [
    (0xFFFF, "R03", True), (2, None, True), (0xFFFF, "R98", False), (0xFFFF, None, False), (1, "R98", False),
])  # fmt: skip
def test_cameras_say_adobe_rgb_in_exif(space, index, adobe):
    exif = Image.Exif()
    exif[0x8769] = {0xA001: space, **({0xA005: {1: index}} if index else {})}
    data = saved(fields(), "JPEG", exif=exif, **LOSSY["JPEG"])
    expected = right(SWATCHES, 563 / 256, "adobe") if adobe else SWATCHES
    assert off_in_the_middle(data, expected) <= 6
