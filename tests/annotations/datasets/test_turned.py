"""A copy turned by a quarter, or mirrored, is a near-duplicate: no side of the split learns it for the other."""

import uuid

import numpy as np
import pytest

from annotations import fingerprints

WAYS = {
    "as it is": lambda rgb: rgb,
    "a quarter": np.rot90,
    "half": lambda rgb: np.rot90(rgb, 2),
    "three quarters": lambda rgb: np.rot90(rgb, 3),
    "mirrored": np.fliplr,
    "upside down": np.flipud,
    "transposed": lambda rgb: rgb.swapaxes(0, 1),
    "mirrored and turned": lambda rgb: np.rot90(np.fliplr(rgb)),
}


def test_rows_and_columns_of_a_hash_are_exchanged():
    assert fingerprints.transposed(1 << 62) == 1 << 55  # first row, second column
    assert fingerprints.transposed(-1) == (1 << 64) - 1
    assert fingerprints.transposed(fingerprints.MIRROR) == fingerprints.FLIP


@pytest.mark.parametrize("way", WAYS)
def test_a_turned_copy_is_found_by_the_hash_that_is_kept(cat, way):
    near = fingerprints.Near()
    near.add(fingerprints.phashes(cat)[0], (), "holdout")
    turned = np.ascontiguousarray(WAYS[way](cat))
    assert near.sides(fingerprints.phashes(turned)[0], ()) == {"holdout"}


def test_another_picture_is_none(cat):
    near = fingerprints.Near()
    near.add(fingerprints.phashes(cat)[0], (), "holdout")
    noise = np.random.default_rng(5).integers(0, 256, (32, 32, 3), np.uint8)
    assert not near.sides(fingerprints.phashes(noise)[0], ())


@pytest.mark.django_db
@pytest.mark.parametrize("way", WAYS)
def test_a_turned_copy_joins_the_group(photo_of, cat, way):
    first = photo_of(uuid.uuid4(), cat)
    assert photo_of(uuid.uuid4(), np.ascontiguousarray(WAYS[way](cat))).group == first.group
