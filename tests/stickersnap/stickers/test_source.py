"""How many pixels a sticker is made of."""

import io

import numpy as np
import pytest
from PIL import Image

from stickersnap.stickers.source import scaled, shorter_needed


def mask_of(height: int, width: int, box: tuple[int, int, int, int]) -> np.ndarray:
    alpha = np.zeros((height, width), np.uint8)
    left, top, right, bottom = box
    alpha[top:bottom, left:right] = 255
    return alpha


@pytest.mark.parametrize(("box", "shorter"), [
    ((0, 0, 40, 30), 384),  # the whole photo: 512 of 4000 pixels
    ((0, 0, 20, 30), 512),  # all of its height, 3000 pixels, is the longer side
    ((10, 10, 15, 12), 3000),  # 500 pixels: all there are
])  # fmt: skip
def test_a_small_subject_needs_more_of_the_photo(box: tuple[int, int, int, int], shorter: int) -> None:
    assert shorter_needed((4000, 3000), mask_of(30, 40, box), 512) == shorter


def test_a_mask_that_shows_nothing_asks_for_all() -> None:
    assert shorter_needed((400, 300), np.zeros((3, 4), np.uint8), 512) == 300


def test_photo_and_mask_come_at_one_scale() -> None:
    out = io.BytesIO()
    Image.new("RGB", (2400, 1600), "orange").save(out, "JPEG")
    rgb, alpha = scaled(out.getvalue, (2400, 1600), mask_of(100, 150, (0, 0, 150, 100)), 512)
    assert rgb.shape == (400, 600, 3)
    assert alpha.shape == (400, 600)
    assert alpha.min() == 255


def test_a_photo_that_came_much_too_large_is_shrunk_with_its_mask() -> None:
    out = io.BytesIO()
    Image.new("RGB", (1500, 1000), "orange").save(out, "PNG")
    rgb, alpha = scaled(out.getvalue, (1500, 1000), mask_of(100, 150, (0, 0, 150, 100)), 512)
    assert rgb.shape == (342, 513, 3)
    assert alpha.shape == (342, 513)


def test_what_is_decoded_already_is_taken_where_it_has_enough_pixels() -> None:
    decoded = Image.new("RGB", (1200, 800), "orange")
    rgb, alpha = scaled(unread, (2400, 1600), mask_of(100, 150, (0, 0, 150, 100)), 512, decoded)
    assert rgb.shape == (342, 513, 3)
    assert alpha.shape == (342, 513)
    with pytest.raises(AssertionError, match="needed"):
        scaled(unread, (2400, 1600), mask_of(100, 150, (0, 0, 30, 20)), 512, decoded)


def unread() -> bytes:
    raise AssertionError("the file is needed")
