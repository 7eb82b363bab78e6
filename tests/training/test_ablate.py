import numpy as np

from training.ablate import WAYS, markdown, settings
from training.config import FineTuneConfig
from training.data.simulate import by_night, lamp


def test_a_photo_by_night_is_dark_but_for_its_lamp_and_the_same_again() -> None:
    photo = np.full((96, 128, 3), 160, np.uint8)
    dark = by_night(np.random.default_rng(3), photo)
    assert dark.shape == photo.shape
    assert np.median(dark) < 90
    assert dark.max() > 200, "the lamp"
    assert np.array_equal(dark, by_night(np.random.default_rng(3), photo))
    assert lamp(np.random.default_rng(3), 96, 128).shape == (96, 128, 1)


def test_each_way_differs_from_another_by_what_it_leaves_out() -> None:
    assert len({(way.frozen, way.layerwise, way.distil, way.replay) for way in WAYS}) == len(WAYS)
    plain = settings(next(way for way in WAYS if way.name == "plain"), FineTuneConfig())
    assert (plain.frozen_statistics, plain.encoder_floor) == (False, 1.0)


def test_the_table_shows_changes_in_points() -> None:
    rows = {"the base": {"class": 0.5, "others": 0.8}, "all": {"class": 0.57, "others": 0.797}}
    assert markdown(rows).splitlines() == [
        "| | class | others |",
        "|---|---|---|",
        "| the base | 50.0 | 80.0 |",
        "| all | +7.0 | -0.3 |",
    ]
