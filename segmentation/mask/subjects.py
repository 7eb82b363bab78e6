"""Which of the subjects in a mask: all of them, the largest, or the one a person pointed at."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segmentation.mask import HALF, Alpha, crop_box

ALL, LARGEST = "all", "largest"
DUST = 0.1  # of the largest subject's area: what is smaller is no subject
REACH = 0.1  # of the photo's longer side: how far beside a subject still points at it
MOST = 8
LONGEST = 64  # characters of a choice: two numbers as exact as a computer has them
GRID = 320  # pixels on the longer side of the mask, about, that are enough to tell what a soft pixel is nearest to
LOOK = 128  # pixels on a subject's longer side, about, that are enough to find a point inside

Which = str | tuple[float, float]


class SubjectError(Exception):
    """There is no such subject: `code` is not_a_subject or no_subject_there; the message says what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Subjects:
    """The subjects of one mask, the largest first.

    `labels` is H×W, 0 where there is none, else 1 for the first; `points` has one (x, y) inside each, 0..1 of the
    photo's width and height.
    """

    alpha: Alpha
    labels: NDArray[np.int32]
    points: tuple[tuple[float, float], ...]

    @functools.cached_property
    def nearest(self) -> NDArray[np.int32]:
        """The label of the patch that each pixel is nearest to: H×W, dust has labels past the subjects'.

        1 where the mask is 0 beside it: nobody asks there.
        """
        nearest = np.ones_like(self.labels)
        if self.labels.max() > 1:
            left, top, right, bottom = crop_box(self.alpha, threshold=1)
            labels = self.labels[top:bottom, left:right]
            step = max(1, max(labels.shape) // GRID)
            few = labels[::step, ::step]
            rows, columns = ndimage.distance_transform_edt(few == 0, return_distances=False, return_indices=True)
            around = few[rows, columns].repeat(step, 0).repeat(step, 1)[: bottom - top, : right - left]
            nearest[top:bottom, left:right] = np.where(labels > 0, labels, around)
        return nearest


def find(alpha: Alpha) -> Subjects:
    """The subjects of an H×W uint8 mask: patches cut at one half and at least a tenth of the largest, eight at most.

    A mask of the whole photo at any scale will do; at the photo's own it takes long.
    """
    labels, count = ndimage.label(alpha >= HALF, np.ones((3, 3), bool))
    areas = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    order = np.argsort(-areas, kind="stable")
    renamed = np.zeros(count + 1, np.int32)
    renamed[order + 1] = np.arange(1, count + 1)
    kept = int((areas[order[:MOST]] >= DUST * areas.max()).sum()) if count else 0
    labels = renamed[labels]
    boxes = ndimage.find_objects(labels, kept)
    return Subjects(alpha, labels, tuple(_inside(labels, box, label) for label, box in enumerate(boxes, 1)))


def choose(alpha: Alpha, which: Which) -> Alpha:
    """The mask with the chosen subjects alone, H×W uint8: "all" (dust dropped), "largest" or the one at (x, y).

    Soft pixels stay with the patch they are nearest to. Raises SubjectError for a point that is beside every subject.
    """
    return chosen(find(alpha), which)


def chosen(found: Subjects, which: Which) -> Alpha:
    """As `choose`, of subjects already found."""
    if not found.points:
        return found.alpha
    if which == ALL:
        keep = found.nearest <= len(found.points)
    else:
        keep = found.nearest == (1 if isinstance(which, str) else at(found, which))
    return np.where(keep, found.alpha, 0).astype(np.uint8)


def at(found: Subjects, point: tuple[float, float]) -> int:
    """The label of the subject at (x, y), 0..1 each, or of the nearest within a tenth of the photo's longer side.

    Raises SubjectError no_subject_there.
    """
    height, width = found.labels.shape
    x, y = point[0] * width, point[1] * height
    rows, columns = np.nonzero((found.labels > 0) & (found.labels <= len(found.points)))
    if rows.size:
        distance = np.hypot(rows + 0.5 - y, columns + 0.5 - x)
        best = int(distance.argmin())
        if distance[best] <= REACH * max(height, width) + 1:
            return int(found.labels[rows[best], columns[best]])
    raise SubjectError("no_subject_there", "There is no subject at this point: point at one, or take all of them.")


def parse(text: str) -> Which:
    """ "all", "largest" or "x,y" with 0 ≤ x, y ≤ 1. Raises SubjectError not_a_subject."""
    if text in (ALL, LARGEST):
        return text
    try:
        x, y = (float(part) for part in text.split(",")) if len(text) <= LONGEST else (-1.0, -1.0)
    except ValueError:
        x = y = -1.0
    if not (0 <= x <= 1 and 0 <= y <= 1):
        raise SubjectError("not_a_subject", "The subject is all, largest, or a point x,y with 0 to 1 each, as 0.5,0.4.")
    return x, y


def named(found: Subjects, which: Which) -> str:
    """One name for one choice: "all", "largest", or the chosen subject's own point as "x,y"."""
    if isinstance(which, str):
        return which
    if not found.points:
        return ALL
    x, y = found.points[at(found, which) - 1]
    return f"{x:.4f},{y:.4f}"


def _inside(labels: NDArray[np.int32], box: tuple[slice, slice], label: int) -> tuple[float, float]:
    """The point of a patch that is farthest from its edge, looked for on every few of its pixels."""
    patch = labels[box] == label
    step = max(1, max(patch.shape) // LOOK)
    top, left = (int(places[0]) % step for places in np.nonzero(patch))  # one of the patch's own is looked at, so
    depth = ndimage.distance_transform_edt(np.pad(patch[top::step, left::step], 1))[1:-1, 1:-1]
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    height, width = labels.shape
    x = (box[1].start + left + int(column) * step + 0.5) / width
    y = (box[0].start + top + int(row) * step + 0.5) / height
    return round(x, 4), round(y, 4)
