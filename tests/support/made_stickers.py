"""Stickers and packs made by tests, valid ones and broken ones."""

import io
import random
import struct
import zipfile

from PIL import Image, ImageDraw


def dot(size=(512, 512), colour="red") -> Image.Image:
    picture = Image.new("RGBA", size)
    ImageDraw.Draw(picture).ellipse((size[0] // 4, size[1] // 4, 3 * size[0] // 4, 3 * size[1] // 4), fill=colour)
    return picture


def noisy(size=(512, 512), seed=0) -> Image.Image:
    """A picture that hardly compresses."""
    return Image.frombytes("RGBA", size, random.Random(seed).randbytes(4 * size[0] * size[1]))


def saved(picture: Image.Image, kind="WEBP", **options) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def moving(count=4, ms=100, size=(512, 512), kind="WEBP", **options) -> bytes:
    frames = [dot(size, (10 * i, 200, 90)) for i in range(count)]
    for corner in ((0, 0), (size[0] - 1, size[1] - 1)):  # so that the first frame is written whole
        frames[0].putpixel(corner, (255, 255, 255, 1))
    return saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=ms, **options)


def padded_webp(length: int) -> bytes:
    """A valid extended WebP of exactly `length` bytes: an unknown chunk fills it up, as the container allows."""
    plain = saved(dot(), exif=b"")
    body = plain[12:]
    if body[:4] != b"VP8X":
        body = b"VP8X" + struct.pack("<I", 10) + bytes([0x10, 0, 0, 0]) + (511).to_bytes(3, "little") * 2 + body
    room = length - 12 - len(body) - 8
    assert room >= 0
    assert room % 2 == 0
    body += b"FILL" + struct.pack("<I", room) + bytes(room)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def zipped(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return out.getvalue()


def wastickers(count=3, **parts: bytes) -> dict[str, bytes]:
    """The parts of a valid pack of that many stickers."""
    stickers = {f"{number:02}.webp": saved(dot(colour=(number, 90, 200))) for number in range(count)}
    cover = saved(dot((96, 96)), "PNG")
    return {"title.txt": b"Dots", "author.txt": b"Ada", "cover.png": cover} | stickers | parts
