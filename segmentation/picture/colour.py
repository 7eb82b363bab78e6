"""What a picture's numbers mean, and the sRGB that they are: ICC profiles by Little CMS, all else by its formulas.

ITU-T H.273 (2024) numbers primaries and transfer functions. Video's curves are shown as BT.1886 says. HDR of BT.2100
comes to SDR as browsers show it: by the reference white tone mapping of SMPTE ST 2094-50, white at 203 cd/m² (BT.2408).
"""

from __future__ import annotations

import functools
import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

Floats = NDArray[np.float32]
Points = tuple[float, float, float, float, float, float, float, float]

BAND = 1 << 20  # pixels at once
FINE = 65_535
D65 = (0.3127, 0.3290)
BT709: Points = (*D65, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
BT2020: Points = (*D65, 0.708, 0.292, 0.170, 0.797, 0.131, 0.046)
PRIMARIES: dict[int, Points] = {
    1: BT709,
    4: (0.310, 0.316, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*D65, 0.64, 0.33, 0.29, 0.60, 0.15, 0.06),
    6: (*D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    7: (*D65, 0.630, 0.340, 0.310, 0.595, 0.155, 0.070),
    8: (0.310, 0.316, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049),
    9: BT2020,
    10: (1 / 3, 1 / 3, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0),
    11: (0.314, 0.351, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    12: (*D65, 0.680, 0.320, 0.265, 0.690, 0.150, 0.060),
    22: (*D65, 0.630, 0.340, 0.295, 0.605, 0.155, 0.077),
}
"""White, red, green and blue, x and y of each."""
SRGB_CURVE, PQ, HLG = 13, 16, 18
VIDEO = (1, 6, 11, 12, 14, 15)  # one curve for BT.709, BT.601, BT.1361 and BT.2020
GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0, **dict.fromkeys(VIDEO, 2.4)}
LOGARITHMS = {9: 2.0, 10: 2.5}
TRANSFERS = {*GAMMAS, *LOGARITHMS, 7, SRGB_CURVE, PQ, 17, HLG}
WHITE_NITS, PEAK_NITS = 203.0, 1000.0
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
BROKEN = (ImageCms.PyCMSError, OSError, ValueError, TypeError, struct.error)


@dataclass(frozen=True)
class Encoding:
    """RGB by its primaries (as in PRIMARIES), and a transfer function: H.273's number, or the exponent of a power."""

    primaries: Points = BT709
    transfer: int | float = SRGB_CURVE
    full_range: bool = True


Meaning = bytes | Encoding | None
"""An ICC profile, an encoding; None for sRGB."""
ADOBE = Encoding((*D65, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06), 563 / 256)


def cicp(primaries: int, transfer: int, full_range: bool = True) -> Encoding | None:
    """The encoding of H.273's code points; None for those that say nothing, or nothing known."""
    if primaries not in PRIMARIES or transfer not in TRANSFERS:
        return None
    return Encoding(PRIMARIES[primaries], transfer, full_range)


def to_srgb(image: Image.Image, meaning: Meaning, low: Image.Image | None = None) -> Image.Image:
    """The picture as 8-bit sRGB, "RGB".

    `image` is "L", "RGB" or "CMYK"; for 16 bits a sample it has the upper bytes, `low` the lower ones. A profile that
    is broken, or for another number of channels, is ignored.
    """
    if isinstance(meaning, bytes):
        meaning = tagged(meaning) or meaning
    if isinstance(meaning, Encoding):
        return by_formula(image.convert("RGB"), meaning, low and low.convert("RGB"))
    if meaning:
        try:
            return by_profile(image, meaning, low)
        except BROKEN:
            pass
    return (image if low is None else finest(image, low)).convert("RGB")


def readable(profile: bytes) -> bool:
    """Is this an ICC profile?"""
    try:
        return bool(ImageCms.ImageCmsProfile(io.BytesIO(profile)).profile.xcolor_space)
    except BROKEN:
        return False


def by_profile(image: Image.Image, profile: bytes, low: Image.Image | None) -> Image.Image:
    """Converts by an ICC profile. Raises one of BROKEN where it can't."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    space = source.profile.xcolor_space.strip()
    if space == "RGB" and image.mode == "L":
        image, low = image.convert("RGB"), low and low.convert("RGB")
    if {"GRAY": "L"}.get(space, space) != image.mode:
        raise ValueError(f"A profile for {space}, a picture of {image.mode}.")
    # Without its optimisation Little CMS is exact for greys (else up to 10 levels off), and ten times slower.
    flags = ImageCms.Flags.NOOPTIMIZE if image.mode == "L" else ImageCms.Flags.NONE
    transform = ImageCms.buildTransform(source, ImageCms.createProfile("sRGB"), image.mode, "RGB", flags=flags)
    if image.mode != "CMYK" and changes_nothing(transform, image.mode):
        return (image if low is None else finest(image, low)).convert("RGB")
    if low is None:
        return through(transform, image)
    out = Image.new("RGB", image.size)
    for place, upper, lower in bands(image, low):
        assert lower is not None
        level, share = np.divmod(upper.astype(np.uint16) * 256 + lower, 257)
        below, above = (
            np.asarray(through(transform, Image.fromarray(np.minimum(level + more, 255).astype(np.uint8))), np.float32)
            for more in (0, 1)
        )
        weight = (share / np.float32(257)).reshape(*share.shape[:2], -1)
        out.paste(Image.fromarray((below + (above - below) * weight + 0.5).astype(np.uint8)), place)
    return out


def through(transform: ImageCms.ImageCmsTransform, image: Image.Image) -> Image.Image:
    """The picture by the transform; greys by a table of their 256 levels."""
    if image.mode != "L":
        return transform.apply(image)
    ramp = np.asarray(transform.apply(Image.fromarray(np.arange(256, dtype=np.uint8)[None])))
    return image.convert("RGB").point(ramp[0].T.ravel().tolist())


def changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Is the profile sRGB's, whatever its name? Told by a ramp of greys and the corners and edges of the cube."""
    ramp = np.repeat(np.arange(256), 3).reshape(1, -1, 3)
    cube = np.stack(np.meshgrid(*[np.arange(0, 256, 51)] * 3), -1).reshape(1, -1, 3)
    probe = Image.fromarray(np.concatenate([ramp, cube], 1).astype(np.uint8)).convert(mode)
    shown = np.asarray(transform.apply(probe), np.int16)
    return bool(np.abs(shown - np.asarray(probe.convert("RGB"), np.int16)).max() <= 1)


def by_formula(image: Image.Image, encoding: Encoding, low: Image.Image | None) -> Image.Image:
    """Converts an "RGB" picture by its encoding's own formulas."""
    if encoding.full_range and encoding.primaries == BT709 and encoding.transfer == SRGB_CURVE:
        return image if low is None else finest(image, low)
    light, shades, hdr = linear(encoding, FINE + 1 if low else 256), encoded(), encoding.transfer in (PQ, HLG)
    to_display = between(encoding.primaries, BT2020 if hdr else BT709)
    out = Image.new("RGB", image.size)
    for place, upper, lower in bands(image, low):
        shown = light[upper if lower is None else upper.astype(np.uint16) * np.uint16(256) + lower] @ to_display.T
        if hdr:
            shown = displayed(shown, encoding.transfer == HLG) @ between(BT2020, BT709).T
        index = (np.clip(shown, 0, 1) * FINE + np.float32(0.5)).astype(np.uint16)
        out.paste(Image.fromarray(shades[index]), place)
    return out


def finest(image: Image.Image, low: Image.Image) -> Image.Image:
    """The upper and lower bytes of 16-bit samples as 8 bits, rounded."""
    out = Image.new(image.mode, image.size, None)
    for place, upper, lower in bands(image, low):
        assert lower is not None
        out.paste(Image.fromarray(rounded(upper, lower)), place)
    return out


def rounded(upper: NDArray[np.uint8], lower: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A 257th of 256 × upper + lower, to the nearest: upper, or one beside it where lower is far from it."""
    more = lower.astype(np.int16) - upper
    return upper + (more > 128).view(np.uint8) - (more < -128).view(np.uint8)


Band = tuple[tuple[int, int, int, int], NDArray[np.uint8], NDArray[np.uint8] | None]


def bands(image: Image.Image, low: Image.Image | None) -> Iterator[Band]:
    """A picture's rows, about a million pixels at a time, as (box, upper bytes, lower bytes)."""
    rows = max(1, BAND // image.width)
    for top in range(0, image.height, rows):
        box = (0, top, image.width, min(top + rows, image.height))
        yield box, np.asarray(image.crop(box)), None if low is None else np.asarray(low.crop(box))


def linear(encoding: Encoding, levels: int) -> Floats:
    """The light of each level, 1 for white; of PQ in units of the reference white, of HLG the scene's."""
    value = np.linspace(0, 1, levels)
    if not encoding.full_range:
        value = np.clip((value * 255 - 16) / 219, 0, 1)
    return electro_optical(value, encoding.transfer).astype(np.float32)


def electro_optical(value: NDArray[np.float64], transfer: int | float) -> NDArray[np.float64]:
    """0..1 to light, by H.273's table 3 turned round."""
    exponent = transfer if isinstance(transfer, float) else GAMMAS.get(transfer)
    if exponent is not None:
        return np.asarray(value**exponent)
    if transfer == SRGB_CURVE:
        return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    if transfer == 7:
        return np.where(value < 4 * 0.0228, value / 4, ((value + 0.1115) / 1.1115) ** (1 / 0.45))
    if transfer in LOGARITHMS:
        return np.where(value <= 0, 0, 10 ** (LOGARITHMS[int(transfer)] * (value - 1)))
    if transfer == 17:
        return np.asarray(value**2.6 * (52.37 / 48))
    if transfer == HLG:
        return np.where(value <= 0.5, value**2 / 3, (np.exp((value - 0.55991073) / 0.17883277) + 0.28466892) / 12)
    root = value ** (32 / 2523)
    return np.asarray(
        10_000 / WHITE_NITS * (np.maximum(root - 107 / 128, 0) / (2413 / 128 - 2392 / 128 * root)) ** (8192 / 1305)
    )


def displayed(light: Floats, scene: bool) -> Floats:
    """HDR light in BT.2020's primaries (…×3) on a display whose white is the brightest it has, 0..1.

    `scene`: it is HLG's, which a display of 1000 cd/m² shows by BT.2100's system gamma.
    """
    if scene:
        luminance = light @ np.array([0.2627, 0.6780, 0.0593], np.float32)
        light = light * (PEAK_NITS / WHITE_NITS * np.maximum(luminance, 0) ** np.float32(0.2))[..., None]
    brightest = np.maximum(light.max(-1, keepdims=True), np.float32(1e-6))
    return np.asarray(light * (np.interp(brightest, *tone_curve()).astype(np.float32) / brightest))


@functools.cache
def tone_curve() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """ST 2094-50's curve to SDR, in units of the reference white: half up to it, then a parabola to 1000 cd/m²."""
    t, last, kappa = np.linspace(0, 1, 513), PEAK_NITS / WHITE_NITS, 0.65
    middle = (1 + kappa, 0.5 + 0.5 * kappa)
    x, y = (
        (1 - t) ** 2 * first + 2 * t * (1 - t) * between + t**2 * end
        for first, between, end in ((1.0, middle[0], last), (0.5, middle[1], 1.0))
    )
    return np.concatenate([[0], x]), np.concatenate([[0], y])


@functools.cache
def encoded() -> NDArray[np.uint8]:
    """sRGB's level for each of 65,536 steps of light."""
    light = np.linspace(0, 1, FINE + 1)
    value = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    return np.asarray((value * 255).round().astype(np.uint8))


@functools.lru_cache(maxsize=32)
def between(source: Points, target: Points) -> Floats:
    """The 3×3 matrix from linear RGB of one set of primaries to another's, white to white (Bradford)."""
    white, wanted = (BRADFORD @ xyz(points[0], points[1]) for points in (source, target))
    adapted = np.linalg.inv(BRADFORD) @ np.diag(wanted / white) @ BRADFORD
    return np.asarray(np.linalg.inv(to_xyz(target)) @ adapted @ to_xyz(source), np.float32)


def to_xyz(points: Points) -> NDArray[np.float64]:
    """The 3×3 matrix from linear RGB to XYZ. Raises numpy.linalg.LinAlgError for primaries on one line."""
    columns = np.stack([np.array([x, y, 1 - x - y]) for x, y in (points[2:4], points[4:6], points[6:8])], 1)
    return np.asarray(columns * np.linalg.solve(columns, xyz(points[0], points[1])))


def xyz(x: float, y: float) -> NDArray[np.float64]:
    return np.array([x / y, 1.0, (1 - x - y) / y])


def sane(points: Points) -> bool:
    """Do the points span a triangle with its white inside?"""
    if points[1] <= 0:
        return False
    try:
        matrix = to_xyz(points)
    except np.linalg.LinAlgError:
        return False
    return bool(np.isfinite(matrix).all() and matrix.sum(0).min() > 0)


def tagged(profile: bytes) -> Encoding | None:
    """What an ICC profile's `cicp` tag says (ICC.1:2022, 9.2.17), where that is PQ or HLG: what no matrix can say."""
    for at in range(132, min(len(profile), 132 + 12 * 100) - 11, 12):
        if profile[at : at + 4] == b"cicp":
            start = int.from_bytes(profile[at + 4 : at + 8], "big")
            tag = profile[start : start + 12]
            if len(tag) == 12 and tag[9] in (PQ, HLG):
                return cicp(tag[8], tag[9], bool(tag[11]))
    return None
