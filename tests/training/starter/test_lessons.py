"""What the starter learns from: whose mask of a picture, and how a teacher's masks are made."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.random import default_rng
from PIL import Image

from segmentation import weights
from training.__main__ import main
from training.data.dataset import DataError, Pair
from training.data.pairs import Cache
from training.starter.lessons import CAREFUL, Lesson, Lessons, lessons_of, read, soft_masks, unlabelled
from training.starter.sampler import Sampler
from training.starter.teach import soft_mask

EMPTY = np.zeros((32, 32), np.uint8)
LEFT, MOST, RIGHT = EMPTY.copy(), EMPTY.copy(), EMPTY.copy()
LEFT[:, :16], MOST[:, :20], RIGHT[:, 16:] = 255, 255, 255


def lesson(drawn: np.ndarray | None, taught: np.ndarray | None, source: str = "polygons", name: str = "a") -> Lesson:
    def pair(mask: np.ndarray | None, by_teacher: bool) -> Pair | None:
        rgb = np.zeros((32, 32, 3), np.uint8)
        return None if mask is None else Pair(name, source, name, rgb, mask, taught=by_teacher)

    return Lesson(pair(drawn, False), pair(taught, True))


def drawn_of(lessons: Lessons, count: int = 400) -> list[bool]:
    random = default_rng(0)
    return [lessons.draw(random).taught for _ in range(count)]


def test_half_the_lessons_of_a_picture_are_its_teachers() -> None:
    share = np.mean(drawn_of(Lessons([lesson(LEFT, MOST)], {})))
    assert 0.4 < share < 0.6


def test_who_contradict_each_other_are_left_out_or_the_careful_one_is_believed() -> None:
    careful = sorted(CAREFUL)[0]
    rough = [lesson(LEFT, RIGHT), lesson(LEFT, LEFT, name="b")]
    named = {Lessons(rough, {}).draw(default_rng(i)).name for i in range(40)}
    assert named == {"b"}
    assert not any(drawn_of(Lessons([lesson(LEFT, RIGHT, careful)], {}), 40)), "the person is believed"


def test_a_picture_of_one_mask_is_learnt_by_it() -> None:
    assert not any(drawn_of(Lessons([lesson(LEFT, None)], {}), 20))
    assert all(drawn_of(Lessons([lesson(None, LEFT)], {}), 20))
    with pytest.raises(DataError, match="--data"):
        Lessons([], {})


def test_sources_are_drawn_by_their_shares() -> None:
    many = [lesson(LEFT, None, "many", str(i)) for i in range(30)]
    lessons, random = Lessons([*many, lesson(LEFT, None, "few", "x")], {"many": 0.2, "few": 0.8}), default_rng(1)
    share = np.mean([lessons.draw(random).source == "few" for _ in range(400)])
    assert 0.72 < share < 0.88


def test_what_a_teacher_saw_is_never_pasted_elsewhere() -> None:
    """A pasted subject would be scaled down; a crop alone keeps a full mask full."""
    full = np.full((32, 32), 255, np.uint8)
    others = [lesson(EMPTY, None, "grounds", str(i)) for i in range(4)]
    lessons = Lessons([lesson(None, full, "taught"), *others], {"taught": 1.0, "grounds": 0.0})
    means = [Sampler(lessons, 3, 8).step(step, (32,))[1].float().mean((1, 2)) for step in range(4)]
    kept = [float(m) / 255 for batch in means for m in batch]
    assert all(m > 0.85 or m == 0 for m in kept), "only rotated a little, or emptied on purpose"


def test_a_folders_pairs_meet_their_soft_masks(plain: Path, tmp_path: Path) -> None:
    soft, more = tmp_path / "soft", tmp_path / "more"
    soft.mkdir()
    more.mkdir()
    Image.fromarray(np.full((96, 128), 200, np.uint8)).save(soft / "rings__0.png")
    Image.fromarray(np.full((96, 128), 90, np.uint8)).save(soft / "web__1.png")
    for name in ("web__1", "web__2"):
        Image.new("RGB", (128, 96)).save(more / f"{name}.webp")
    cache = Cache()
    lessons = lessons_of(read([plain], cache, 320), soft_masks(soft))
    both = [found for found in lessons if found.taught is not None]
    assert [found.drawn.name for found in both if found.drawn] == ["rings__0"]
    assert both[0].taught is not None
    assert both[0].drawn is not None
    assert (both[0].taught.mask == 200).all()
    assert set(np.unique(both[0].drawn.mask)) == {0, 255}, "one cache holds both masks of a picture"
    alone = unlabelled(more, soft_masks(soft), cache, 320)
    assert [(found.source, found.taught.mask.max()) for found in alone if found.taught] == [("web", 90)]
    assert soft_masks(None) == {}
    with pytest.raises(DataError, match="training teach"):
        soft_masks(more)


@dataclass(frozen=True)
class Sided:
    """A teacher that sees the left half, whatever is shown."""

    weights: str = "0" * 64
    network: str = "u2net"
    device: str = "cpu"

    def predict(self, rgb: np.ndarray) -> "Sided":
        return self

    @property
    def alpha(self) -> np.ndarray:
        return LEFT


def test_the_mirror_image_is_asked_and_turned_back() -> None:
    rgb = np.zeros((32, 32, 3), np.uint8)
    assert (soft_mask(Sided(), rgb, mirrored=False) == LEFT).all()  # type: ignore[arg-type]
    assert (soft_mask(Sided(), rgb, mirrored=True) == 128).all()  # type: ignore[arg-type]


def test_teaching_goes_on_where_it_stopped_and_mixes_no_teachers(
    plain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for part in ("images", "masks"):
        for path in sorted((plain / part).iterdir())[3:]:
            path.unlink()
    soft = tmp_path / "soft"
    command = ["teach", "--teacher", str(weights.starter_folder()), "--data", str(plain), "--out", str(soft)]
    command += ["--longer-side", "64", "--device", "cpu"]
    assert main(command) == 0
    made = sorted(soft.glob("*.png"))
    assert len(made) == 3
    with Image.open(made[0]) as mask:
        assert (mask.mode, mask.size) == ("L", (64, 48))
    made[1].unlink()
    before = made[0].stat().st_mtime_ns
    assert main(command) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["made"] == 1
    assert made[0].stat().st_mtime_ns == before
    assert main([*command, "--mirrored"]) == 2
    assert "another folder" in capsys.readouterr().err


def test_a_folder_without_pictures_teaches_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["teach", "--teacher", "starter", "--data", str(tmp_path), "--out", str(tmp_path / "soft")]
    assert main(command) == 2
    assert "holds no pictures" in capsys.readouterr().err
