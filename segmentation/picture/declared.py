"""What a file says that its numbers mean, other than a PNG: segmentation/picture/png.py reads those."""

from __future__ import annotations

from PIL import Image

from segmentation.picture import boxes, colour, structure
from segmentation.picture.formats import DAMAGE

EXIF_IFD, INTEROPERABILITY, COLOUR_SPACE, INDEX = 0x8769, 0xA005, 0xA001, 0x0001


def meaning_of(image: Image.Image, data: bytes) -> colour.Meaning:
    """What the picture's numbers mean: by its ICC profile, else by what its container says."""
    if profile := image.info.get("icc_profile"):
        return bytes(profile)
    if image.format in ("HEIF", "AVIF"):
        primaries, transfer = boxes.nclx(data) or (0, 0)
        # A still that says it has video's curve was made on a screen with sRGB's: libavif and browsers take it so.
        return colour.cicp(primaries, colour.SRGB_CURVE if transfer in colour.VIDEO else transfer)
    return colour.ADOBE if image.format in ("JPEG", "MPO") and is_adobe(image) else None


def is_adobe(image: Image.Image) -> bool:
    """Does EXIF say Adobe RGB, as cameras do that write no profile (DCF 2.0: uncalibrated, R03)?"""
    if structure.heavy(image.info.get("exif") or b""):
        return False
    try:
        exif = image.getexif()
        inside = exif.get_ifd(EXIF_IFD)
        index = exif.get_ifd(INTEROPERABILITY).get(INDEX, "") if INTEROPERABILITY in inside else ""
    except DAMAGE:
        return False
    space = inside.get(COLOUR_SPACE)
    return bool(space == 2 or (space == 0xFFFF and str(index).startswith("R03")))
