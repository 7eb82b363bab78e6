"""How far the network's own maps disagree, and whether they found a subject; both from the pass that made the mask."""

from __future__ import annotations

from torch import Tensor

CERTAIN_SHARE = 0.01
SUBJECT_SHARE = 0.02


def uncertainty(refined: Tensor, coarse: Tensor) -> float:
    """0 (certain) to 1: one minus the soft IoU of two maps of probabilities, H×W each.

    Two maps agree fully only where both say a clear yes or no, so that soft, wide edges count as disagreement too.
    One hundredth of the picture is counted as agreed upon: where both find nothing there is nothing to correct.
    """
    agreed = CERTAIN_SHARE * refined.numel()
    intersection = (refined * coarse).sum()
    union = refined.sum() + coarse.sum() - intersection
    return float(1 - (intersection + agreed) / (union + agreed))


def subject_score(probability: Tensor) -> float:
    """0 to 1: the mean of the highest 2 % of an H×W map's probabilities."""
    flat = probability.flatten()
    return float(flat.topk(max(1, round(flat.numel() * SUBJECT_SHARE))).values.mean())
