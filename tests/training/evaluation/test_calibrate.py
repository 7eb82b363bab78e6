import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from skimage import data

from segmentation import weights
from segmentation.predictor import TorchPredictor
from segmentation.uncertainty import subject_features, subject_score
from training.data.dataset import Pair, plain_folder
from training.evaluation import calibrate, nothing
from training.saving import inherited

FEW = 4


@pytest.fixture(scope="module")
def predictor() -> TorchPredictor:
    return TorchPredictor(weights.load("starter"), "cpu")


@pytest.fixture
def pairs(plain: Path) -> list[Pair]:
    return list(plain_folder(plain))


def test_the_threshold_divides_what_can_be_divided() -> None:
    assert 0.3 < calibrate.best_threshold([0.9, 0.8, 0.95], [0.1, 0.3]) <= 0.8
    overlapping = calibrate.best_threshold(list(np.linspace(0.5, 1, 100)), list(np.linspace(0, 0.6, 100)))
    assert np.mean(np.linspace(0.5, 1, 100) >= overlapping) >= 0.98


def test_drawn_pictures_are_of_every_kind() -> None:
    pictures = nothing.drawn_pictures(seed=0, size=32, count=2)
    assert len(pictures) == 6
    assert all(p.shape == (32, 32, 3) and p.dtype == np.uint8 for p in pictures)
    assert not np.ptp(pictures[0].reshape(-1, 3), axis=0).any()


def test_a_crop_beside_a_subject_holds_nothing_of_it(pairs: list[Pair]) -> None:
    white = [Pair(p.name, p.source, p.group, np.repeat(p.mask[..., None], 3, 2), p.mask) for p in pairs]
    crops = [crop for pair in white for crop in calibrate.crops_beside(pair)]
    assert len(crops) > FEW
    assert not any(crop.any() for crop in crops)
    assert all(min(c.shape[:2]) >= 28 and max(c.shape[:2]) <= 2.6 * min(c.shape[:2]) for c in crops)
    nothing = Pair("e", "s", "e", pairs[0].rgb, pairs[0].mask * 0)
    assert calibrate.crops_beside(nothing) == []
    assert calibrate.small_subject(nothing, pairs[1].rgb, np.random.default_rng(0)) is None


def test_a_small_subject_is_all_there(pairs: list[Pair]) -> None:
    mask = pairs[0].mask
    red = Pair("r", "s", "r", np.where(mask[..., None] > 0, [255, 0, 0], [0, 0, 255]).astype(np.uint8), mask)
    ground = np.full((40, 60, 3), 128, np.uint8)
    for seed in range(8):
        picture = calibrate.small_subject(red, ground, np.random.default_rng(seed))
        assert picture is not None
        reddish = picture[..., 0].astype(int) - picture[..., 2] > 60
        assert 0.01 < reddish.mean() < 0.25
        assert not reddish.all(0).any()


def test_a_case_is_scored_by_a_fit_that_has_not_seen_its_group() -> None:
    random = np.random.default_rng(1)
    truth = np.arange(200) % 2 == 0
    features = random.normal(truth[:, None] * 2.0, 1, (200, 4))
    cases = [calibrate.Case(np.zeros((1, 1, 3), np.uint8), bool(t), "photo", f"g{i % 7}") for i, t in enumerate(truth)]
    model, scores = calibrate.fit(features, cases)
    assert scores[truth].mean() > 0.85 > 0.15 > scores[~truth].mean()
    logits = features @ np.array(model["coefficients"]) + model["intercept"]
    assert np.abs(1 / (1 + np.exp(-logits)) - scores).max() < 0.2, "the fit over all is near the fits over most"
    error, bins = calibrate.reliability(scores, truth)
    assert error < 0.08
    assert sum(row[2] for row in bins) == 200


