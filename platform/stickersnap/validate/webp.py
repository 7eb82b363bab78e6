"""WebP by its RIFF chunks (developers.google.com/speed/webp/docs/riff_container)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stickersnap.validate.findings import WEBP, Finding
from stickersnap.validate.inspected import Frame, Inspected, UnreadableError

ANIMATED = 0x02
MOST_CHUNKS = 10_000
AGAIN = "Write it again with libwebp: --fix does."


@dataclass(frozen=True)
class Chunk:
    """A chunk's four letters, where it begins, and its payload."""

    name: str
    byte: int
    data: bytes


def inspect(data: bytes) -> Inspected:
    """Reads the structure. Raises UnreadableError where there is not even a size."""
    problems: list[Finding] = list(_riff_size(data))
    chunks: list[Chunk] = []
    for chunk in _chunks(data, 12, min(len(data), _declared(data)), problems):
        chunks.append(chunk)
        if len(chunks) > MOST_CHUNKS:
            raise UnreadableError(_broken(f"It has over {MOST_CHUNKS:,} chunks.", chunk))
    if not chunks:
        raise UnreadableError(_broken("It ends before its first chunk.", Chunk("RIFF", 0, b"")))
    first = chunks[0]
    names = [chunk.name for chunk in chunks]
    frames = [frame for chunk in chunks if chunk.name == "ANMF" for frame in _frame(chunk, problems)]
    if first.name == "VP8X":
        return _extended(first, chunks, frames, problems)
    size = _size(first)
    if size is None:
        raise UnreadableError(_broken(f"It begins with {first.name.strip()!r}, which is no picture.", first))
    if len(chunks) > 1:
        detail = f"A simple file holds one chunk; {chunks[1].name.strip()} follows."
        problems.append(_broken(detail, chunks[1]))
    return Inspected("webp", *size, chunks=names, size_at=(first.name, first.byte), problems=problems)


def _extended(first: Chunk, chunks: list[Chunk], frames: list[Frame], problems: list[Finding]) -> Inspected:
    if len(first.data) < 10:
        raise UnreadableError(_broken("Its header is cut short.", first))
    width = int.from_bytes(first.data[4:7], "little") + 1
    height = int.from_bytes(first.data[7:10], "little") + 1
    flagged = bool(first.data[0] & ANIMATED)
    if flagged != bool(frames):
        said, has = ("moving", "no frame") if flagged else ("still", f"{len(frames)} frames")
        problems.append(_broken(f"Its header says {said}, and it has {has}.", first))
    for number, frame in enumerate(frames, 1):
        if frame.x + frame.width > width or frame.y + frame.height > height:
            detail = f"The frame reaches beyond the canvas of {width}×{height} pixels."
            problems.append(Finding("structure", detail, AGAIN, WEBP, frame=number, chunk="ANMF", byte=frame.byte))
    images = [chunk for chunk in chunks if chunk.name in ("VP8 ", "VP8L")]
    if not frames and len(images) != 1:
        problems.append(_broken(f"It holds {len(images)} pictures instead of one.", first))
    if not frames and images and _size(images[0]) != (width, height):
        problems.append(_broken(f"Its picture has another size than its canvas of {width}×{height}.", images[0]))
    return Inspected(
        "webp",
        width,
        height,
        frames=frames,
        moving=len(frames) > 1,
        ms=sum(frame.ms for frame in frames),
        chunks=[chunk.name for chunk in chunks],
        size_at=("VP8X", first.byte),
        problems=problems,
    )


def _declared(data: bytes) -> int:
    return int.from_bytes(data[4:8], "little") + 8


def _riff_size(data: bytes) -> Iterator[Finding]:
    if (declared := _declared(data)) != len(data):
        if declared < len(data):
            detail = f"{len(data) - declared:,} bytes follow its end; WhatsApp calls such a file corrupted."
            yield Finding("structure", detail, AGAIN, f"{WEBP}; WhatsApp/stickers #606", chunk="RIFF", byte=declared)
        else:
            detail = f"It is cut short: {declared:,} bytes are announced, {len(data):,} are there."
            yield Finding("structure", detail, "Take the whole file.", WEBP, chunk="RIFF", byte=len(data))


def _chunks(data: bytes, start: int, end: int, problems: list[Finding]) -> Iterator[Chunk]:
    at = start
    while at + 8 <= end:
        name = data[at : at + 4].decode("latin-1")
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        if at + 8 + size > end:
            problems.append(
                _broken(f"The chunk claims {size:,} bytes, {end - at - 8:,} are there.", Chunk(name, at, b""))
            )
        yield Chunk(name, at, data[at + 8 : min(at + 8 + size, end)])
        at += 8 + size + size % 2


def _frame(chunk: Chunk, problems: list[Finding]) -> Iterator[Frame]:
    if len(chunk.data) < 16:
        problems.append(_broken("The frame's header is cut short.", chunk))
        return
    x, y, width, height, ms = (int.from_bytes(chunk.data[i : i + 3], "little") for i in range(0, 15, 3))
    frame = Frame(ms, 2 * x, 2 * y, width + 1, height + 1, chunk.byte, "ANMF")
    inner = [c for c in _chunks(chunk.data, 16, len(chunk.data), []) if c.name in ("VP8 ", "VP8L")]
    if len(inner) != 1:
        problems.append(_broken(f"The frame holds {len(inner)} pictures instead of one.", chunk))
    elif _size(inner[0]) != (frame.width, frame.height):
        problems.append(_broken("The frame's picture has another size than the frame.", chunk))
    yield frame


def _size(chunk: Chunk) -> tuple[int, int] | None:
    """Width and height of a bitstream, None where it is none."""
    data = chunk.data
    if chunk.name == "VP8 " and len(data) >= 10 and data[3:6] == b"\x9d\x01\x2a":
        return int.from_bytes(data[6:8], "little") & 0x3FFF, int.from_bytes(data[8:10], "little") & 0x3FFF
    if chunk.name == "VP8L" and len(data) >= 5 and data[0] == 0x2F:
        bits = int.from_bytes(data[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return None


def _broken(detail: str, chunk: Chunk) -> Finding:
    return Finding("structure", detail, AGAIN, WEBP, chunk=chunk.name, byte=chunk.byte)
