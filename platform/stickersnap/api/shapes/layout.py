"""Where a subject lies on its canvas, from the words in which remove.bg's clients ask for it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from segmentation.picture import MAX_PIXELS
from stickersnap.api.shapes.subject import Box, Size, Subject

LENGTH = re.compile(r"(\d{1,5}(?:\.\d{1,4})?)(px|%)?")
MOST_MARGIN_PIXELS, MOST_MARGIN_PERCENT = 500.0, 50.0
LEAST_SCALE = 0.1
LONGEST = 80  # characters
LARGEST = 99_999  # pixels a side that a length can name


class LayoutError(ValueError):
    """A wish that can't be read; the message says what one looks like."""


@dataclass(frozen=True)
class Length:
    """Pixels, or a share of something."""

    value: float
    percent: bool

    def of(self, whole: float) -> float:
        """In pixels."""
        return whole * self.value / 100 if self.percent else self.value


@dataclass(frozen=True)
class Wish:
    """How a subject is to lie: `margins` are top, right, bottom, left; None is as it was for scale and position."""

    crop: bool = False
    margins: tuple[Length, ...] = ()
    scale: float | None = None
    position: tuple[float, float] | None = None


@dataclass(frozen=True)
class Layout:
    """A canvas (width, height), and on it a subject of this size at (left, top), wholly inside."""

    canvas: Size
    size: Size
    left: int
    top: int


def lengths(text: str, said: str) -> list[Length]:
    """Lengths as "30px 10%", without a unit pixels. Raises LayoutError, which says `said`."""
    found = [LENGTH.fullmatch(word) for word in text.split()] if len(text) <= LONGEST else [None]
    if not found or None in found:
        raise LayoutError(said)
    return [Length(float(match[1]), match[2] == "%") for match in found if match]


def region(text: str, size: Size) -> Box:
    """The region "x1 y1 x2 y2" of a photo of this size, the corners in either order. Raises LayoutError."""
    said = "Give the region as x1 y1 x2 y2 in px or %, as 0% 0% 100% 100%, with something of the photo in it."
    corners = lengths(text, said)
    if len(corners) != 4:
        raise LayoutError(said)
    xs = sorted(min(size[0], round(corner.of(size[0]))) for corner in corners[::2])
    ys = sorted(min(size[1], round(corner.of(size[1]))) for corner in corners[1::2])
    if xs[0] == xs[1] or ys[0] == ys[1]:
        raise LayoutError(said)
    return xs[0], ys[0], xs[1], ys[1]


def margins(text: str) -> tuple[Length, ...]:
    """Top, right, bottom and left, from one, two or four lengths. Raises LayoutError."""
    said = "Give one, two or four margins, each at most 500px or 50%, as 10px or 5% 10%."
    given = lengths(text, said)
    if any(one.value > (MOST_MARGIN_PERCENT if one.percent else MOST_MARGIN_PIXELS) for one in given):
        raise LayoutError(said)
    if len(given) not in (1, 2, 4):
        raise LayoutError(said)
    return tuple((given * 4)[:4])


def scale(text: str) -> float | None:
    """A share of the canvas, 0.1 to 1, from "10%" to "100%"; None for "original". Raises LayoutError."""
    if text == "original":
        return None
    said = "Give the scale as original, or as 10% to 100%."
    found = lengths(text, said)
    if len(found) != 1 or not found[0].percent or not LEAST_SCALE <= found[0].value / 100 <= 1:
        raise LayoutError(said)
    return found[0].value / 100


def position(text: str) -> tuple[float, float] | None:
    """Across and down, 0 to 1 each, from "center", "30%" or "30% 70%"; None for "original". Raises LayoutError."""
    if text == "original":
        return None
    if text == "center":
        return 0.5, 0.5
    said = "Give the position as original, center, or one or two of 0% to 100%, across and down."
    found = lengths(text, said)
    if len(found) > 2 or any(not one.percent or one.value > 100 for one in found):
        raise LayoutError(said)
    return found[0].value / 100, found[-1].value / 100


def laid_out(subject: Subject, wish: Wish) -> Layout:
    """What is wished for of this subject. Cropped, it fills its canvas but for the margins.

    Raises LayoutError for margins that would make the canvas larger than a photo may be.
    """
    width, height = subject.cut.size
    if wish.crop:
        whole = height, width, height, width
        top, right, bottom, left = (round(one.of(side)) for one, side in zip(wish.margins, whole, strict=True))
        canvas = left + width + right, top + height + bottom
        if canvas[0] * canvas[1] > MAX_PIXELS:
            raise LayoutError("crop_margin: with these the answer has over 50 megapixels; take smaller ones.")
        return Layout(canvas, (width, height), left, top)
    across, down = subject.canvas
    if wish.scale is not None:
        factor = min(wish.scale * across / width, wish.scale * down / height)
        width, height = max(1, round(width * factor)), max(1, round(height * factor))
    if wish.position is None:
        middle = subject.left + subject.cut.width / 2, subject.top + subject.cut.height / 2
        left, top = round(middle[0] - width / 2), round(middle[1] - height / 2)
    else:
        left, top = round((across - width) * wish.position[0]), round((down - height) * wish.position[1])
    left, top = min(max(0, left), across - width), min(max(0, top), down - height)
    return Layout(subject.canvas, (width, height), left, top)
