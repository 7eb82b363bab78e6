"""What a set of weights sees in photos that nobody corrected, as soft masks to learn from.

A large network's student sees a changed picture, its teacher the whole, clean one (Xie et al., Noisy Student, CVPR
2020): a crop's target is the crop of the whole picture's map. A base that is to be kept in mind is asked of the very
view that is learned from (Beyer et al., CVPR 2022), and of its mirror image
(Radosavovic et al., Data Distillation, CVPR 2018): the mean is better than either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from segmentation.cut import Predictor
from training.data.dataset import Picture
from training.data.pairs import Cache, Example


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


@torch.no_grad()
def answers(teacher: nn.Module, views: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The mean of what a network sees in views and in their mirror images, turned back; all 0..1.

    `views` are N×3×H×W float32, normalised. The final map is N×1×H×W, its other maps come where they arise.
    """
    plain, mirrored = (teacher.maps(x) for x in (views, views.flip(3)))  # type: ignore[operator]
    maps = [(a.float().sigmoid() + b.float().sigmoid().flip(3)) / 2 for a, b in zip(plain, mirrored, strict=True)]
    return interpolate(maps[0], size=views.shape[-2:], mode="bilinear", align_corners=False), maps[1:]
