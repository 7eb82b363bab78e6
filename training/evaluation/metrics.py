"""Figures of soft masks against the truth, as the salient-object literature defines them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Map = NDArray[np.uint8]
BETA_SQUARED = 0.3


def precision_recall(alpha: Map, truth: Map) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Precision and recall of alpha ≥ t for t = 0..255; alpha and truth are H×W uint8, truth is cut at 128."""
    positive = truth >= 128
    hits = np.bincount(alpha[positive], minlength=256)[::-1].cumsum()[::-1]
    misses = np.bincount(alpha[~positive], minlength=256)[::-1].cumsum()[::-1]
    precision = hits / np.maximum(hits + misses, 1)
    recall = hits / max(int(positive.sum()), 1)
    return precision, recall


def f_beta(precision: NDArray[np.float64], recall: NDArray[np.float64]) -> NDArray[np.float64]:
    """F measure with β² = 0.3 (Achanta et al. 2009); 0 where both are 0."""
    weighted = BETA_SQUARED * precision + recall
    return (1 + BETA_SQUARED) * precision * recall / np.where(weighted > 0, weighted, 1)


def mean_absolute_error(alpha: Map, truth: Map) -> float:
    """Mean |alpha − truth| in 0..1; the truth is cut at 128."""
    return float(np.abs(alpha / 255.0 - (truth >= 128)).mean())


def iou(alpha: Map, truth: Map) -> float:
    """Intersection over union of both cut at 128; 1 when both are empty."""
    a, b = alpha >= 128, truth >= 128
    union = int((a | b).sum())
    return float((a & b).sum() / union) if union else 1.0


def contour(binary: NDArray[np.bool_]) -> NDArray[np.bool_]:
    inner: NDArray[np.bool_] = ndimage.binary_erosion(binary, border_value=1)
    return binary & ~inner


def boundary_f(alpha: Map, truth: Map, tolerance: float = 0.0075) -> float:
    """F1 of the contours (Perazzi et al. 2016): matched within `tolerance` of the diagonal; 1 when both have none."""
    a, b = contour(alpha >= 128), contour(truth >= 128)
    if not a.any() and not b.any():
        return 1.0
    if not a.any() or not b.any():
        return 0.0
    radius = max(1.0, tolerance * float(np.hypot(*alpha.shape)))
    precision = float((ndimage.distance_transform_edt(~b)[a] <= radius).mean())
    recall = float((ndimage.distance_transform_edt(~a)[b] <= radius).mean())
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


@dataclass
class Figures:
    """Gathers the figures of a set of pictures.

    max_f_beta is the largest F of the precision and recall averaged over the pictures, as BASNet's authors compute it.
    """

    precisions: list[NDArray[np.float64]] = field(default_factory=list)
    recalls: list[NDArray[np.float64]] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    ious: list[float] = field(default_factory=list)
    boundaries: list[float] = field(default_factory=list)

    def add(self, alpha: Map, truth: Map) -> None:
        precision, recall = precision_recall(alpha, truth)
        self.precisions.append(precision)
        self.recalls.append(recall)
        self.errors.append(mean_absolute_error(alpha, truth))
        self.ious.append(iou(alpha, truth))
        self.boundaries.append(boundary_f(alpha, truth))

    def summary(self) -> dict[str, float]:
        """mean_iou, mean_boundary_f, mae, max_f_beta, each in 0..1; ValueError when nothing was added."""
        if not self.ious:
            raise ValueError("No pictures were added: figures need at least one.")
        curve = f_beta(np.mean(self.precisions, 0), np.mean(self.recalls, 0))
        return {
            "mean_iou": float(np.mean(self.ious)),
            "mean_boundary_f": float(np.mean(self.boundaries)),
            "mae": float(np.mean(self.errors)),
            "max_f_beta": float(curve.max()),
        }
