"""Which format a file has by its first bytes, and what its structure says."""

from __future__ import annotations

import io

from PIL import Image

from stickersnap.validate import png, webm, webp
from stickersnap.validate.findings import Finding
from stickersnap.validate.inspected import Frame, Inspected, UnreadableError

PILLOW = "pillow.readthedocs.io, image file formats"
PIXELS = 40_000_000


def inspect(data: bytes) -> Inspected:
    """The structure of a WebP, PNG, APNG, GIF, JPEG or WebM file. Raises UnreadableError."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return webp.inspect(data)
    if data.startswith(png.SIGNATURE):
        return png.inspect(data)
    if data.startswith(webm.SIGNATURE):
        return webm.inspect(data)
    if data[:6] in (b"GIF87a", b"GIF89a") or data.startswith(b"\xff\xd8\xff"):
        return _by_pillow(data)
    what = "It is empty." if not data else f"It begins with {data[:8].hex(' ')}, which is no picture known here."
    mend = "Send WebP, PNG, APNG, GIF, JPEG or WebM."
    raise UnreadableError(Finding("format", what, mend, "StickerSnap", byte=0))


def _by_pillow(data: bytes) -> Inspected:
    try:
        with Image.open(io.BytesIO(data), formats=("GIF", "JPEG")) as image:
            frames = []
            for number in range(getattr(image, "n_frames", 1)):
                image.seek(number)
                frames.append(Frame(image.info.get("duration", 0), 0, 0, *image.size, byte=0, chunk="frame"))
            kind = str(image.format).lower()
            moving = len(frames) > 1
            shown = frames if moving else []
            return Inspected(kind, *image.size, frames=shown, moving=moving, ms=sum(f.ms for f in shown))
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise UnreadableError(
            Finding("structure", f"It cannot be read: {error}.", "Take the whole file.", PILLOW)
        ) from error


def undecodable(data: bytes, found: Inspected) -> Finding | None:
    """What decoding its pixels met; None where all of them came. WebM is not decoded here."""
    if found.format == "webm":
        return None
    if found.width * found.height * max(1, len(found.frames)) > PIXELS * 10:
        detail = f"{found.width}×{found.height} pixels in {max(1, len(found.frames)):,} frames are too many to look at."
        return Finding("pixels", detail, "Make it smaller.", "StickerSnap")
    number = 0
    try:
        with Image.open(io.BytesIO(data), formats=(found.format.upper().replace("APNG", "PNG"),)) as image:
            for number in range(getattr(image, "n_frames", 1)):
                image.seek(number)
                image.load()
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError, Image.DecompressionBombError) as error:
        frame = number + 1 if found.moving else None
        detail = f"Its pixels cannot be decoded: {error}."
        return Finding("pixels", detail, "Write it again from the original.", PILLOW, frame=frame)
    return None
