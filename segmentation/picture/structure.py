"""What a picture's file is made of, looked at in one pass over its bytes before anything decodes it.

Decoders spend time for each part of a file, however small, and memory for each pixel that a header names. A file that
no camera and no program writes (millions of empty chunks, 49 megapixels in five kilobytes) is refused here.
"""

from __future__ import annotations

import io
import random
import re
import struct
import time
import zlib
from collections.abc import Iterator
from itertools import islice

from PIL import Image

MAX_PARTS = 10_000
"""Segments, chunks, blocks or boxes. 20 MB of PNG in the smallest pieces that libpng writes by itself are 2,500."""
MAX_STRAY = 65_536
"""Bytes that lie between a JPEG's segments and mean nothing."""
MAX_SCANS = 100
MAX_SCANNED = 1_000_000_000
"""Scans × pixels: ten scans, as programs make them, of twice the largest picture that is taken."""
LARGE = 16_000_000
MAX_PIXELS_PER_BYTE = 65_536
"""For pictures over LARGE pixels. An empty drawing has about 1,000 as a PNG, 40,000 as an AVIF."""
JPEG_PIXELS_PER_BYTE = 512
"""Huffman's codes have at least a bit for each block of 64 pixels."""
DECODE_SECONDS = 60.0

GREY = {127, 128}  # what a JPEG's decoder shows where there are no data
NOISE = random.Random(0).randbytes(4_096).replace(b"\xff", b"\x7f")
NOISE += b"".join(bytes((0xFF, 0xD0 + at % 8)) + NOISE[64 * at : 64 * at + 64] for at in range(64))  # and restarts
HUFFMAN = (0xC0, 0xC1, 0xC2)
FRAMES = (*HUFFMAN, 0xC3, *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))
PROGRESSIVE = (0xC2, 0xCA)
RARE = {0xC3: "lossless", 0xCB: "lossless", **dict.fromkeys((0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF), "hierarchical")}
SCAN, END = 0xDA, 0xD9
APPLICATIONS = (*range(0xE0, 0xF0), 0xFE)
ALONE = (0x01, *range(0xD0, 0xD9))  # markers without a length
UNPACKED = 1 << 20
MARKER = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]", re.DOTALL)
TIFF = re.compile(rb"II\*\x00|MM\x00\*")
CONTAINERS = {b"meta": 4, b"iprp": 0, b"ipco": 0, b"iinf": 6, b"iref": 4, b"moov": 0, b"trak": 0, b"mdia": 0}
CONTAINERS |= {b"minf": 0, b"stbl": 0, b"dinf": 0, b"grpl": 0}

MANY = "The file is made of more parts than any photo: save it again with another program and send that."
SCANS = "The JPEG has too many scans to be a photo: save it again and send that."
EMPTY = "The file is too small for so many pixels, so most of the picture is missing: send the original."


class Hurried(io.BytesIO):
    """A file that is read until `seconds` have passed. After that reading raises TimeoutError."""

    def __init__(self, data: bytes, seconds: float) -> None:
        super().__init__(data)
        self.until = time.monotonic() + seconds

    def read(self, size: int | None = -1, /) -> bytes:
        if time.monotonic() > self.until:
            raise TimeoutError
        return super().read(size)


def bare(data: bytes) -> bytes:
    """A JPEG without what applications add, but for Exif, a profile, and Adobe's word on its colours if it is whole."""
    kept, offset = [data[:2]], 2
    while found := MARKER.search(data, offset):
        marker, start = data[found.end() - 1], found.end()
        if marker == SCAN or marker in ALONE:
            return b"".join([*kept, data[offset:]])
        offset = start + int.from_bytes(data[start : start + 2])
        content = data[start + 2 : offset]
        known = content.startswith((b"Exif\0\0", b"ICC_PROFILE\0")) or (content[:5] == b"Adobe" and len(content) >= 12)
        if known or marker not in APPLICATIONS:
            kept.append(data[found.end() - 2 : offset])
    return data


