"""PNG and APNG by their chunks (W3C, Portable Network Graphics, third edition)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from stickersnap.validate.findings import PNG, Finding
from stickersnap.validate.inspected import Frame, Inspected, UnreadableError

SIGNATURE = b"\x89PNG\r\n\x1a\n"
AGAIN = "Write it again: --fix does."
MOST_CHUNKS = 20_000


def inspect(data: bytes) -> Inspected:
    """Reads the structure. Raises UnreadableError where there is no header."""
    problems: list[Finding] = []
    names: list[str] = []
    frames: list[Frame] = []
    announced: int | None = None
    size: tuple[int, int] | None = None
    for name, byte, body in _chunks(data, problems):
        names.append(name)
        if len(names) > MOST_CHUNKS:
            raise UnreadableError(_broken(f"It has over {MOST_CHUNKS:,} chunks.", name, byte))
        if name == "IHDR" and size is None and len(body) >= 8:
            size = int.from_bytes(body[:4]), int.from_bytes(body[4:8])
        elif name == "acTL" and len(body) >= 4:
            announced = int.from_bytes(body[:4])
        elif name == "fcTL" and len(body) >= 24:
            frames.append(_frame(body, byte))
    if size is None or names[0] != "IHDR":
        raise UnreadableError(_broken("It does not begin with its header.", "IHDR", 8))
    if names[-1] != "IEND":
        problems.append(Finding("structure", "It is cut short.", "Take the whole file.", PNG, byte=len(data)))
    if announced is not None and announced != len(frames):
        detail = f"{announced} frames are announced, {len(frames)} are there."
        problems.append(Finding("structure", detail, AGAIN, PNG, chunk="acTL"))
    moving = announced is not None and len(frames) > 1
    return Inspected(
        "apng" if announced is not None else "png",
        *size,
        frames=frames,
        moving=moving,
        ms=sum(frame.ms for frame in frames),
        chunks=names,
        size_at=("IHDR", 8),
        problems=problems,
    )


def _chunks(data: bytes, problems: list[Finding]) -> Iterator[tuple[str, int, bytes]]:
    at = len(SIGNATURE)
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4])
        name = data[at + 4 : at + 8].decode("latin-1")
        body = data[at + 8 : at + 8 + size]
        if at + 12 + size > len(data):
            problems.append(_broken(f"The chunk claims {size:,} bytes, {len(body):,} are there.", name, at))
        elif zlib.crc32(data[at + 4 : at + 8 + size]) != int.from_bytes(data[at + 8 + size : at + 12 + size]):
            problems.append(_broken("The chunk's checksum is wrong.", name, at))
        yield name, at, body
        at += 12 + size
        if name == "IEND":
            break
    if at < len(data):
        problems.append(Finding("structure", f"{len(data) - at:,} bytes follow its end.", AGAIN, PNG, byte=at))


def _frame(body: bytes, byte: int) -> Frame:
    width, height, x, y = (int.from_bytes(body[i : i + 4]) for i in (4, 8, 12, 16))
    counter, denominator = int.from_bytes(body[20:22]), int.from_bytes(body[22:24]) or 100
    return Frame(1000 * counter / denominator, x, y, width, height, byte, "fcTL")


def _broken(detail: str, name: str, byte: int) -> Finding:
    return Finding("structure", detail, AGAIN, PNG, chunk=name, byte=byte)
