"""A PNG's chunks (W3C, third edition): those that make its pixels are kept, what they mean is read, the rest goes.

So a wrong checksum in a text, or a chunk of the wrong length, costs nobody their picture: browsers pass over it, too.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from segmentation.picture import structure
from segmentation.picture.colour import BT709, Encoding, Meaning, cicp, finest, readable, sane
from segmentation.picture.formats import PNG, damaged, unknown_format

NEEDED = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
BEFORE_PIXELS = (b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"tRNS")
MAX_PROFILE = 20 * 1024 * 1024
MAX_MENDED = 64 * 1024 * 1024
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
TWICE = {GREY: GREY_ALPHA, GREY_ALPHA: RGBA}  # the types that have twice as many samples
SRGB_GAMMA = 45_455  # what files with sRGB's curve say for programs that know exponents alone


@dataclass(frozen=True)
class Png:
    """A PNG: `data` is the file with its needed chunks alone, `said` the others that count, without a repetition.

    `sound`: the chunks of its pixels have the right checksums.
    """

    data: bytes
    depth: int
    kind: int
    said: dict[bytes, bytes]
    sound: bool

    @property
    def meaning(self) -> Meaning:
        """Its colours by cICP, iCCP, sRGB, or gAMA and cHRM: the first that can be read (4.3)."""
        own = self.said.get(b"cICP", b"")
        if len(own) == 4 and own[2] == 0 and (found := cicp(own[0], own[1], bool(own[3]))):
            return found
        if readable(profile := unpacked(self.said.get(b"iCCP", b""))):
            return profile
        if b"sRGB" in self.said:
            return None
        return by_gamma(self.said.get(b"gAMA", b""), self.said.get(b"cHRM", b""))

    @property
    def clear(self) -> tuple[int, ...] | None:
        """The one transparent colour, at the file's own depth: one value for grey, three for RGB."""
        channels = {GREY: 1, RGB: 3}.get(self.kind, 0)
        told = self.said.get(b"tRNS", b"")
        if not channels or len(told) < 2 * channels:
            return None
        return tuple(value & ((1 << self.depth) - 1) for value in struct.unpack(f">{channels}H", told[: 2 * channels]))


def chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """(name, start, end) of each chunk's contents, up to IEND; the last may end early."""
    at = len(PNG)
    while at + 8 <= len(data):
        name, start = data[at + 4 : at + 8], at + 8
        end = start + int.from_bytes(data[at : at + 4], "big")
        yield name, start, min(end, len(data))
        if name == b"IEND":
            return
        at = end + 4


def read(data: bytes) -> Png:
    """Raises UnknownFormatError for one that has parts nobody here knows, and can't be read without them.

    TruncatedImageError for one without a header.
    """
    view, pixels = memoryview(data), []
    said: dict[bytes, bytes] = {}
    head, palette, sound = b"", b"", True
    for name, start, end in chunks(data):
        whole = int.from_bytes(data[end : end + 4], "big") == zlib.crc32(view[start - 4 : end])
        if name == b"IDAT":
            pixels.append(view[start:end])
            sound &= whole
        elif name == b"IHDR" and not head:
            head = data[start - 8 : end + 4]
        elif name == b"PLTE" and not palette:
            palette = data[start - 8 : end + 4]
        elif name not in NEEDED and not name[:1].islower():
            raise unknown_format(
                "a PNG as iOS apps hold it" if name == b"CgBI" else "a PNG with parts of an unknown kind"
            )
        elif whole and (name == b"eXIf" or (name in BEFORE_PIXELS and not pixels)):
            said.setdefault(name, data[start:end])
    if len(head) != 25:
        raise damaged()
    kept = [PNG, head, palette]
    if head[17] == PALETTE and b"tRNS" in said:
        kept.append(chunk(b"tRNS", said[b"tRNS"][:256]))
    if b"eXIf" in said:
        kept.append(chunk(b"eXIf", said[b"eXIf"]))
    kept += [chunk(b"IDAT", b"".join(pixels)), chunk(b"IEND", b"")]
    return Png(b"".join(kept), head[16], head[17], said, sound)


def chunk(name: bytes, body: bytes) -> bytes:
    return b"".join([struct.pack(">I", len(body)), name, body, struct.pack(">I", zlib.crc32(body, zlib.crc32(name)))])


def unpacked(body: bytes) -> bytes:
    """The profile in an iCCP chunk; nothing where it is damaged or unpacks to more than anything is."""
    _, separator, rest = body[:81].partition(b"\0")
    if not separator or rest[:1] != b"\0":
        return b""
    unpacker = zlib.decompressobj()
    try:
        profile = unpacker.decompress(body[body.index(b"\0") + 2 :], MAX_PROFILE)
    except zlib.error:
        return b""
    return profile if unpacker.eof else b""