class Structure:
    """The parts of a file of this kind (jpeg, png, webp, gif, avif, heic), and what is wrong with them, as a sentence.

    Looks at MAX_PARTS at most: damage that costs nothing is left to the decoder.
    """

    def __init__(self, data: bytes, kind: str | None) -> None:
        self.data, self.kind = data, kind
        self.jpeg = Jpeg(data) if kind == "jpeg" else None
        self.walk = {"png": png_parts, "webp": webp_parts, "gif": gif_parts, "avif": boxes, "heic": boxes}.get(
            kind or ""
        )

    @property
    def rare(self) -> str:
        """What kind of JPEG this is, if one that hardly any program shows, as "a lossless JPEG"; else ""."""
        if self.jpeg is None or not self.jpeg.frame:
            return ""
        if self.jpeg.frame in RARE:
            return f"a {RARE[self.jpeg.frame]} JPEG"
        return "" if self.jpeg.depth == 8 else f"a {self.jpeg.depth}-bit JPEG"

    def flaw(self) -> str | None:
        """Are there too many?"""
        if self.jpeg:
            return self.jpeg.flaw()
        if self.kind == "avif" and any(heavy(self.data[at.start() :]) for at in islice(TIFF.finditer(self.data), 16)):
            return MANY
        return MANY if self.walk and any(islice(self.walk(self.data), MAX_PARTS, None)) else None

    def oversized(self, size: tuple[int, int]) -> str | None:
        """Does the header name a width and height (pixels) for which there are too few bytes, or too many scans?"""
        pixels = size[0] * size[1]
        if pixels > LARGE and pixels > len(self.data) * MAX_PIXELS_PER_BYTE:
            return EMPTY
        if self.jpeg is None:
            return None
        if self.jpeg.scans * pixels > MAX_SCANNED:
            return SCANS
        missing = pixels > len(self.data) * JPEG_PIXELS_PER_BYTE or not self.jpeg.complete()
        return EMPTY if self.jpeg.frame in HUFFMAN and missing else None

    def with_end(self) -> bytes:
        """The file; a JPEG of one scan without its end marker with that: `ends_early` says whether more is missing."""
        return self.data + b"\xff\xd9" if self.jpeg and self.jpeg.scans == 1 and not self.jpeg.ended else self.data

    def ends_early(self, image: Image.Image) -> bool:
        """Did the data of a JPEG, decoded as `image`, end before its pixels did, so that grey stands for the rest?

        Looked into where the last pixel is that grey: a whole picture stays as it is with noise behind its data.
        """
        if self.jpeg is None or self.jpeg.scans != 1:
            return False
        last = image.getpixel((image.width - 1, image.height - 1))
        if not set(last if isinstance(last, tuple) else (last,)) <= GREY:
            return False
        return means(self.data) != means(self.data[: self.jpeg.end] + NOISE + b"\xff\xd9")


def rows_missing(data: bytes, image: Image.Image) -> bool:
    """Do a PNG's data, decoded as `image`, end before its rows do, so that black stands for the rest?

    Looked into where the last row is all zeros: then the bytes that the data unpack to are counted.
    """
    if (
        len(data) < 33
        or data[28]
        or image.crop((0, image.height - 1, image.width, image.height)).getbbox(alpha_only=False)
    ):
        return False
    width, height, depth, kind = struct.unpack(">IIBB", data[16:26])
    row = 1 + (width * depth * {2: 3, 4: 2, 6: 4}.get(kind, 1) + 7) // 8
    unpack, size, offset = zlib.decompressobj(), 0, 8
    for name in png_parts(data):
        length = int.from_bytes(data[offset : offset + 4])
        packed = data[offset + 8 : offset + 8 + length] if name == b"IDAT" else b""
        offset += 12 + length
        while packed and size < row * height:
            size += len(unpack.decompress(packed, UNPACKED))
            packed = unpack.unconsumed_tail
    return size < row * height


def means(data: bytes) -> bytes:
    """A JPEG's pixels at an eighth of its size."""
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as image:
        image.draft(None, (1, 1))
        return image.tobytes()


