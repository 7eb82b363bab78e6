"""What a correction changed, as a picture."""

import io
import uuid

import numpy as np
import pytest
from django.utils import timezone
from PIL import Image

from annotations.difference import ADDED, REMOVED, SIDE, difference


def test_what_was_added_is_green_what_was_removed_red_and_the_rest_grey():
    rgb = np.full((40, 60, 3), (200, 20, 20), np.uint8)
    old, new = np.zeros((40, 60), np.uint8), np.zeros((40, 60), np.uint8)
    old[:, :20] = 255
    new[:, 40:] = 255
    seen = difference(rgb, old, new)
    assert seen.shape == rgb.shape
    assert tuple(seen[20, 5]) == REMOVED
    assert tuple(seen[20, 55]) == ADDED
    assert len(set(seen[20, 30].tolist())) == 1


def test_a_half_change_has_half_the_colour():
    rgb, old = np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), np.uint8)
    half = difference(rgb, old, np.full((8, 8), 128, np.uint8))[4, 4].astype(int)
    assert np.abs(half - (np.array(ADDED) + 96) / 2).max() <= 1


@pytest.mark.parametrize("shape", [(3000, 2), (2, 3000), (700, 900), (1, 1)])
def test_it_is_never_larger_than_a_reviewer_needs(shape):
    rgb, mask = np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.uint8)
    seen = difference(rgb, mask, mask)
    assert max(seen.shape[:2]) == min(SIDE, max(shape))
    assert min(seen.shape[:2]) >= 1


@pytest.mark.django_db
def test_a_reviewer_sees_it_of_consented_photos_alone(client, photo_of, submit, fill, cat, coffee, people):
    owner = uuid.uuid4()
    allowed, private = photo_of(owner, cat, consented_at=timezone.now()), photo_of(owner, coffee)
    corrections = [submit(photo, owner, fill(photo))[0] for photo in (allowed, private)]
    client.force_login(people.rita)
    answers = [client.get(f"/api/v1/corrections/{correction.id}/difference.png") for correction in corrections]
    assert [answer.status_code for answer in answers] == [200, 404]
    seen = np.asarray(Image.open(io.BytesIO(answers[0].content)))
    assert tuple(seen[allowed.height // 2, allowed.width // 2 - 80]) == REMOVED
