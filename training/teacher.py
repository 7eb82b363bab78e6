"""What a set of weights sees in photos that nobody corrected, as soft masks to learn from.

The teacher sees the whole, clean picture, the student a changed one (Xie et al., Noisy Student, CVPR 2020): a crop's
target is the crop of the whole picture's map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from segmentation.predictor import Predictor
from training.dataset import Picture
from training.pairs import Cache, Example


@dataclass(frozen=True)
class Taught:
    """A picture with its teacher's soft mask (H×W uint8, 0..255), made when it is first asked for."""

    picture: Example
    teacher: Predictor = field(repr=False, compare=False)
    cache: Cache = field(repr=False, compare=False)
    taught: bool = True

    @property
    def name(self) -> str:
        return self.picture.name

    @property
    def source(self) -> str:
        return self.picture.source

    @property
    def group(self) -> str:
        return self.picture.group

    @property
    def weight(self) -> float:
        return 1.0

    @property
    def rgb(self) -> Picture:
        return self.picture.rgb

    @property
    def mask(self) -> Picture:
        key = (self.picture.name, f"by {self.teacher.weights}")
        return self.cache.get(key, lambda: (self.teacher.predict(self.picture.rgb).alpha,))[0]


def taught_by(teacher: Predictor, pictures: Sequence[Example], cache: Cache) -> list[Example]:
    """The pictures with the teacher's masks."""
    return [Taught(picture, teacher, cache) for picture in pictures]
