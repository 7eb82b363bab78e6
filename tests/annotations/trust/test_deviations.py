"""How odd a mask is for what the network had made of its picture."""

import numpy as np
import pytest

from annotations.trust import deviations, sketch

PEOPLE, EACH = 20, 12


def disc(random: np.random.Generator) -> np.ndarray:
    rows, columns = np.mgrid[: sketch.SIDE, : sketch.SIDE]
    y, x, radius = random.uniform(11, 21), random.uniform(11, 21), random.uniform(4, 9)
    return np.clip(radius - np.hypot(rows - y, columns - x) + 0.5, 0, 1).astype(np.float32)


@pytest.fixture
def crowd():
    """crowd(): masks, predictions and authors; half of the predictions are poor and say so, half are good."""
    random = np.random.default_rng(2)
    masks, predictions = [], []
    for i in range(PEOPLE * EACH):
        mask = disc(random)
        unsure = 0.35 * random.random() * (i % 2)
        noise = random.normal(0, 1, mask.shape) * unsure
        predictions.append(np.clip(mask * (1 - 2 * unsure) + unsure + noise, 0, 1).astype(np.float32))
        masks.append(np.clip(mask + random.normal(0, 0.03, mask.shape) * (mask > 0), 0, 1).astype(np.float32))
    authors = np.repeat(np.arange(PEOPLE), EACH)
    return np.stack(masks), np.stack(predictions), authors


def test_among_honest_people_the_chances_are_even(crowd):
    chances = deviations.chances(*crowd)
    assert 0 < chances.min() < chances.max() <= 1
    for share in (0.05, 0.1, 0.2, 0.5):
        assert np.mean(chances <= share) == pytest.approx(share, abs=0.03)


def test_half_a_subject_missing_now_and_then_is_odd_and_nothing_else_becomes_so(crowd):
    masks, predictions, authors = crowd
    masks = masks.copy()
    for mask in masks[:EACH:3]:
        mask[: round(deviations.centres(mask[None])[0, 0] * sketch.SIDE)] = 0
    chances = deviations.chances(masks, predictions, authors)
    assert chances[:EACH:3].max() < 0.2
    assert np.median(chances[:EACH:3]) < 0.05
    assert np.mean(chances[EACH:] <= 0.1) < 0.13


def test_who_deviates_less_than_others_is_never_odd(crowd):
    masks, predictions, authors = crowd
    lazy = np.where((authors == 3)[:, None, None], predictions, masks)
    assert deviations.chances(lazy, predictions, authors)[authors == 3].min() > 0.2


def test_without_others_nothing_is_odd(crowd):
    masks, predictions, authors = crowd
    assert (deviations.chances(masks[:1], predictions[:1], authors[:1]) == 1).all()
    assert (deviations.chances(masks[:EACH], predictions[:EACH], authors[:EACH]) == 1).all()


def test_centres_of_mass_are_told_in_shares_of_a_side():
    mask = np.zeros((1, sketch.SIDE, sketch.SIDE), np.float32)
    assert deviations.centres(mask)[0] == pytest.approx([0.5, 0.5])
    mask[0, 24:, :16] = 1
    assert deviations.centres(mask)[0] == pytest.approx([0.875, 0.25], abs=0.01)
