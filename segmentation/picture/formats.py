"""Which format a file's first bytes announce, and what is said of those that aren't taken."""

from __future__ import annotations

import struct
import zlib

PNG = b"\x89PNG\r\n\x1a\n"
# What a damaged file makes Pillow's plugins raise, besides OSError.
DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    RuntimeError,
    IndexError,
    KeyError,
    TypeError,
    struct.error,
    zlib.error,
)


class PictureError(Exception):
    """The picture cannot be used. `code` names the reason, the message says what to do."""

    code = "not_an_image"


class EmptyUploadError(PictureError):
    code = "empty_upload"


class FileTooLargeError(PictureError):
    code = "file_too_large"


class TooManyPixelsError(PictureError):
    code = "too_many_pixels"


class UnknownFormatError(PictureError):
    code = "unknown_format"


class NotAnImageError(PictureError):
    code = "not_an_image"


class TruncatedImageError(PictureError):
    code = "truncated_image"


class TookTooLongError(PictureError):
    code = "took_too_long"


def sniff(data: bytes) -> str | None:
    """Which allowed format the first bytes announce; None for none. Raises UnknownFormatError for one not taken."""
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(PNG[: max(4, min(8, len(data)))]):
        return "png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[:4] == b"RIFF" and data[8:11] == b"AVI":
        raise unknown_format("a video")
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return "gif"
    if data[4:8] == b"ftyp":
        brands = data[8:64]
        if b"avif" in brands or b"avis" in brands:
            return "avif"
        if any(b in brands for b in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")):
            return "heic"
        raise unknown_format("a video or an unknown container")
    for magic, name in OTHER_FORMATS.items():
        if data.startswith(magic):
            raise unknown_format(name)
    if b"<svg" in data[:1024].lower():
        raise unknown_format("an SVG drawing")
    return None


OTHER_FORMATS = {
    b"II*\x00": "a TIFF or a camera's raw file",
    b"MM\x00*": "a TIFF or a camera's raw file",
    b"II+\x00": "a TIFF",
    b"MM\x00+": "a TIFF",
    b"IIRO": "a camera's raw file",
    b"IIU\x00": "a camera's raw file",
    b"FUJIFILMCCD-RAW": "a camera's raw file",
    b"FOVb": "a camera's raw file",
    b"II\xbc\x01": "a JPEG XR",
    b"BM": "a BMP",
    b"\x00\x00\x01\x00": "an ICO",
    b"8BPS": "a Photoshop file",
    b"gimp xcf": "a GIMP file",
    b"qoif": "a QOI",
    b"DDS ": "a texture",
    b"%PDF": "a PDF",
    b"%!PS": "PostScript",
    b"\xc5\xd0\xd3\xc6": "PostScript",
    b"\x1a\x45\xdf\xa3": "a video",
    b"\xff\x0a": "a JPEG XL",
    b"\x00\x00\x00\x0cJXL ": "a JPEG XL",
    b"\x00\x00\x00\x0cjP  ": "a JPEG 2000",
    b"\xff\x4f\xff\x51": "a JPEG 2000",
}


def unknown_format(name: str) -> UnknownFormatError:
    return UnknownFormatError(f"This is {name}: send a JPEG, PNG, WebP, HEIC, AVIF or GIF.")


def damaged(rare: str = "") -> PictureError:
    """Why a picture can't be read: one of a `rare` kind, as "a lossless JPEG", is called so, not damaged."""
    if rare:
        return UnknownFormatError(f"This is {rare}, which hardly any program shows: save it as an ordinary one.")
    return TruncatedImageError("The photo is damaged or cut short: send the original again.")


def took_too_long() -> TookTooLongError:
    return TookTooLongError("Reading the photo takes too long: save it again, or smaller, and send that.")
