"""A copy with up to a tenth cut off is a near-duplicate, whichever of the two comes first."""

import random
import uuid

import numpy as np
import pytest
from django.utils import timezone

from annotations import fingerprints, services
from annotations.models import Photo

SHARES = {  # left, top, right, bottom
    "left": (0.08, 0, 0, 0),
    "top": (0, 0.08, 0, 0),
    "right": (0, 0, 0.08, 0),
    "bottom": (0, 0, 0, 0.08),
    "a twentieth": (0, 0, 0.05, 0),
    "a tenth": (0, 0, 0.1, 0),
    "a corner": (0.08, 0.08, 0, 0),
    "all around": (0.08, 0.08, 0.08, 0.08),
    "a little all around": (0.04, 0.04, 0.04, 0.04),
}


def cropped(rgb: np.ndarray, cut: str) -> np.ndarray:
    height, width = rgb.shape[:2]
    left, top, right, bottom = SHARES[cut]
    rows = slice(round(height * top), height - round(height * bottom))
    return np.ascontiguousarray(rgb[rows, round(width * left) : width - round(width * right)])


@pytest.fixture(params=["cat", "coffee"])
def photograph(request):
    return request.getfixturevalue(request.param)


def hashes(rgb: np.ndarray) -> tuple[int, list[int]]:
    return fingerprints.phashes(rgb)[0], fingerprints.crops(rgb)


@pytest.mark.parametrize("cut", SHARES)
def test_a_crop_is_near_its_photo_and_the_photo_near_its_crop(photograph, cut):
    first, second = hashes(photograph), hashes(cropped(photograph, cut))
    for kept, asked in ((first, second), (second, first)):
        near = fingerprints.Near()
        near.add(*kept, "holdout")
        assert near.sides(*asked) == {"holdout"}


def test_other_photographs_are_not_near(cat, coffee):
    near = fingerprints.Near()
    near.add(*hashes(cat), "train")
    noise = np.random.default_rng(5).integers(0, 256, (64, 64, 3), np.uint8)
    assert not near.sides(*hashes(coffee))
    assert not near.sides(*hashes(noise))


@pytest.mark.django_db
@pytest.mark.parametrize("cut", SHARES)
def test_a_crop_joins_the_group_and_a_photo_that_of_its_crop(photo_of, cat, coffee, cut):
    photo, crop = photo_of(uuid.uuid4(), cat), photo_of(uuid.uuid4(), cropped(coffee, cut))
    assert photo_of(uuid.uuid4(), cropped(cat, cut)).group == photo.group
    assert photo_of(uuid.uuid4(), coffee).group == crop.group != photo.group


@pytest.mark.django_db
def test_what_was_in_a_version_and_is_gone_is_still_known_by_its_crops(photo_of, contribute, freeze, cat):
    photo = photo_of(uuid.uuid4(), cat, consented_at=timezone.now())
    photo.predictions.all().delete()
    contribute.correct(photo)
    freeze()
    services.photo_delete(photo=photo)
    assert photo_of(uuid.uuid4(), cropped(cat, "left")).group == photo.group


@pytest.mark.django_db
def test_a_crop_of_a_held_out_photo_does_not_teach(photo_of, contribute, freeze, settings, cat):
    """Also where its own group says nothing: it came before the photo that both resemble was there."""
    settings.SPLIT_OWNERS_MINIMUM = 2
    chance = random.Random(1)  # who is held out depends on everybody's name
    for _ in range(20):
        contribute(uuid.UUID(int=chance.getrandbits(128)), chance.getrandbits(64))
    photo = photo_of(uuid.UUID(int=20), cat, consented_at=timezone.now())
    contribute.correct(photo)
    side = dict(freeze().items.values_list("photo", "split"))[photo.id]
    crop = photo_of(uuid.UUID(int=21), cropped(cat, "a corner"), consented_at=timezone.now())
    Photo.objects.filter(id=crop.id).update(group=uuid.uuid4())
    contribute.correct(crop)
    assert dict(freeze().items.values_list("photo", "split"))[crop.id] == side
