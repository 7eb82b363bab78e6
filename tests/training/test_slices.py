"""A picture's slices follow from its true mask."""

import numpy as np

from training.slices import slices_of


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


def test_a_comb_is_fringed_at_any_resolution_and_a_disc_is_not():
    comb = np.zeros((200, 200), np.uint8)
    comb[100:150, 20:180] = 255
    comb[20:100, 20:180:8] = comb[20:100, 21:180:8] = comb[20:100, 22:180:8] = 255
    assert "edge: fringed" in slices_of(comb, "pets")
    assert "edge: fringed" in slices_of(comb.repeat(4, 0).repeat(4, 1), "pets")
    assert "edge: fringed" not in slices_of(disc(60), "pets")
