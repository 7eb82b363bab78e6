"""No halo of the old background is left in the colours of an edge."""

import numpy as np
import pytest
from numpy.typing import NDArray

from segmentation.mask import foreground


def mixed(front: tuple[int, int, int], back: tuple[int, int, int]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A disc with a soft edge of ten pixels, one colour over another, and its alpha."""
    y, x = np.mgrid[:200, :260]
    alpha = np.clip((60 - np.hypot(y - 100, x - 130)) / 10 + 0.5, 0, 1)
    seen = alpha[..., None] * np.array(front) + (1 - alpha[..., None]) * np.array(back)
    return seen.round().astype(np.uint8), (alpha * 255).round().astype(np.uint8)


@pytest.mark.parametrize("back", [(0, 200, 0), (255, 255, 255), (0, 0, 0)])
def test_the_old_background_leaves_the_edge(back: tuple[int, int, int]) -> None:
    front = (200, 60, 40)
    rgb, alpha = mixed(front, back)
    edge = (alpha > 25) & (alpha < 230)
    before = np.abs(rgb[edge].astype(int) - front).mean()
    after = np.abs(foreground.estimate(rgb, alpha)[edge].astype(int) - front).mean()
    assert after < 0.12 * before


def test_only_what_is_soft_changes_and_the_mask_never_does() -> None:
    rgb, alpha = mixed((200, 60, 40), (0, 200, 0))
    kept = alpha.copy(), rgb.copy()
    colours = foreground.estimate(rgb, alpha)
    sure = (alpha == 0) | (alpha == 255)
    assert np.array_equal(colours[sure], rgb[sure])
    assert np.array_equal(alpha, kept[0])
    assert np.array_equal(rgb, kept[1])


def test_a_hard_mask_and_an_empty_one_change_no_colour() -> None:
    rgb, alpha = mixed((200, 60, 40), (0, 200, 0))
    for binary in (((alpha > 128) * 255).astype(np.uint8), np.zeros_like(alpha), np.full_like(alpha, 9)):
        assert np.array_equal(foreground.estimate(rgb, binary), rgb)


def test_any_mask_of_any_photo_gives_colours() -> None:
    rng = np.random.default_rng(4)
    for _ in range(20):
        height, width = rng.integers(1, 90, 2)
        rgb = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        colours = foreground.estimate(rgb, rng.integers(0, 256, (height, width), dtype=np.uint8))
        assert (colours.shape, colours.dtype) == (rgb.shape, np.uint8)


def test_a_mask_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="one size"):
        foreground.estimate(np.zeros((4, 5, 3), np.uint8), np.zeros((5, 4), np.uint8))
