import json
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from training.__main__ import main
from training.evaluation.judge import rank_correlation, saliency_figures

FIGURES = {"max_f_beta", "mae", "weighted_f_beta", "s_measure", "e_measure"}


def blurred(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A soft, noisy mask and its truth, 90×120 uint8."""
    field = ndimage.gaussian_filter(random.random((90, 120)), 9)
    truth = field > np.median(field) + 0.005
    alpha = ndimage.gaussian_filter(truth * 255.0 + random.normal(0, 60, truth.shape), 3)
    return alpha.clip(0, 255).astype(np.uint8), (truth * 255).astype(np.uint8)


def test_saliency_figures_are_those_of_pysodmetrics_in_its_own_environment() -> None:
    """The expected numbers are of pysodmetrics 1.6.2 with the numpy 2.3.4 that it asks for."""
    sod = saliency_figures()
    assert sod is not None, "pip install --no-deps -c constraints.txt pysodmetrics"
    random = np.random.default_rng(0)
    for _ in range(6):
        sod.add(*blurred(random))
    expected = {
        "max_f_beta": 0.9868358101,
        "mae": 0.0832742072,
        "weighted_f_beta": 0.8519292342,
        "s_measure": 0.9231202122,
        "e_measure": 0.9903887246,
    }
    assert sod.summary() == pytest.approx(expected, abs=1e-4)


def test_a_correlation_needs_something_that_varies() -> None:
    assert rank_correlation([0.1, 0.2, 0.3], [0.2, 0.5, 0.9]) == pytest.approx(1)
    assert rank_correlation([0.1, 0.1], [0.2, 0.5]) is None
    assert rank_correlation([], []) is None


def test_every_figure_is_printed(plain: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "--weights", "starter", "--data", str(plain), "--device", "cpu"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["images"] == 24
    assert set(told["sod"]) == FIGURES
    assert all(0 <= told[name] <= 1 for name in ("max_f_beta", "mae", "mean_iou", "mean_boundary_f"))
    assert told["edge"]["mean_iou"] > 0.5
    assert -1 <= told["uncertainty"]["spearman"] <= 1
    assert told["subject"]["recall"] > 0.9
    assert told["subject"]["crops"] > 0
