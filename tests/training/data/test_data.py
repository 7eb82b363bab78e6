from pathlib import Path

import numpy as np
import pytest
from numpy.random import default_rng
from PIL import Image

from training.data import augment
from training.data.dataset import DataError, Pair, plain_folder, validation_split
from training.starter.lessons import Lesson, Lessons
from training.starter.sampler import Prefetch, Sampler


@pytest.fixture
def pairs(plain: Path) -> list[Pair]:
    return list(plain_folder(plain))


def test_a_plain_folder_is_read_with_its_sources(pairs: list[Pair]) -> None:
    assert len(pairs) == 24
    assert {p.source for p in pairs} == {"discs", "rings"}
    assert all(p.rgb.shape[:2] == p.mask.shape and p.mask.max() == 255 for p in pairs)


def test_a_longer_side_over_the_limit_is_shrunk(plain: Path) -> None:
    assert all(max(p.mask.shape) == 64 and p.rgb.shape[:2] == p.mask.shape for p in plain_folder(plain, 64))


def test_an_empty_folder_and_a_broken_picture_are_clear_errors(plain: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no pairs"):
        list(plain_folder(tmp_path))
    next((plain / "images").iterdir()).write_bytes(b"rubbish")
    with pytest.raises(DataError, match="repair or remove"):
        list(plain_folder(plain))


def test_a_mask_is_read_as_by_the_service(plain: Path) -> None:
    """Its transparency where it has any, grey of every depth; what is no mask is named, not taken for one."""
    first = next(plain_folder(plain, None))
    path = plain / "masks" / f"{first.name}.png"
    white = np.full_like(first.mask, 255)
    kinds = {
        "transparent around": Image.fromarray(np.dstack([white, white, white, first.mask])),
        "sixteen bits": Image.fromarray(first.mask.astype(np.uint16) * 257),
    }
    for image in kinds.values():
        image.save(path)
        assert (next(plain_folder(plain, None)).mask == first.mask).all()
    Image.fromarray(np.dstack([white, white, first.mask])).save(path)
    with pytest.raises(DataError, match=f"{path.name} cannot be read as a mask"):
        next(plain_folder(plain, None))


def test_validation_is_fixed_and_balanced(pairs: list[Pair]) -> None:
    training, validation = validation_split(pairs)
    again = validation_split(reversed(pairs))[1]
    assert {p.name for p in validation} == {p.name for p in again}
    assert sorted(p.source for p in validation) == ["discs", "rings"]
    assert len(training) + len(validation) == 24
    assert not {p.name for p in training} & {p.name for p in validation}


@pytest.mark.parametrize("seed", range(20))
def test_an_example_is_a_function_of_its_generator(pairs: list[Pair], seed: int) -> None:
    first = augment.example(default_rng(seed), pairs[0], pairs, 64, 0.3, 0.2)
    again = augment.example(default_rng(seed), pairs[0], pairs, 64, 0.3, 0.2)
    assert first[0].shape == (64, 64, 3)
    assert first[1].shape == (64, 64)
    assert all((a == b).all() for a, b in zip(first, again, strict=True))


def test_the_mask_moves_with_the_picture() -> None:
    mask = np.zeros((90, 120), np.uint8)
    mask[20:70, 30:80] = 255
    pair = Pair("x", "s", "x", np.repeat(mask[..., None], 3, 2), mask)
    for seed in range(30):
        image, moved = augment.crop(default_rng(seed), pair, 64)
        assert np.abs(np.asarray(image)[..., 0].astype(int) - np.asarray(moved)).max() <= 1


def test_a_background_holds_nothing_of_the_subject(pairs: list[Pair]) -> None:
    white = [Pair(p.name, p.source, p.group, np.repeat(p.mask[..., None], 3, 2), p.mask) for p in pairs]
    found = [augment.background(default_rng(i), pair, 48) for i, pair in enumerate(white)]
    assert any(f is not None for f in found)
    assert not any(np.asarray(f).any() for f in found if f is not None)


def lessons(pairs: list[Pair], **shares: float) -> Lessons:
    return Lessons([Lesson(pair, None) for pair in pairs], shares)


def test_a_batch_depends_on_seed_and_step_and_is_shared_out(pairs: list[Pair]) -> None:
    whole = Sampler(lessons(pairs, discs=0.9, rings=0.1), seed=1, batch=4)
    parts = [Sampler(lessons(pairs, discs=0.9, rings=0.1), seed=1, batch=4, rank=r, of=2) for r in (0, 1)]
    images, masks = whole.step(5, (32,))
    assert images.shape == (4, 32, 32, 3)
    assert masks.shape == (4, 32, 32)
    assert (images == whole.step(5, (32,))[0]).all()
    assert not (images == whole.step(6, (32,))[0]).all()
    for rank, part in enumerate(parts):
        assert (part.step(5, (32,))[0] == images[rank::2]).all()


def test_the_pictures_of_a_step_are_of_one_size_for_every_process(pairs: list[Pair]) -> None:
    parts = [Sampler(lessons(pairs), seed=4, batch=2, rank=r, of=2) for r in (0, 1)]
    drawn = [[part.step(step, (32, 48))[1].shape[-1] for step in range(8)] for part in parts]
    assert drawn[0] == drawn[1]
    assert set(drawn[0]) == {32, 48}


@pytest.mark.parametrize("seed", range(8))
def test_a_pasted_subject_lies_where_its_mask_says(seed: int) -> None:
    random = default_rng(seed)
    subject = Image.new("RGB", (64, 64), (250, 20, 20))
    mask = Image.new("L", (64, 64), 0)
    mask.paste(255, (16, 16, 48, 48))
    ground = Image.new("RGB", (64, 64), (10, 10, 200))
    image, moved = (np.asarray(i) for i in augment.paste(random, subject, mask, ground))
    assert moved.max() > 200
    assert (image[moved == 0] == (10, 10, 200)).all()
    assert (image[moved == 255][:, 0] > 60).all(), "however its colours were drawn towards the ground's"
    assert ((moved > 20) & (moved < 235)).any(), "its edge is soft"


def test_prefetching_gives_the_same_batches_in_order(pairs: list[Pair]) -> None:
    sampler = Sampler(lessons(pairs), seed=2, batch=2)
    prefetch = Prefetch(sampler, 3, (32,))
    for step, (images, _) in zip((3, 4, 5), prefetch, strict=False):
        assert (images == sampler.step(step, (32,))[0]).all()
    prefetch.stopped.set()
    prefetch.thread.join(10)
    assert not prefetch.thread.is_alive()
