"""Uploaded bytes to pixels: limits from the header first, then decoding, orientation, colours, transparency."""

from __future__ import annotations

import functools
import io
import struct
import warnings
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, JpegImagePlugin, UnidentifiedImageError

from segmentation import structure

MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 50_000_000
MAX_SIDE = 16_384
BAND_PIXELS = 4_000_000
SMALL = 512
MAX_PROFILE_BYTES = 4 * 1024 * 1024
ORIENTATION = 0x0112
HALVED = 2  # Pillow's number for 4:2:0
Z_RLE = 3  # zlib's strategy, which Python's zlib does not name

PNG = b"\x89PNG\r\n\x1a\n"
FORMATS = {"JPEG": "jpeg", "MPO": "jpeg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "AVIF": "avif", "HEIF": "heic"}
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS = (5, 6, 7, 8)
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


@dataclass(frozen=True)
class Picture:
    """A decoded picture: `lying` is 8-bit RGB, sRGB, what was transparent composited on white, turned as in its file.

    `size` is the whole picture's (width, height), upright; `lying` has fewer pixels where no more were asked for.
    `halved`: its colours came at half the resolution both ways, as most cameras save them (4:2:0).
    """

    lying: Image.Image
    lossless: bool
    format: str
    size: tuple[int, int]
    halved: bool = False
    orientation: int = 1

    @functools.cached_property
    def image(self) -> Image.Image:
        """The picture upright."""
        return upright(self.lying, self.orientation)

    @functools.cached_property
    def rgb(self) -> NDArray[np.uint8]:
        """Its pixels, H×W×3 uint8: a copy, which takes as long as half the decoding."""
        return np.asarray(self.image)

    @functools.cached_property
    def small(self) -> NDArray[np.uint8]:
        """The picture as small as networks (256 or 320 pixels a side) and fingerprints need it, H×W×3 uint8."""
        return np.asarray(self.reduced(SMALL))

    def reduced(self, shorter: int) -> Image.Image:
        """The picture upright, averaged over squares of pixels: as small as leaves `shorter` on the shorter side."""
        factor = min(self.lying.size) // shorter
        return self.image if factor < 2 else upright(self.lying.reduce(factor), self.orientation)


def decode(data: bytes, shorter: int | None = None) -> Picture:
    """The picture in `data`: JPEG, PNG, WebP, HEIC, AVIF or the first frame of a GIF.

    Where `shorter` pixels on the shorter side are enough, a JPEG is decoded at the least of 1/8, 1/4 and 1/2 of its
    size that has them (libjpeg's scaled inverse DCT): a fifth of the time for 12 megapixels. Others come whole.

    Refuses by the header, before any pixel is decoded: over 20 MB, over 50 megapixels, a side over 16,384.
    Raises a PictureError with code empty_upload, file_too_large, too_many_pixels, unknown_format, not_an_image
    or truncated_image.
    """
    if not data:
        raise EmptyUploadError("The upload is empty: choose a photo and send it again.")
    if len(data) > MAX_BYTES:
        raise FileTooLargeError(f"The photo has {len(data) / 1e6:.0f} MB: send one of at most {MAX_BYTES >> 20} MB.")
    kind = sniff(data)
    if kind == "png" and len(data) >= 24:
        check_size(struct.unpack(">II", data[16:24]))
    parts = structure.Structure(data, kind)
    refuse(parts.flaw())
    with opened(data, kind) as image:
        check_size(image.size)
        refuse(parts.oversized(image.size))
        format_name, whole = FORMATS[image.format or "JPEG"], image.size
        try:
            halved = format_name == "jpeg" and JpegImagePlugin.get_sampling(image) == HALVED
            drafted = shorter is not None and image.draft(None, (shorter, shorter)) is not None
            image.load()
            check_size(image.size)
            if parts.ends_early(image):
                raise damaged()
            orientation = orientation_of(image)
            rgb = in_bands(image)
            rgb.info = {}  # what the upload said of itself is not saved with its pixels
        except PictureError:
            raise
        except TimeoutError as error:
            raise took_too_long() from error
        except DAMAGE as error:
            raise damaged() from error
        width, height = whole if drafted else rgb.size
        size = (height, width) if orientation in SIDEWAYS else (width, height)
        return Picture(rgb, is_lossless(format_name, data), format_name, size, halved, orientation)


def encode_jpeg(image: Image.Image, quality: int = 92, halved: bool = False) -> bytes:
    """An RGB picture as a JPEG without metadata, its colours at full resolution unless they came `halved` anyway."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality, subsampling=HALVED if halved else 0)
    return buffer.getvalue()


def encode_png(rgb: NDArray[np.uint8]) -> bytes:
    """H×W×3 (or ×4) uint8 as a PNG without metadata.

    Run lengths alone are as small for photographs as deflate's search (within 5 %), in half the time.
    """
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "PNG", compress_level=1, compress_type=Z_RLE)
    return buffer.getvalue()


def sniff(data: bytes) -> str | None:
    """Which allowed format the first bytes announce; None for none. Raises UnknownFormatError for one not taken."""
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if data.startswith(PNG[: max(4, min(8, len(data)))]):
        return "png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
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
    b"II*\x00": "a TIFF",
    b"MM\x00*": "a TIFF",
    b"II+\x00": "a TIFF",
    b"MM\x00+": "a TIFF",
    b"BM": "a BMP",
    b"\x00\x00\x01\x00": "an ICO",
    b"8BPS": "a Photoshop file",
    b"%PDF": "a PDF",
    b"%!PS": "PostScript",
    b"\xc5\xd0\xd3\xc6": "PostScript",
    b"\xff\x0a": "a JPEG XL",
    b"\x00\x00\x00\x0cJXL ": "a JPEG XL",
    b"\x00\x00\x00\x0cjP  ": "a JPEG 2000",
    b"\xff\x4f\xff\x51": "a JPEG 2000",
}


def unknown_format(name: str) -> UnknownFormatError:
    return UnknownFormatError(f"This is {name}: send a JPEG, PNG, WebP, HEIC, AVIF or GIF.")


def damaged() -> TruncatedImageError:
    return TruncatedImageError("The photo is damaged or cut short: send the original again.")


def took_too_long() -> TookTooLongError:
    return TookTooLongError("Reading the photo takes too long: save it again, or smaller, and send that.")


def refuse(sentence: str | None) -> None:
    """Raises TruncatedImageError where there is a sentence about what is wrong."""
    if sentence:
        raise TruncatedImageError(sentence)


def check_size(size: tuple[int, int]) -> None:
    """Raises TooManyPixelsError for a width and height (pixels) over the limits, TruncatedImageError for none."""
    width, height = size
    if width < 1 or height < 1:
        raise damaged()
    if width * height > MAX_PIXELS or max(size) > MAX_SIDE:
        raise TooManyPixelsError(
            f"The photo has {width}×{height} pixels: send at most {MAX_PIXELS // 1_000_000} megapixels, "
            f"no side over {MAX_SIDE:,}."
        )


@functools.cache
def register_heif() -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()


def opened(data: bytes, kind: str | None) -> Image.Image:
    """The picture with only its header read."""
    if kind is None:
        raise NotAnImageError("This is not a picture: send a JPEG, PNG, WebP, HEIC, AVIF or GIF.")
    if kind == "heic":
        register_heif()
    plugin = {"heic": "HEIF"}.get(kind, kind.upper())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return Image.open(structure.Hurried(data, structure.DECODE_SECONDS), formats=[plugin])
    except TimeoutError as error:
        raise took_too_long() from error
    except Image.DecompressionBombError as error:
        raise TooManyPixelsError(
            f"The photo has too many pixels: send at most {MAX_PIXELS // 1_000_000} megapixels."
        ) from error
    except (UnidentifiedImageError, *DAMAGE) as error:
        raise damaged() from error


def orientation_of(image: Image.Image) -> int:
    """EXIF orientation, 1 to 8; 1 where there is none or it cannot be read."""
    if structure.heavy(image.info.get("exif") or b""):
        return 1
    try:
        value = image.getexif().get(ORIENTATION, 1)
    except DAMAGE:
        return 1
    return value if value in TURNS else 1


def upright(image: Image.Image, orientation: int) -> Image.Image:
    return image.transpose(TURNS[orientation]) if orientation in TURNS else image


def in_bands(image: Image.Image) -> Image.Image:
    """`flattened`, a few megapixels at a time where that needs more memory than the picture itself."""
    if image.mode in ("RGB", "L", "CMYK") and "transparency" not in image.info:
        return flattened(image)
    rows = max(1, BAND_PIXELS // image.width)
    if rows >= image.height:
        return flattened(image)
    rgb = Image.new("RGB", image.size)
    for top in range(0, image.height, rows):
        band = image.crop((0, top, image.width, min(top + rows, image.height)))
        rgb.paste(flattened(band), (0, top))
    return rgb


def flattened(image: Image.Image) -> Image.Image:
    """Any mode as 8-bit sRGB "RGB", transparency composited on white."""
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(eight_bits(np.asarray(image))).convert("RGB")
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "RGBa", "La"):
        rgba = image.convert("RGBA")
        alpha = rgba.getchannel("A")
        rgb = to_srgb(rgba.convert("RGB"), profile)
        return Image.composite(rgb, Image.new("RGB", rgb.size, "white"), alpha)
    if image.mode not in ("RGB", "CMYK", "L"):
        image = image.convert("RGB")
    return to_srgb(image, profile)


def eight_bits(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """16-bit greyscale (H×W, 0..65535) as 8-bit."""
    return ((values.clip(0, 65535).astype(np.uint32) * 255 + 32_895) >> 16).astype(np.uint8)


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Converts by the embedded ICC profile; a profile that is missing, broken, huge or of another mode is ignored."""
    if profile and len(profile) <= MAX_PROFILE_BYTES:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            if "sRGB" not in (source.profile.profile_description or ""):
                converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
                if converted is not None:
                    return converted
        except (ImageCms.PyCMSError, *DAMAGE):
            return image.convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def is_lossless(format_name: str, data: bytes) -> bool:
    return format_name in ("png", "gif") or (format_name == "webp" and b"VP8L" in structure.webp_parts(data))