def test_scores_that_promise_too_much_have_a_large_calibration_error() -> None:
    truth = np.arange(100) < 50
    assert calibrate.reliability(np.full(100, 0.5), truth)[0] == pytest.approx(0)
    assert calibrate.reliability(np.full(100, 0.95), truth)[0] == pytest.approx(0.45)


def test_a_card_is_calibrated_and_scores_as_it_says(predictor: TorchPredictor, pairs: list[Pair]) -> None:
    card = calibrate.calibrate(predictor, pairs)
    subject = card["subject"]
    assert json.loads(json.dumps(card)) == card
    assert 0 < card["subject_threshold"] < 1
    assert set(subject["cases"]) == {"photo", "small", "crop", "drawn", "texture", "page"}
    assert sum(row[2] for row in subject["reliability"]) == sum(subject["cases"].values())
    assert subject["found"]["photo"] >= 0.9
    y, x = np.mgrid[:64, :64]
    sure = (np.hypot(x - 30, y - 30) < 12).astype(np.float32)
    assert subject_score(sure, sure, card) > 0.8 > 0.1 > subject_score(sure * 0, sure * 0, card)
    assert subject_features(sure, sure * 0)[0] > subject_features(sure, sure * 0)[2]


@dataclass(frozen=True)
class Seer:
    """A teacher that sees a subject in bright pictures alone."""

    def predict(self, rgb: np.ndarray) -> SimpleNamespace:
        return SimpleNamespace(alpha=np.full(rgb.shape[:2], 255 if rgb.mean() > 128 else 0, np.uint8))


def test_a_crop_in_which_a_teacher_sees_something_is_not_counted_as_empty(pairs: list[Pair]) -> None:
    def kinds(value: int) -> set[str]:
        plain = [Pair(p.name, p.source, p.group, np.full_like(p.rgb, value), p.mask) for p in pairs]
        return {case.kind for case in calibrate.cases_of(plain, teacher=Seer())}  # type: ignore[arg-type]

    assert "doubtful" in kinds(200)
    assert "crop" not in kinds(200)
    assert "doubtful" not in kinds(40)
    assert "crop" in kinds(40)


def test_doubtful_crops_take_no_part_in_the_fit(predictor: TorchPredictor, pairs: list[Pair]) -> None:
    everything = SimpleNamespace(predict=lambda rgb: SimpleNamespace(alpha=np.full(rgb.shape[:2], 255, np.uint8)))
    subject = calibrate.calibrate(predictor, pairs, teacher=everything)["subject"]
    assert "crop" not in subject["cases"]
    assert 0 <= subject["found"]["doubtful"] <= 1
    counted = sum(count for kind, count in subject["cases"].items() if kind != "doubtful")
    assert sum(row[2] for row in subject["reliability"]) == counted


def test_surfaces_hold_no_subject_and_differ() -> None:
    found = nothing.surfaces(seed=3, count=2)
    assert [name for name, _ in found[::2]] == [*nothing.TEXTURES, *nothing.PAGES]
    assert all(p.dtype == np.uint8 and p.ndim == 3 and min(p.shape[:2]) >= 80 for _, p in found)
    assert not np.array_equal(found[0][1][:80, :80], found[1][1][:80, :80])


def test_the_starter_finds_nothing_in_what_holds_nothing(predictor: TorchPredictor) -> None:
    pictures = nothing.drawn_pictures(seed=5, size=128, count=3)
    found = [predictor.predict(rgb).subject_found for rgb in pictures]
    assert sum(found) <= 1


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "rocket"])
def test_the_starter_finds_the_subject_of_photos_nobody_trained_on(predictor: TorchPredictor, name: str) -> None:
    assert predictor.predict(getattr(data, name)()).subject_found


def test_fine_tuned_weights_inherit_the_score_but_not_its_figures() -> None:
    model = {"coefficients": [1.0, 2.0, 3.0, 4.0], "intercept": -2.0}
    assert inherited({"subject": {**model, "precision": 0.9, "reliability": []}}) == model
    assert inherited({"subject": {"precision": 0.9}}) == inherited({}) == {}
