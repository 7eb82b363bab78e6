"""WebM as far as a messenger looks: codec, size, length, frames a second (Matroska's EBML elements)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from stickersnap.validate.findings import EBML, Finding
from stickersnap.validate.inspected import Frame, Inspected, UnreadableError

SIGNATURE = b"\x1a\x45\xdf\xa3"
MASTERS = {0x18538067, 0x1549A966, 0x1654AE6B, 0xAE, 0xE0, 0x1F43B675, 0xA0}
TIMESTAMP_SCALE, DURATION, CODEC, TRACK_TYPE = 0x2AD7B1, 0x4489, 0x86, 0x83
WIDTH, HEIGHT, ALPHA, CLUSTER_TIME, SIMPLE_BLOCK, BLOCK = 0xB0, 0xBA, 0x53C0, 0xE7, 0xA3, 0xA1
AGAIN = "Encode it again as VP9 with alpha and without sound."


def inspect(data: bytes) -> Inspected:
    """Reads the elements. Raises UnreadableError where no video is found."""
    found: dict[int, tuple[bytes, int]] = {}
    times: list[tuple[int, int]] = []
    codecs: list[tuple[str, int]] = []
    cluster = 0
    for element, byte, body in _elements(data, 0, len(data)):
        if element == CODEC:
            codecs.append((body.decode("latin-1").rstrip("\0"), byte))
        elif element == CLUSTER_TIME:
            cluster = int.from_bytes(body)
        elif element in (SIMPLE_BLOCK, BLOCK) and len(body) > 4:
            times.append((cluster + int.from_bytes(body[1:3], signed=True), byte))
        else:
            found.setdefault(element, (body, byte))
    if WIDTH not in found or HEIGHT not in found:
        raise UnreadableError(Finding("structure", "There is no video in this WebM.", AGAIN, EBML, byte=0))
    width, height = int.from_bytes(found[WIDTH][0]), int.from_bytes(found[HEIGHT][0])
    scale = int.from_bytes(found.get(TIMESTAMP_SCALE, (b"\x0f\x42\x40", 0))[0]) / 1e6
    starts = sorted(time * scale for time, _ in times)
    total = _float(found[DURATION][0]) * scale if DURATION in found else (starts[-1] if starts else 0)
    ends = [*starts[1:], max(total, starts[-1])] if starts else []
    frames = [
        Frame(end - start, 0, 0, width, height, byte, "SimpleBlock")
        for (start, end), (_, byte) in zip(zip(starts, ends, strict=True), times, strict=True)
    ]
    problems = [*_cut_short(data), *_codec_problems(codecs, found)]
    return Inspected(
        "webm", width, height, frames, True, total, size_at=("PixelWidth", found[WIDTH][1]), problems=problems
    )


def _cut_short(data: bytes) -> Iterator[Finding]:
    """Whether the outermost elements reach beyond the end of the file."""
    at = 0
    while at < len(data):
        _, size_at = _number(data, at)
        size, body_at = _number(data, size_at)
        if body_at > len(data):
            yield Finding("structure", "It is cut short.", "Take the whole file.", EBML, byte=len(data))
            return
        if size == (1 << 7 * (body_at - size_at)) - 1:  # of unknown length: up to the end
            return
        at = body_at + size
    if at > len(data):
        detail = f"It is cut short: {at:,} bytes are announced, {len(data):,} are there."
        yield Finding("structure", detail, "Take the whole file.", EBML, byte=len(data))


def _codec_problems(codecs: list[tuple[str, int]], found: dict[int, tuple[bytes, int]]) -> Iterator[Finding]:
    for codec, byte in codecs:
        if codec != "V_VP9":
            what = "There is sound" if codec.startswith("A_") else "The video is not VP9"
            yield Finding("codec", f"{what} ({codec}).", AGAIN, EBML, chunk="CodecID", byte=byte)
    if not found.get(ALPHA, (b"", 0))[0].strip(b"\0"):
        detail = "The video has no transparency."
        yield Finding("alpha", detail, AGAIN, EBML, chunk="AlphaMode", refused=False)


def _elements(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, bytes]]:
    """Every element that is no master, depth first: its id, where it begins, its body."""
    while at < end:
        element, size_at = _number(data, at, keep_marker=True)
        size, body_at = _number(data, size_at)
        if body_at > end or element == 0:
            return
        unknown = size == (1 << 7 * (body_at - size_at)) - 1
        stop = end if unknown else min(body_at + size, end)
        if element in MASTERS:
            yield from _elements(data, body_at, stop)
        else:
            yield element, at, data[body_at:stop]
        at = stop


def _length(first: int) -> int:
    return 9 - first.bit_length() if first else 9


def _number(data: bytes, at: int, *, keep_marker: bool = False) -> tuple[int, int]:
    """An EBML number and where it ends; 0 at the end of the data."""
    if at >= len(data) or data[at] == 0:
        return 0, len(data) + 1
    length = _length(data[at])
    value = int.from_bytes(data[at : at + length])
    return (value if keep_marker else value & ((1 << 7 * length) - 1)), at + length


def _float(body: bytes) -> float:
    return float(struct.unpack(">f" if len(body) == 4 else ">d", body)[0]) if len(body) in (4, 8) else 0.0