class Jpeg:
    """The segments of a JPEG, up to its end: what follows that, a motion photo's film, is not its own.

    Attributes:
        parts, stray: how many segments, and how many bytes between them.
        scans: how many. end: where the data of the last one end. ended: whether a marker says so.
        frame: its start-of-frame marker, 0 without one. depth: bits of a sample.
    """

    def __init__(self, data: bytes) -> None:
        self.parts = self.stray = self.scans = self.frame = self.depth = self.resources = 0
        self.end, self.ended = len(data), False
        self.exif = b""
        self.components: set[int] = set()
        self.drawn: set[tuple[int, bool]] = set()  # component, and whether of its details (AC) or of its means (DC)
        self._walk(data)

    def flaw(self) -> str | None:
        if self.scans > MAX_SCANS:
            return SCANS
        if self.parts + self.resources > MAX_PARTS or self.stray > MAX_STRAY or heavy(self.exif):
            return MANY
        return None

    def complete(self) -> bool:
        """Is every component in some scan, and are there details of the first?"""
        means = {component for component, details in self.drawn if not details}
        return means >= self.components and any(details for _, details in self.drawn)

    def _walk(self, data: bytes) -> None:
        offset = 2
        while self.parts <= MAX_PARTS and self.stray <= MAX_STRAY and self.scans <= MAX_SCANS:
            found = MARKER.search(data, offset, len(data) if self.scans else offset + MAX_STRAY + 2)
            if found is None:
                self.stray += 0 if self.scans else len(data) - offset
                return
            if not self.scans:
                self.stray += found.start() - offset
            marker, offset = data[found.end() - 1], found.end()
            self.parts += 1
            if marker == END and self.scans:
                self.end, self.ended = found.start(), True
                return
            if marker not in (*ALONE, END):
                length = int.from_bytes(data[offset : offset + 2])
                self._note(marker, data[offset + 2 : offset + length])
                offset += length

    def _note(self, marker: int, content: bytes) -> None:
        if marker in FRAMES and not self.frame:
            self.frame, self.components = marker, set(content[6::3])
            self.depth = content[0] if content else 0
        elif marker == SCAN and content:
            self.scans += 1
            chosen, first = content[1 : 1 + 2 * content[0] : 2], content[1 + 2 * content[0] :][:1]
            details = (first > b"\0",) if self.frame in PROGRESSIVE else (False, True)
            self.drawn |= {(component, which) for component in chosen for which in details}
        elif marker == 0xE1 and content.startswith(b"Exif\0\0"):
            self.exif += content[6:] if self.exif else content
        elif marker == 0xED:
            self.resources += content.count(b"8BIM")


def heavy(exif: bytes) -> bool:
    """Do the entries of an Exif block name more data than there is, several of them the same? Readers copy each."""
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None or len(tiff) < 10:
        return False
    (start,) = struct.unpack_from(order + "L", tiff, 4)
    count = struct.unpack_from(order + "H", tiff, start)[0] if start + 2 <= len(tiff) else 0
    count = min(count, (len(tiff) - start - 2) // 12) if count else 0
    named = 0
    for index in range(count):
        kind, values = struct.unpack_from(order + "HL", tiff, start + 2 + 12 * index + 2)
        named += min(len(tiff), values * (8 if kind in (5, 10, 12) else 4 if kind in (4, 9, 11) else 1))
    return named > 4 * len(tiff) + MAX_STRAY


def png_parts(data: bytes) -> Iterator[bytes]:
    """The names of a PNG's chunks, up to its end."""
    offset = 8
    while offset + 8 <= len(data):
        yield (name := data[offset + 4 : offset + 8])
        if name == b"IEND":
            return
        offset += 12 + int.from_bytes(data[offset : offset + 4])


def webp_parts(data: bytes) -> Iterator[bytes]:
    """The names of a WebP's chunks."""
    offset = 12
    while offset + 8 <= len(data):
        yield data[offset : offset + 4]
        length = int.from_bytes(data[offset + 4 : offset + 8], "little")
        offset += 8 + length + length % 2


def gif_parts(data: bytes) -> Iterator[bytes]:
    """What stands before a GIF's first frame: b"!" for an extension, b"." for a piece of it, b"?" for a stray byte."""
    flags = data[10] if len(data) > 10 else 0
    offset = 13 + (3 << (flags % 8) + 1 if flags & 0x80 else 0)
    while offset < len(data) and data[offset] not in b",;":
        extension = data[offset] == 0x21
        yield b"!" if extension else b"?"
        offset += 2 if extension else 1
        while extension and offset < len(data) and (length := data[offset]):
            yield b"."
            offset += 1 + length
        offset += extension


def boxes(data: bytes, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """The names of a HEIC's or AVIF's boxes and of those within them; one more for each item that a table names."""
    end = len(data) if end is None else end
    while start + 8 <= end:
        length, name = int.from_bytes(data[start : start + 4]), data[start + 4 : start + 8]
        head = 16 if length == 1 else 8
        if length == 1:
            length = int.from_bytes(data[start + 8 : start + 16])
        stop = min(end, start + length) if length else end
        yield name
        if name in (b"iloc", b"ipma"):
            yield from (name for _ in range(min(_named(data[start + head : start + head + 16], name), MAX_PARTS)))
        elif name in CONTAINERS:
            yield from boxes(data, start + head + CONTAINERS[name], stop)
        start = stop if stop >= start + head else end


def _named(content: bytes, name: bytes) -> int:
    """How many items a table of places (iloc) or of properties (ipma) says it has."""
    wide = name == b"ipma" or (content[:1] >= b"\x02")
    at = 4 if name == b"ipma" else 6
    return int.from_bytes(content[at : at + (4 if wide else 2)])
