"""What the starter learns from: people's masks, a teacher's soft ones, and what to do where they contradict.

Of a picture with both, each is shown half the time, so that half the loss is by either. Where they contradict each
other by more than one half, a source whose masks are rough is left out, and a careful one's person is believed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.random import Generator

from training.data.dataset import DataError
from training.data.pairs import Cache, Example, Indexed, plain_index
from training.evaluation.metrics import iou

AGREEMENT = 0.5
CAREFUL = frozenset(
    {"oxford_pets", "weizmann_horse", "ccp_fashion", "davis20", "flickr_portraits", "predators", "small_products"}
    | {"alphamatting"}
)
"""Sources whose masks follow the outline: a teacher that sees something else is wrong there. The others are polygons,
or PASCAL-S, where a floor is "salient" now and then."""


@dataclass(frozen=True)
class Lesson:
    """A picture with a person's mask, a teacher's, or both."""

    drawn: Example | None
    taught: Example | None

    @property
    def source(self) -> str:
        return (self.drawn or self.taught).source  # type: ignore[union-attr]


class Lessons:
    """Draws examples by source. `others` are the pictures with people's masks: they lend backgrounds."""

    def __init__(self, lessons: Sequence[Lesson], shares: Mapping[str, float]) -> None:
        self.by_source: dict[str, list[Lesson]] = defaultdict(list)
        for lesson in lessons:
            self.by_source[lesson.source].append(lesson)
        self.sources = sorted(self.by_source)
        if not self.sources:
            raise DataError("There is no picture with a mask to learn from: name other folders with --data.")
        share = np.array([shares.get(source, 1 / len(self.sources)) for source in self.sources])
        self.shares = share / share.sum()
        self.others = [lesson.drawn for lesson in lessons if lesson.drawn is not None]
        self.agreed: dict[str, bool] = {}

    def draw(self, random: Generator) -> Example:
        """One example; its `taught` says whose mask it has."""
        while True:
            members = self.by_source[self.sources[int(random.choice(len(self.sources), p=self.shares))]]
            lesson = members[int(random.integers(len(members)))]
            chosen = self.choose(random, lesson)
            if chosen is not None:
                return chosen

    def choose(self, random: Generator, lesson: Lesson) -> Example | None:
        """Whose mask to learn; None where both contradict each other and neither can be believed."""
        if lesson.drawn is None or lesson.taught is None:
            return lesson.drawn or lesson.taught
        if self.agree(lesson.drawn, lesson.taught):
            return lesson.taught if random.random() < 0.5 else lesson.drawn
        return lesson.drawn if lesson.source in CAREFUL else None

    def agree(self, drawn: Example, taught: Example) -> bool:
        if drawn.name not in self.agreed:
            self.agreed[drawn.name] = iou(taught.mask, drawn.mask) >= AGREEMENT
        return self.agreed[drawn.name]


def soft_masks(folder: Path | None) -> dict[str, Path]:
    """A teacher's masks by the pictures' stems. DataError for a folder that holds none."""
    if folder is None:
        return {}
    found = {path.stem: path for path in folder.glob("*.png")}
    if not found:
        raise DataError(f"{folder} holds no soft masks: make them with python -m training teach.")
    return found


def lessons_of(pictures: Sequence[Indexed], masks: Mapping[str, Path]) -> list[Lesson]:
    """Every picture with a person's mask, with the teacher's where there is one."""
    lessons = []
    for picture in pictures:
        mask = masks.get(picture.name)
        taught = replace(picture, mask_file=mask, taught=True) if mask else None
        lessons.append(Lesson(picture, taught))
    return lessons


def unlabelled(folder: Path, masks: Mapping[str, Path], cache: Cache, longer_side: int) -> list[Lesson]:
    """The pictures of a folder (or its images/) that a teacher has seen; without a teacher there are none."""
    inside = folder / "images" if (folder / "images").is_dir() else folder
    return [
        Lesson(
            None, Indexed(path.stem, source(path), path.stem, path, masks[path.stem], longer_side, cache, taught=True)
        )
        for path in sorted(inside.glob("*"))
        if path.stem in masks
    ]


def source(path: Path) -> str:
    return path.stem.split("__")[0] if "__" in path.stem else path.parent.name


def read(folders: Sequence[Path], cache: Cache, longer_side: int) -> list[Indexed]:
    """The pairs of several folders. DataError for a folder without any."""
    return [pair for folder in folders for pair in plain_index(folder, cache, longer_side)]
