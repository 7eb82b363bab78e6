"""Uploaded bytes to pixels: limits from the header first, then decoding, orientation, colours, transparency."""

from __future__ import annotations

import functools
import io
import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin, UnidentifiedImageError

from segmentation.picture import colour, structure
from segmentation.picture import png as pngs
from segmentation.picture.declared import meaning_of
from segmentation.picture.formats import (
    DAMAGE,
    EmptyUploadError,
    FileTooLargeError,
    NotAnImageError,
    PictureError,
    TookTooLongError,
    TooManyPixelsError,
    TruncatedImageError,
    UnknownFormatError,
    damaged,
    sniff,
    took_too_long,
)

__all__ = [
    "EmptyUploadError",
    "FileTooLargeError",
    "NotAnImageError",
    "Picture",
    "PictureError",
    "TooManyPixelsError",
    "TookTooLongError",
    "TruncatedImageError",
    "UnknownFormatError",
    "decode",
    "encode_jpeg",
    "encode_png",
]

MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 50_000_000
MAX_SIDE = 16_384
BAND_PIXELS = 4_000_000
SMALL = 512
ORIENTATION = 0x0112
HALVED = 2  # Pillow's number for 4:2:0
Z_RLE = 3  # zlib's strategy, which Python's zlib does not name

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


def decode(data: bytes, shorter: int | None = None, sized: Callable[[int], None] | None = None) -> Picture:
    """The picture in `data`: JPEG, PNG, WebP, HEIC, AVIF or the first frame of a GIF.

    Where `shorter` pixels on the shorter side are enough, a JPEG is decoded at the least of 1/8, 1/4 and 1/2 of its
    size that has them (libjpeg's scaled inverse DCT): a fifth of the time for 12 megapixels. Others come whole.

    `sized` is told how many pixels there are before any is decoded: it may wait until there is room.

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
    png = pngs.read(data) if kind == "png" else None
    with opened(png.data if png else parts.with_end(), kind, parts.rare) as image:
        check_size(image.size)
        refuse(parts.oversized(image.size))
        if sized is not None:
            sized(image.width * image.height)
        try:
            return pixels(image, data, parts, shorter) if png is None else pixels_of_png(png, image)
        except PictureError:
            raise
        except TimeoutError as error:
            raise took_too_long() from error
        except DAMAGE as error:
            raise damaged(parts.rare) from error


def pixels(image: Image.Image, data: bytes, parts: structure.Structure, shorter: int | None) -> Picture:
    """Decodes a picture whose header was read from `data`. Raises a PictureError or one of DAMAGE."""
    format_name, whole = FORMATS[image.format or "JPEG"], image.size
    halved = format_name == "jpeg" and JpegImagePlugin.get_sampling(image) == HALVED
    drafted = shorter is not None and image.draft(None, (shorter, shorter)) is not None
    image.load()
    check_size(image.size)
    if parts.ends_early(image):
        raise damaged()
    meaning = meaning_of(image, data)
    small = image.mode in ("RGB", "L", "CMYK") and "transparency" not in image.info
    rgb = in_bands(image, None, lambda band, _: flattened(band, meaning), whole=small)
    return made(rgb, image, is_lossless(format_name, data), format_name, whole if drafted else rgb.size, halved)


def pixels_of_png(png: pngs.Png, image: Image.Image) -> Picture:
    """As `pixels`, of all depths and types of a PNG."""
    try:
        upper, lower = pngs.decoded(png, image)
    except (PictureError, TimeoutError):
        raise
    except DAMAGE:
        png = pngs.mended(png)
        image = opened(png.data, "png")
        upper, lower = pngs.decoded(png, image)
    meaning = png.meaning

    def flat(upper: Image.Image, lower: Image.Image | None) -> Image.Image:
        found = pngs.samples(png, upper, lower)
        rgb = colour.to_srgb(found.colour, meaning, found.low)
        return rgb if found.alpha is None else on_white(rgb, found.alpha)

    return made(in_bands(upper, lower, flat), image, True, "png", image.size)


def made(
    rgb: Image.Image,
    image: Image.Image,
    lossless: bool,
    format_name: str,
    size: tuple[int, int],
    halved: bool = False,
) -> Picture:
    """The answer, from sRGB pixels and the picture as Pillow opened it; `size` lies as in the file."""
    orientation = orientation_of(image)
    rgb.info = {}  # what the upload said of itself is not saved with its pixels
    upright_size = size[::-1] if orientation in SIDEWAYS else size
    return Picture(rgb, lossless, format_name, upright_size, halved, orientation)


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


def opened(data: bytes, kind: str | None, rare: str = "") -> Image.Image:
    """The picture with only its header read. `rare`: what it is if it can't be."""
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
        plain = structure.bare(data) if kind == "jpeg" and not rare else data
        if plain != data:
            return opened(plain, kind)
        raise damaged(rare) from error


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


def in_bands(
    image: Image.Image,
    low: Image.Image | None,
    flat: Callable[[Image.Image, Image.Image | None], Image.Image],
    whole: bool = False,
) -> Image.Image:
    """`flat` of a picture and its lower bytes, a few megapixels at a time where that needs more memory than itself."""
    rows = max(1, BAND_PIXELS // image.width)
    if whole or rows >= image.height:
        return flat(image, low)
    rgb = Image.new("RGB", image.size, None)
    for top in range(0, image.height, rows):
        box = (0, top, image.width, min(top + rows, image.height))
        rgb.paste(flat(image.crop(box), low and low.crop(box)), (0, top))
    return rgb


def flattened(image: Image.Image, meaning: colour.Meaning) -> Image.Image:
    """Any mode as 8-bit sRGB "RGB", transparency composited on white."""
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "RGBa", "La"):
        rgba = image.convert("RGBA")
        return on_white(colour.to_srgb(rgba.convert("RGB"), meaning), rgba.getchannel("A"))
    if image.mode not in ("RGB", "CMYK", "L"):
        image = image.convert("RGB")
    return colour.to_srgb(image, meaning)


def on_white(rgb: Image.Image, alpha: Image.Image) -> Image.Image:
    return Image.composite(rgb, Image.new("RGB", rgb.size, "white"), alpha)


def is_lossless(format_name: str, data: bytes) -> bool:
    return format_name in ("png", "gif") or (format_name == "webp" and b"VP8L" in structure.webp_parts(data))
