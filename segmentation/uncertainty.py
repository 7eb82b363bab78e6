"""How far the network's own maps disagree, and whether they found a subject; both from the pass that made the mask."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import max_pool2d

BAND = 7
SUBJECT_SHARE = 0.02


def band(probability: Tensor, width: int = BAND) -> Tensor:
    """H×W bool: within `width` // 2 pixels of the 0.5 contour of an H×W map of probabilities."""
    inside = (probability >= 0.5).to(probability.dtype)[None]
    grown = max_pool2d(inside, width, stride=1, padding=width // 2)
    shrunk = -max_pool2d(-inside, width, stride=1, padding=width // 2)
    return (grown != shrunk)[0]


def uncertainty(probabilities: Tensor) -> float:
    """0 (the maps agree) to 1: mean over the contour's band of the deviation across M×H×W maps, final first.

    A deviation of probabilities is at most one half, hence the factor two. Without a contour the whole map counts.
    """
    deviation = probabilities.std(0, correction=0) * 2
    near = band(probabilities[0])
    return float(deviation[near].mean() if near.any() else deviation.mean())


def subject_score(probability: Tensor) -> float:
    """0 to 1: the mean of the highest 2 % of an H×W map's probabilities."""
    flat = probability.flatten()
    return float(flat.topk(max(1, round(flat.numel() * SUBJECT_SHARE))).values.mean())
