"""The subject of a photo, found within a region of it and cut at the scale that is asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from annotations.bringing import Seen, Stage, untimed
from annotations.exceptions import NoSubjectFound
from segmentation import mask as masks
from segmentation.mask import edge, foreground, subjects
from segmentation.picture import Picture

Box = tuple[int, int, int, int]
Size = tuple[int, int]
FRINGE = 2  # pixels around what is plainly visible, for the soft rim of an edge


@dataclass(frozen=True)
class Subject:
    """A subject without its background.

    Attributes:
        cut: its box alone, RGBA with straight alpha.
        left, top: where the box lies on the photo at the scale of the answer.
        canvas: (width, height) of the photo at that scale.
        photo: (width, height) of the photo itself.
    """

    cut: Image.Image
    left: int
    top: int
    canvas: Size
    photo: Size

    def in_photo(self) -> Box:
        """Left, top, width and height in the photo's own pixels."""
        across, down = self.photo[0] / self.canvas[0], self.photo[1] / self.canvas[1]
        places = self.left * across, self.top * down, self.cut.width * across, self.cut.height * down
        left, top, width, height = (round(place) for place in places)
        return left, top, width, height


def canvas_of(size: Size, most: int) -> Size:
    """A photo's (width, height) with at most so many pixels, in its own proportions, never enlarged."""
    factor = min(1.0, math.sqrt(most / (size[0] * size[1])))
    return max(1, int(size[0] * factor)), max(1, int(size[1] * factor))


def part_of(picture: Picture, region: Box) -> Picture:
    """What of a picture lies in a region, which is given in the pixels of its `size`."""
    image = picture.image
    box = scaled_box(region, picture.size, image.size)
    if box == (0, 0, *image.size):
        return picture
    part = image.crop(box)
    return replace(picture, lying=part, size=part.size, orientation=1)


def scaled_box(box: Box, size: Size, to: Size) -> Box:
    """A box of a picture of `size` on the same picture of size `to`: one pixel at least."""
    across, down = to[0] / size[0], to[1] / size[1]
    left, top = min(to[0] - 1, int(box[0] * across)), min(to[1] - 1, int(box[1] * down))
    return left, top, max(left + 1, round(box[2] * across)), max(top + 1, round(box[3] * down))


def subject_of(seen: Seen, photo: Size, region: Box, canvas: Size, stage: Stage = untimed) -> Subject:
    """The subject that a network saw in a region of a photo of size `photo`, on a canvas. Raises NoSubjectFound."""
    if not seen.cut.subject_found:
        raise NoSubjectFound
    left, top, right, bottom = scaled_box(region, photo, canvas)
    with stage("decode"):
        image = seen.picture.image
        rgb = np.asarray(image.resize((right - left, bottom - top), Image.Resampling.LANCZOS, reducing_gap=1.1))
    with stage("edge"):
        alpha = edge.refine(rgb, subjects.choose(seen.cut.alpha, subjects.ALL))
        if masks.is_empty(alpha):
            raise NoSubjectFound
        colours = foreground.estimate(rgb, alpha)
        x, y, right, bottom = masks.crop_box(alpha, margin=FRINGE)
        cut = masks.cutout(colours[y:bottom, x:right], alpha[y:bottom, x:right])
    return Subject(Image.fromarray(cut), left + x, top + y, canvas, photo)
