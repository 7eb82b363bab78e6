"""Every figure of a predictor at once, for a model card: `python -m training evaluate`."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from segmentation.cut import Predictor
from segmentation.mask.edge import refine
from training.data.dataset import Pair
from training.evaluation.calibrate import crops_beside
from training.evaluation.metrics import Figures, Map, iou


class SaliencyFigures:
    """Gathers what pysodmetrics defines, by that package: weighted Fβ, S-measure, E-measure, its maxFβ and MAE.

    pysodmetrics stretches each mask to 0..1 first and averages the F curves of the pictures, where `Figures` averages
    precision and recall as BASNet's authors do: its maxFβ is the stricter.
    """

    def __init__(self) -> None:
        import py_sod_metrics as sod

        self.parts = {
            "max_f_beta": sod.FmeasureV2({"fm": sod.FmeasureHandler(with_dynamic=True, with_adaptive=False, beta=0.3)}),
            "mae": sod.MAE(),
            "weighted_f_beta": sod.WeightedFmeasure(),
            "s_measure": sod.Smeasure(),
            "e_measure": sod.Emeasure(),
        }

    def add(self, alpha: Map, truth: Map) -> None:
        """Masks of one size, H×W uint8; the truth is cut at 128."""
        for part in self.parts.values():
            part.step(alpha, np.where(truth >= 128, 255, 0).astype(np.uint8))

    def summary(self) -> dict[str, float]:
        """The figures, each in 0..1; max_f_beta and e_measure are the largest over all thresholds."""
        found = {name: part.get_results() for name, part in self.parts.items()}
        return {
            "max_f_beta": float(found["max_f_beta"]["fm"]["dynamic"].max()),
            "mae": float(found["mae"]["mae"]),
            "weighted_f_beta": float(found["weighted_f_beta"]["wfm"]),
            "s_measure": float(found["s_measure"]["sm"]),
            "e_measure": float(found["e_measure"]["em"]["curve"].max()),
        }


def saliency_figures() -> SaliencyFigures | None:
    """None where pysodmetrics is missing: `pip install --no-deps pysodmetrics==1.5.0`, as `make test` does.

    Without its dependencies, because it asks for a numpy below 2 that its code does not need.
    """
    return SaliencyFigures() if find_spec("py_sod_metrics") else None


def rank_correlation(uncertainties: Sequence[float], errors: Sequence[float]) -> float | None:
    """Spearman's, or None where one of the two never varies."""
    if len(set(uncertainties)) < 2 or len(set(errors)) < 2:
        return None
    return float(spearmanr(uncertainties, errors).statistic)


def share(values: Sequence[bool]) -> float | None:
    return float(np.mean(values)) if values else None


def judge(predictor: Predictor, pairs: Sequence[Pair]) -> dict[str, Any]:
    """All figures of a predictor on pictures with masks, at the pictures' own size.

    Beside those of `figures_of`: `sod` by pysodmetrics (None without it), `edge` after the mask's edge was refined as
    stickers have it, `uncertainty` with its rank correlation with 1 − IoU, and `subject`: on how many of the pictures
    and on how many crops beside their subjects one was found, and the precision of that.
    """
    figures, edged, sod = Figures(), Figures(), saliency_figures()
    uncertainties: list[float] = []
    errors: list[float] = []
    found: list[bool] = []
    mistaken: list[bool] = []
    for pair in pairs:
        cut = predictor.predict(pair.rgb)
        figures.add(cut.alpha, pair.mask)
        edged.add(refine(pair.rgb, cut.alpha), pair.mask)
        if sod:
            sod.add(cut.alpha, pair.mask)
        uncertainties.append(cut.uncertainty)
        errors.append(1 - iou(cut.alpha, pair.mask))
        found.append(cut.subject_found)
        mistaken += [predictor.predict(crop).subject_found for crop in crops_beside(pair)]
    right, wrong = sum(found), sum(mistaken)
    return {
        **figures.summary(),
        "sod": sod.summary() if sod else None,
        "edge": edged.summary(),
        "uncertainty": {"spearman": rank_correlation(uncertainties, errors), "pictures": len(pairs)},
        "subject": {
            "recall": share(found),
            "refused_crops": share([not m for m in mistaken]),
            "precision": right / (right + wrong) if right + wrong else None,
            "crops": len(mistaken),
        },
    }
