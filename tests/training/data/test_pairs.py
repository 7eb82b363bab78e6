"""What a run holds in memory does not follow the dataset's size."""

import os
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segmentation import mask, picture
from training.data.dataset import DataError
from training.data.pairs import Cache, Indexed, plain_index, refuse_unreadable


def folder_of(where: Path, count: int) -> Path:
    """An images/ masks/ folder of `count` pictures that share one file each."""
    for part, data in (
        ("images", picture.encode_png(np.full((32, 32, 3), 90, np.uint8))),
        ("masks", mask.encode_png(np.full((32, 32), 255, np.uint8))),
    ):
        (where / part).mkdir(parents=True)
        first = where / part / "0.png"
        first.write_bytes(data)
        for i in range(1, count):
            os.link(first, where / part / f"{i}.png")
    return where


def peak(folder: Path, most: int) -> int:
    """Bytes at most while all pictures are looked at."""
    tracemalloc.start()
    pairs = plain_index(folder, Cache(most))
    assert sum(int(pair.mask[0, 0]) for pair in pairs) == 255 * len(pairs)
    _, highest = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return highest


def test_ten_times_the_pictures_need_no_more_memory_than_their_names(tmp_path: Path) -> None:
    most, picture_bytes = 20 * 32 * 32 * 4, 32 * 32 * 4
    few, many = peak(folder_of(tmp_path / "few", 200), most), peak(folder_of(tmp_path / "many", 2000), most)
    assert many - few < 0.4 * 1800 * picture_bytes, "names and paths alone"


def test_the_cache_keeps_what_was_used_last() -> None:
    made: list[str] = []
    cache = Cache(most=300)

    def get(name: str) -> None:
        cache.get((name, ""), lambda: (made.append(name), (np.zeros(100, np.uint8),))[1])

    for name in ("a", "b", "c", "a", "d", "a", "b"):
        get(name)
    assert made == ["a", "b", "c", "d", "b"]
    assert cache.bytes == 300
    cache.get(("large", ""), lambda: (np.zeros(1000, np.uint8),))
    assert cache.bytes <= 300, "what is larger than the whole cache is not kept"


def test_a_picture_is_decoded_when_it_is_asked_for(plain: Path) -> None:
    pairs = plain_index(plain, Cache())
    refuse_unreadable(pairs)
    pairs[0].image.write_bytes(b"rubbish")
    assert pairs[1].rgb.shape == (96, 128, 3)
    with pytest.raises(DataError, match="repair or remove"):
        _ = pairs[0].rgb


def test_a_file_that_is_cut_short_is_refused_before_training(plain: Path) -> None:
    pairs = plain_index(plain, Cache())
    spoilt = pairs[3].mask_file
    assert spoilt is not None
    spoilt.write_bytes(spoilt.read_bytes()[:-20])
    with pytest.raises(DataError, match=spoilt.name):
        refuse_unreadable(pairs)


def test_a_picture_without_a_mask_shows_none(plain: Path) -> None:
    first = plain_index(plain, Cache())[0]
    bare = Indexed("x", "s", "g", first.image, None, 64, Cache())
    assert not bare.mask.any()
    assert bare.rgb.shape == (48, 64, 3)
    assert bare.mask.shape == (48, 64)
    assert Image.open(first.image).size == (128, 96)
