"""A picture's slices follow from the picture and its true mask."""

from pathlib import Path

import numpy as np
import pytest
from skimage import data

from training.data.dataset import plain_folder
from training.evaluation.slices import slices_of

ECSSD = Path(__file__).parents[4] / "shared" / "data" / "ecssd"


def disc(radius, size=200):
    y, x = np.mgrid[:size, :size]
    return ((np.hypot(x - size / 2, y - size / 2) < radius) * 255).astype(np.uint8)


def test_size_and_source():
    assert slices_of(disc(10), "pets") == ["source: pets", "size: small"]
    assert slices_of(disc(50), "pets") == ["source: pets", "size: medium"]
    assert slices_of(disc(95), "pets") == ["source: pets", "size: large"]


def test_an_empty_mask_has_no_size():
    assert slices_of(disc(0), "pets") == ["source: pets", "size: nothing"]


def test_two_subjects_and_a_speck():
    two = np.zeros((100, 200), np.uint8)
    two[30:70, 20:60] = two[30:70, 120:160] = 255
    assert "subjects: several" in slices_of(two, "pets")
    speck = disc(50)
    speck[2:5, 2:5] = 255
    assert "subjects: several" not in slices_of(speck, "pets")


def test_a_comb_is_hair_like_at_any_resolution_and_a_disc_is_not():
    comb = np.zeros((200, 200), np.uint8)
    comb[100:150, 20:180] = 255
    comb[20:100, 20:180:8] = comb[20:100, 21:180:8] = comb[20:100, 22:180:8] = 255
    assert "edge: hair-like" in slices_of(comb, "pets")
    assert "edge: hair-like" in slices_of(comb.repeat(4, 0).repeat(4, 1), "pets")
    assert "edge: hair-like" not in slices_of(disc(60), "pets")


def test_a_subject_that_the_picture_cuts_off():
    cut_off = np.roll(disc(50), 60, axis=1)
    assert "subject: at the border" in slices_of(cut_off, "pets")
    assert "subject: at the border" not in slices_of(disc(50), "pets")


@pytest.mark.parametrize("photo", [data.astronaut, data.chelsea, data.coffee, data.rocket])
def test_a_photo_is_dark_once_its_light_is_taken(photo):
    rgb = photo()
    mask = np.zeros(rgb.shape[:2], np.uint8)
    mask[100:200, 100:200] = 255
    assert "light: dark" not in slices_of(mask, "pets", rgb)
    assert "light: dark" in slices_of(mask, "pets", rgb // 3)
    assert "light: dark" in slices_of(mask * 0, "pets", rgb // 3)


def test_real_photos_fall_into_every_slice_and_into_the_right_one():
    if not ECSSD.is_dir():
        pytest.skip(f"{ECSSD} is absent: photographs with masks for research, not part of the project.")
    found = {pair.name: set(slices_of(pair.mask, pair.source, pair.rgb)) for pair in plain_folder(ECSSD, 256)}
    named = {name for names in found.values() for name in names}
    assert named == {
        "source: ecssd",
        "size: small",
        "size: medium",
        "size: large",
        "subjects: several",
        "subject: at the border",
        "edge: hair-like",
        "light: dark",
    }
    assert all(sum(name in names for names in found.values()) >= 5 for name in named)
    assert "subjects: several" in found["0025"]
    assert "edge: hair-like" in found["0205"]
    assert "light: dark" in found["0541"]