def by_gamma(gamma: bytes, primaries: bytes) -> Encoding | None:
    """What gAMA and cHRM say; None for sRGB, and where they say nothing that can be."""
    value = int.from_bytes(gamma, "big") if len(gamma) == 4 else 0
    if not 1_000 <= value <= 10_000_000:
        return None
    points = tuple(each / 100_000 for each in struct.unpack(">8I", primaries)) if len(primaries) == 32 else BT709
    if len(points) != 8 or not sane(points):
        points = BT709
    if value == SRGB_GAMMA and np.allclose(points, BT709, atol=0.0005):
        return None
    return Encoding(points, 100_000 / value)


def mended(png: Png) -> Png:
    """The file with its pixels packed anew, which gets over a wrong sum of theirs alone. Raises ValueError otherwise.

    The pixels are in memory here: a file of more than MAX_MENDED bytes of them stays damaged.
    """
    if not png.sound:
        raise ValueError("The pixels are damaged.")
    places = {name: (start, end) for name, start, end in chunks(png.data)}
    start, end = places[b"IDAT"]
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        pixels = unpacker.decompress(png.data[start + 2 : end], MAX_MENDED)
    except zlib.error as error:
        raise ValueError("The pixels are damaged.") from error
    if not unpacker.eof:
        raise ValueError("The pixels end early, or are too many.")
    packed = chunk(b"IDAT", zlib.compress(pixels, 1)) + chunk(b"IEND", b"")
    return replace(png, data=png.data[: start - 8] + packed)


@dataclass(frozen=True)
class Samples:
    """A PNG's samples: 8-bit "L" or "RGB", with `low` for the lower bytes of 16-bit ones; alpha "L" or None."""

    colour: Image.Image
    low: Image.Image | None = None
    alpha: Image.Image | None = None


def decoded(png: Png, image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """All of a PNG's bytes, as `samples` takes them: the picture's 8 bits, or the upper and the lower ones of its 16.

    `image` is the file as Pillow opened it, which leaves the lower ones out. Filters know bytes alone, so 16-bit grey
    is read as 8-bit samples, twice as many; that of grey alone comes apart at once, in half of the memory. Raises
    TruncatedImageError where rows are missing, and one of DAMAGE.
    """
    if png.depth == 16 and png.kind in TWICE:
        header = png.data[16:24] + bytes([8, TWICE[png.kind]]) + png.data[26:29]
        both = _loaded(png, _opened(PNG + chunk(b"IHDR", header) + png.data[33:]))
        return (both.getchannel(0), both.getchannel(1)) if png.kind == GREY else (both, None)
    upper = _loaded(png, image)
    return upper, _opened(png.data, f"{image.mode};16L") if png.depth == 16 else None


def _loaded(png: Png, image: Image.Image) -> Image.Image:
    image.load()
    if structure.rows_missing(png.data, image):
        raise damaged()
    return image


def _opened(data: bytes, rawmode: str = "") -> Image.Image:
    image = Image.open(structure.Hurried(data, structure.DECODE_SECONDS), formats=["PNG"])
    if rawmode:
        image.tile = [image.tile[0]._replace(args=rawmode)]
        image.load()
    return image


def samples(png: Png, upper: Image.Image, lower: Image.Image | None) -> Samples:
    """The samples in (a part of) what `decoded` answered."""
    if png.depth == 16 and png.kind == GREY:
        return with_clear(png, Samples(upper, lower))
    if png.depth == 16 and png.kind == GREY_ALPHA:
        bytes_of = upper.split()
        return Samples(bytes_of[0], bytes_of[1], finest(bytes_of[2], bytes_of[3]))
    if lower is not None:
        alpha = finest(upper.getchannel("A"), lower.getchannel("A")) if png.kind == RGBA else None
        return with_clear(png, Samples(upper.convert("RGB"), lower.convert("RGB"), alpha))
    if png.kind in (GREY_ALPHA, RGBA) or "transparency" in upper.info:
        rgba = upper.convert("RGBA")
        colour = upper.getchannel("L") if upper.mode == "LA" else rgba.convert("RGB")
        return Samples(colour, alpha=rgba.getchannel("A"))
    return with_clear(png, Samples(upper.convert("L" if png.kind == GREY else "RGB")))


def with_clear(png: Png, found: Samples) -> Samples:
    """The samples with an alpha of 0 where they are the one transparent colour, if there is one."""
    if png.clear is None:
        return found
    scale = 255 // ((1 << png.depth) - 1) if png.depth < 8 else 1
    values: NDArray[np.uint16] = np.asarray(found.colour).astype(np.uint16)
    if found.low is not None:
        values = values * 256 + np.asarray(found.low)
    values = values.reshape(*values.shape[:2], -1)
    seen = (values != np.array(png.clear, np.uint16) * scale).any(-1)
    return Samples(found.colour, found.low, Image.fromarray(seen.astype(np.uint8) * 255))
