"""From which score on a subject counts as found, and how well the uncertainty tells where a mask is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from segmentation.predictor import Predictor
from training.augment import background
from training.dataset import Pair, Picture
from training.metrics import iou

LEAST_RECALL = 0.98


def empty_pictures(pairs: Sequence[Pair], seed: int = 0, size: int = 256) -> list[Picture]:
    """Pictures without a subject: crops beside the subjects, and flat, graded and noisy ones; size×size×3 uint8."""
    crops = []
    for i, pair in enumerate(pairs):
        crop = background(np.random.default_rng([seed, i]), pair, size, least_area=0.3)
        if crop is not None:
            crops.append(np.asarray(crop))
    return crops + drawn_pictures(seed, size)


def drawn_pictures(seed: int, size: int, count: int = 20) -> list[Picture]:
    """`count` flat, `count` graded and `count` noisy pictures."""
    random = np.random.default_rng(seed)
    ramp = np.linspace(0, 1, size)[:, None, None]
    pictures: list[NDArray[np.float64]] = []
    for _ in range(count):
        a, b = random.uniform(0, 255, (2, 3))
        pictures.append(np.full((size, size, 3), a))
        graded = np.broadcast_to(a + (b - a) * ramp, (size, size, 3))
        pictures.append(np.rot90(graded, int(random.integers(4))))
        pictures.append(random.normal(a, random.uniform(5, 60), (size, size, 3)))
    return [picture.clip(0, 255).astype(np.uint8) for picture in pictures]


def best_threshold(with_subject: Sequence[float], without: Sequence[float]) -> float:
    """The score that divides best (by balanced accuracy) among those that keep a recall of `LEAST_RECALL`."""
    positive, negative = np.sort(with_subject), np.sort(without)
    candidates = np.unique(np.concatenate([positive, negative]))
    recall = 1 - np.searchsorted(positive, candidates) / len(positive)
    rejected = np.searchsorted(negative, candidates) / len(negative)
    allowed = recall >= min(LEAST_RECALL, float(recall.max()))
    return float(candidates[np.argmax(np.where(allowed, recall + rejected, -1))])


def calibrate(predictor: Predictor, pairs: Sequence[Pair], seed: int = 0) -> dict[str, Any]:
    """{subject_threshold, subject: {precision, recall, ...}, uncertainty: {spearman, ...}} by pictures with masks."""
    cuts = [predictor.predict(pair.rgb) for pair in pairs]
    scores = [cut.subject_score for cut in cuts]
    empty = [predictor.predict(rgb).subject_score for rgb in empty_pictures(pairs, seed)]
    threshold = best_threshold(scores, empty)
    found = sum(score >= threshold for score in scores)
    wrong = sum(score >= threshold for score in empty)
    errors = [1 - iou(cut.alpha, pair.mask) for cut, pair in zip(cuts, pairs, strict=True)]
    correlation = spearmanr([cut.uncertainty for cut in cuts], errors).statistic
    return {
        "subject_threshold": round(threshold, 4),
        "subject": {
            "precision": round(found / max(found + wrong, 1), 4),
            "recall": round(found / len(scores), 4),
            "rejected": round(1 - wrong / len(empty), 4),
            "with_subject": len(scores),
            "without": len(empty),
        },
        "uncertainty": {"spearman": round(float(correlation), 4), "pictures": len(cuts)},
    }
