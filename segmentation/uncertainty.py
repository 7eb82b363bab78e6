"""How far the network's own maps disagree, and whether they found a subject; both from the pass that made the mask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

CERTAIN_SHARE = 0.01
SUBJECT_SHARE = 0.02

Map = NDArray[np.float32]


def uncertainty(refined: Map, coarse: Map) -> float:
    """0 (certain) to 1: one minus the soft IoU of two maps of probabilities, H×W each.

    Two maps agree fully only where both say a clear yes or no, so that soft, wide edges count as disagreement too.
    One hundredth of the picture is counted as agreed upon: where both find nothing there is nothing to correct.
    """
    agreed = CERTAIN_SHARE * refined.size
    intersection = float((refined * coarse).sum(dtype=np.float64))
    union = float(refined.sum(dtype=np.float64) + coarse.sum(dtype=np.float64)) - intersection
    return 1 - (intersection + agreed) / (union + agreed)


def subject_score(refined: Map, coarse: Map, card: Mapping[str, Any]) -> float:
    """0 to 1: how surely there is a subject; it counts as found from `card["subject_threshold"]` on.

    A card without a calibrated score is answered by the mean of the refined map's highest 2 %.
    """
    return highest(refined, SUBJECT_SHARE)


def highest(probability: Map, share: float) -> float:
    """The mean of the highest `share` of an H×W map."""
    flat = probability.ravel()
    count = max(1, round(flat.size * share))
    return float(np.partition(flat, flat.size - count)[-count:].mean(dtype=np.float64))
