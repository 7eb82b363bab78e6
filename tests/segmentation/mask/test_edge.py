"""The edge is found in the photo, and only there; the same at every scale."""

import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from segmentation import mask
from segmentation.mask import edge


def blob(height: int, width: int) -> NDArray[np.bool_]:
    """A lobed shape that a network's small map can't follow."""
    y, x = np.mgrid[:height, :width]
    turn = np.arctan2(y - height / 2, x - width / 2)
    radius = min(height, width) * (0.3 + 0.03 * np.sin(11 * turn))
    return np.asarray(np.hypot(y - height / 2, x - width / 2) < radius)


def scene(height: int = 384, width: int = 512, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A bright, grainy shape on a dark ground, and the truth."""
    grain = np.random.default_rng(seed).normal(0, 6, (height, width, 3))
    inside = blob(height, width)
    colours = np.where(inside[..., None], (220, 150, 60), (40, 80, 110))
    return (colours + grain).clip(0, 255).astype(np.uint8), (inside * 255).astype(np.uint8)


def as_a_network_sees(truth: NDArray[np.uint8], side: int = 96) -> NDArray[np.uint8]:
    """The truth squashed to a network's map, blurred, and off by a pixel of it."""
    small = np.asarray(Image.fromarray(truth).resize((side, side), Image.Resampling.BOX), np.float32)
    return np.asarray(ndimage.shift(ndimage.gaussian_filter(small, 1.2), (1, -1)), np.uint8)


def test_the_edge_moves_to_where_the_photo_has_it() -> None:
    rgb, truth = scene()
    seen = as_a_network_sees(truth)
    before = mask.iou(mask.resized(seen, (512, 384)), truth)
    refined = edge.refine(rgb, seen)
    assert refined.shape == truth.shape
    assert mask.iou(refined, truth) > max(0.985, before)


def test_a_mask_at_the_photos_size_and_one_kept_small_give_the_same() -> None:
    rgb, truth = scene()
    small = as_a_network_sees(truth, 256)
    assert mask.iou(edge.refine(rgb, small), edge.refine(rgb, mask.resized(small, (512, 384)))) > 0.99


def test_a_photo_gets_the_same_mask_at_every_scale() -> None:
    rgb, truth = scene(768, 1024)
    half = np.asarray(Image.fromarray(rgb).reduce(2))
    seen = as_a_network_sees(truth)
    whole = Image.fromarray(edge.refine(rgb, seen)).reduce(2)
    assert mask.iou(np.asarray(whole), edge.refine(half, seen)) > 0.99


def test_where_the_network_is_sure_nothing_changes() -> None:
    rgb, truth = scene()
    refined = edge.refine(rgb, as_a_network_sees(truth))
    far = ndimage.distance_transform_edt(truth > 0) + ndimage.distance_transform_edt(truth == 0) > 40
    assert np.array_equal(refined[far], truth[far])


def test_a_flat_photo_keeps_the_contour_it_was_given() -> None:
    seen = as_a_network_sees(scene()[1])
    flat = np.full((384, 512, 3), 120, np.uint8)
    assert mask.iou(edge.refine(flat, seen), mask.resized(seen, (512, 384))) > 0.93


def test_haze_far_from_any_edge_is_settled() -> None:
    rgb, truth = scene()
    seen = np.maximum(as_a_network_sees(truth), 40)
    assert edge.refine(rgb, seen)[:20].max() == 0


@pytest.mark.parametrize("scale", [1, 5])
def test_crumbs_beside_a_subject_and_pinholes_in_it_go_and_nothing_else(scale: int) -> None:
    truth = (blob(384, 512) * 255).astype(np.uint8)
    truth[20:60, 20:60] = 200  # a small subject beside a large one
    truth[180:200, 250:270] = 0  # a hole that is seen through
    grainy = truth.copy()
    grainy[100:106, 40:46] = 255
    grainy[300:302, 60:63] = 90
    grainy[150:154, 250:254] = 0
    grainy[230:232, 260:262] = 120
    large = grainy.repeat(scale, 0).repeat(scale, 1)
    assert np.array_equal(edge.tidied(large), truth.repeat(scale, 0).repeat(scale, 1))
    assert np.array_equal(large, grainy.repeat(scale, 0).repeat(scale, 1)), "what was given is not changed"


def test_what_is_all_crumbs_keeps_its_largest() -> None:
    specks = np.zeros((300, 300), np.uint8)
    specks[::10, ::10] = 255
    specks[150:153, 150:153] = 255
    assert np.count_nonzero(edge.tidied(specks)) == 9


@pytest.mark.parametrize("level", [0, 31, 60])
def test_a_mask_that_shows_nothing_stays_empty(level: int) -> None:
    rgb, _ = scene()
    assert edge.refine(rgb, np.full((50, 50), level, np.uint8)).max() == 0


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 3), (37, 5)])
def test_the_smallest_and_the_thinnest_photos_work(shape: tuple[int, int]) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    refined = edge.refine(rgb, np.full((3, 3), 255, np.uint8))
    assert refined.shape == shape
    assert refined.min() == 255


def test_any_mask_of_any_photo_gives_a_mask() -> None:
    rng = np.random.default_rng(4)
    for _ in range(20):
        height, width, h, w = rng.integers(1, 90, 4)
        rgb = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
        refined = edge.refine(rgb, rng.integers(0, 256, (h, w), dtype=np.uint8))
        assert refined.shape == (height, width)
        assert refined.dtype == np.uint8


def test_a_black_and_a_white_photo_divide_by_nothing() -> None:
    seen = as_a_network_sees(scene()[1])
    for level in (0, 255):
        with np.errstate(all="raise", under="ignore"):
            refined = edge.refine(np.full((384, 512, 3), level, np.uint8), seen)
        assert refined.max() == 255


def test_it_needs_neither_torch_nor_a_compiler() -> None:
    code = (
        "import sys; from segmentation.mask import foreground, subjects; print({'torch', 'numba'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"
