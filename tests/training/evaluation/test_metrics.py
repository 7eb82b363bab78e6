import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.evaluation import metrics


def plain_curve(alpha: np.ndarray, truth: np.ndarray) -> list[tuple[float, float]]:
    """Precision and recall at every threshold, pixel by pixel."""
    curve = []
    for threshold in range(256):
        hit = sum(int(a >= threshold and t >= 128) for a, t in zip(alpha.flat, truth.flat, strict=True))
        said = sum(int(a >= threshold) for a in alpha.flat)
        there = sum(int(t >= 128) for t in truth.flat)
        curve.append((hit / said if said else 0.0, hit / there if there else 0.0))
    return curve


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_the_figures_are_those_of_a_plain_implementation(seed: int) -> None:
    random = np.random.default_rng(seed)
    pairs = [(random.integers(0, 256, (5, 6)).astype(np.uint8), random.integers(0, 2, (5, 6)).astype(np.uint8) * 255)
             for _ in range(3)]  # fmt: skip
    figures = metrics.Figures()
    for alpha, truth in pairs:
        figures.add(alpha, truth)
    curves = [plain_curve(alpha, truth) for alpha, truth in pairs]
    best = 0.0
    for t in range(256):
        p, r = np.mean([c[t][0] for c in curves]), np.mean([c[t][1] for c in curves])
        best = max(best, 1.3 * p * r / (0.3 * p + r) if p + r else 0.0)
    summary = figures.summary()
    assert summary["max_f_beta"] == pytest.approx(best)
    mae = np.mean([abs(int(a) / 255 - (t >= 128)) for x, y in pairs for a, t in zip(x.flat, y.flat, strict=True)])
    assert summary["mae"] == pytest.approx(mae)
    ious = []
    for alpha, truth in pairs:
        a = {i for i, v in enumerate(alpha.flat) if v >= 128}
        b = {i for i, v in enumerate(truth.flat) if v >= 128}
        ious.append(len(a & b) / len(a | b) if a | b else 1.0)
    assert summary["mean_iou"] == pytest.approx(np.mean(ious))


def square(left: int) -> np.ndarray:
    alpha = np.zeros((100, 100), np.uint8)
    alpha[20:60, left : left + 40] = 255
    return alpha


def test_the_truth_itself_is_perfect() -> None:
    figures = metrics.Figures()
    figures.add(square(20), square(20))
    assert figures.summary() == {"mean_iou": 1.0, "mean_boundary_f": 1.0, "mae": 0.0, "max_f_beta": 1.0}


def test_the_boundary_forgives_one_pixel_and_not_ten() -> None:
    assert metrics.boundary_f(square(21), square(20)) == 1
    assert metrics.boundary_f(square(30), square(20)) < 0.7
    assert metrics.boundary_f(square(20) * 0, square(20)) == 0
    assert metrics.boundary_f(square(20) * 0, square(20) * 0) == 1


def test_a_contour_is_one_pixel_wide() -> None:
    assert metrics.contour(square(20) >= 128).sum() == 4 * 40 - 4


def test_no_pictures_have_no_figures() -> None:
    with pytest.raises(ValueError, match="at least one"):
        metrics.Figures().summary()
